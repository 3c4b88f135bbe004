"""Reading people: by id, by identifier, by their merges."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.caller import Caller
from chassis.db import ReadTx, driver
from chassis.errors import PermissionDenied
from services.profile.identity.domain import LinkReading
from services.profile.identity.errors import ProfileNotFound
from services.profile.identity.store import forms
from services.profile.vault.domain import Vault

_OWNERS = "SELECT key, profile_id FROM identifier WHERE key = ANY($1)"
_ROOTS = "SELECT loser_id, survivor_id FROM redirect WHERE loser_id = ANY($1)"
_FLAGS = """
SELECT bool_or(is_restricted), bool_or(is_personalization_off) FROM processing
WHERE profile_id = $1 OR profile_id IN (SELECT loser_id FROM redirect WHERE survivor_id = $1)
"""
_CONTACTS = "SELECT profile_id, key, value FROM identifier WHERE profile_id = ANY($1) AND type = $2"
_UNINDEXED = "SELECT key, value FROM identifier WHERE type = 'phone' AND phone_tokens IS NULL LIMIT $1"
_EVERYONE = "SELECT loser_id FROM redirect WHERE survivor_id = $1"
_LINKS = """
SELECT key, type, namespace, value, verified, first_seen_time, last_seen_time, last_verified_time, suspect_time,
       source_id, event_id, trust
FROM identifier WHERE profile_id = $1
ORDER BY first_seen_time, key
"""


class Reading(NamedTuple):
    """A person who lives on, with all identifiers."""

    profile_id: UUID
    create_time: datetime
    links: tuple[LinkReading, ...]


async def owners(tx: ReadTx, vault: Vault, keys: Collection[bytes]) -> dict[bytes, UUID]:
    """Who holds the identifiers: one look at one index. Those that nobody holds are not in the answer."""
    asked = {vault.index(key): key for key in keys}
    rows = await (await driver(tx)).fetch(_OWNERS, list(map(pgproto.UUID, asked)))
    return {asked[row["key"].bytes]: row["profile_id"] for row in rows}


async def roots_of(tx: ReadTx, profile_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Where ids lead now; an id that leads nowhere else leads to itself."""
    found = dict(await (await driver(tx)).fetch(_ROOTS, list(profile_ids)))
    return {profile_id: found.get(profile_id, profile_id) for profile_id in profile_ids}


async def root_of(tx: ReadTx, profile_id: UUID) -> UUID:
    """Where an id leads now."""
    return (await roots_of(tx, [profile_id]))[profile_id]


async def living(tx: ReadTx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those of the ids that are somebody's."""
    rows = await (await driver(tx)).fetch("SELECT profile_id FROM profile WHERE profile_id = ANY($1)", [*profile_ids])
    return {row["profile_id"] for row in rows}


async def everyone_of(tx: ReadTx, profile_id: UUID) -> list[UUID]:
    """A person's own id and all that were merged into it. Raises `ProfileNotFound`."""
    connection = await driver(tx)
    if not await connection.fetchval("SELECT true FROM profile WHERE profile_id = $1", profile_id):
        raise ProfileNotFound(profile_id=str(profile_id))
    return [profile_id, *(row["loser_id"] for row in await connection.fetch(_EVERYONE, profile_id))]


async def own(tx: ReadTx, caller: Caller, asked: UUID) -> list[UUID]:
    """All ids of the person whom an id means, the one that stands for them first.

    Raises `ProfileNotFound`, and `PermissionDenied` for a shopper who asks for somebody else.
    """
    if not caller.profile_id:
        return await everyone_of(tx, await root_of(tx, asked))
    try:
        shopper = UUID(caller.profile_id)
    except ValueError:
        raise PermissionDenied("the shopper's token names no profile") from None
    roots = await roots_of(tx, [asked, shopper])
    if roots[asked] != roots[shopper]:
        raise PermissionDenied("another person's profile")
    return await everyone_of(tx, roots[asked])


async def contacts_of(tx: ReadTx, vault: Vault, type_name: str, profile_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The phone numbers, or e-mail addresses, of people."""
    found: dict[UUID, list[str]] = {each: [] for each in profile_ids}
    for profile_id, stored, sealed in await (await driver(tx)).fetch(_CONTACTS, list(profile_ids), type_name):
        found[profile_id].append(forms.value(vault, stored, sealed))
    return found


async def unindexed_phones(tx: ReadTx, vault: Vault, *, limit: int) -> list[tuple[UUID, str]]:
    """Phone numbers that no search finds yet, with what stands for them."""
    rows = await (await driver(tx)).fetch(_UNINDEXED, limit)
    return [(stored, forms.value(vault, stored, sealed)) for stored, sealed in rows]


async def flags_of(tx: ReadTx, profile_id: UUID) -> tuple[bool, bool]:
    """Whether a person is restricted to storage, and whether they want no automated decisions, under any id."""
    row = await (await driver(tx)).fetchrow(_FLAGS, profile_id)
    return bool(row[0]), bool(row[1])


async def get_profile(tx: ReadTx, vault: Vault, profile_id: UUID) -> Reading:
    """Read a person who lives on. Raises `ProfileNotFound`."""
    connection = await driver(tx)
    row = await connection.fetchrow("SELECT profile_id, create_time FROM profile WHERE profile_id = $1", profile_id)
    if row is None:
        raise ProfileNotFound(profile_id=str(profile_id))
    links = tuple(_link(vault, *link) for link in await connection.fetch(_LINKS, profile_id))
    return Reading(row["profile_id"], row["create_time"], links)


def _link(vault: Vault, stored: UUID, *link: Any) -> LinkReading:
    reading = LinkReading(*link)
    return reading._replace(value=forms.value(vault, stored, reading.value))
