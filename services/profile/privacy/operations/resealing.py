"""Every table sealed with the newest key, a little at a time; what was written before there was one, keyed too."""

from chassis.db import Database, Tx
from services.profile.attributes import store as attributes
from services.profile.identity import store as identity
from services.profile.privacy import store
from services.profile.timeline import store as timeline
from services.profile.vault.domain import Vault

ROWS_AT_ONCE = 500

_TABLES = {
    "identifier": identity.reseal_identifiers,
    "conflict": identity.reseal_conflicts,
    "identifier_move": identity.reseal_moves,
    "merge": identity.reseal_merges,
    "event": timeline.reseal,
    "attribute_set": attributes.reseal,
}


async def reseal(db: Database, vault: Vault, *, unkeyed_only: bool = False, limit: int = ROWS_AT_ONCE) -> int:
    """Seal anew what the key of the vault's version did not seal. Returns how many portions that took.

    `unkeyed_only`: no more than what was written before identifiers were sealed, without which nobody is found.

    Each portion is a transaction that notes how far it came: whoever is stopped goes on there. Nobody settles who is
    who meanwhile; a portion is short.
    """
    portions = 0
    for name in _TABLES:
        while await db.transact(lambda tx, name=name: _portion(tx, vault, name, unkeyed_only, limit)):  # type: ignore[misc]
            portions += 1
    return portions


async def _portion(tx: Tx, vault: Vault, name: str, unkeyed_only: bool, limit: int) -> bool:
    """Returns whether there may be more."""
    after = await store.hold_resealing(tx, name, vault.version, unkeyed_only=unkeyed_only)
    if after is None:
        return False
    await identity.take_turn(tx, alone=True)
    last = await _TABLES[name](tx, vault, after, limit=limit)
    await store.save_resealing(tx, name, vault.version, last)
    return last is not None
