"""Every column of sealed text, sealed with the newest key, a little at a time; also what was written open before."""

from collections.abc import Awaitable
from typing import NamedTuple, Protocol
from uuid import UUID

from chassis.db import Database, Tx
from services.profile.attributes import store as attributes
from services.profile.groups import store as groups
from services.profile.identity import store as identity
from services.profile.privacy import store
from services.profile.rejections import store as rejections
from services.profile.timeline import store as timeline
from services.profile.vault.domain import Vault

ROWS_AT_ONCE = 500


class _Reseal(Protocol):
    """Seals anew some rows after one, and returns the last of them."""

    def __call__(self, tx: Tx, vault: Vault, after: UUID, *, limit: int) -> Awaitable[UUID | None]: ...


class Table(NamedTuple):
    """The sealed columns of a table. `was_plain`: a release wrote them open, and a service waits until none is left."""

    columns: tuple[str, ...]
    reseal: _Reseal
    was_plain: bool = False


TABLES = {
    "identifier": Table(("value",), identity.reseal_identifiers, was_plain=True),
    "conflict": Table(("value",), identity.reseal_conflicts, was_plain=True),
    "identifier_move": Table(("value",), identity.reseal_moves, was_plain=True),
    "merge": Table(("identifiers", "before"), identity.reseal_merges, was_plain=True),
    "event": Table(("named", "properties", "context"), timeline.reseal, was_plain=True),
    "attribute_set": Table(("facts",), attributes.reseal, was_plain=True),
    "blocked_value": Table(("value",), identity.reseal_blocked, was_plain=True),
    "happening": Table(("properties",), timeline.reseal_happenings),
    "rejection": Table(("raw",), rejections.reseal),
    "people_group": Table(("facts",), groups.reseal),
    "bundle_part": Table(("lines",), store.reseal_parts),
}
"""All that is sealed at rest. What is not named here keeps its key for ever: a test holds all columns against it."""


async def reseal(db: Database, vault: Vault, *, unkeyed_only: bool = False, limit: int = ROWS_AT_ONCE) -> int:
    """Seal anew what the key of the vault's version did not seal. Returns how many portions that took.

    `unkeyed_only`: no more than what was written before it was sealed, without which nobody is found.

    Each portion is a transaction that notes how far it came: whoever is stopped goes on there. Nobody settles who is
    who meanwhile; a portion is short.
    """
    portions = 0
    for name in (name for name, table in TABLES.items() if table.was_plain or not unkeyed_only):
        while await db.transact(lambda tx, name=name: _portion(tx, vault, name, unkeyed_only, limit)):  # type: ignore[misc]
            portions += 1
    return portions


async def _portion(tx: Tx, vault: Vault, name: str, unkeyed_only: bool, limit: int) -> bool:
    """Returns whether there may be more."""
    after = await store.hold_resealing(tx, name, vault.version, unkeyed_only=unkeyed_only)
    if after is None:
        return False
    await identity.take_turn(tx, alone=True)
    last = await TABLES[name].reseal(tx, vault, after, limit=limit)
    await store.save_resealing(tx, name, vault.version, last)
    return last is not None
