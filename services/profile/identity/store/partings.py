"""Making two people of one again: redirects, identifiers, counts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import ReadTx, Tx, driver
from services.profile.identity.domain import StoredIdentifier
from services.profile.identity.store import forms
from services.profile.vault.domain import Vault

_LEAD_BACK = "UPDATE redirect SET survivor_id = $1 WHERE loser_id = ANY($2) AND loser_id <> $1"
_FREE = "DELETE FROM redirect WHERE loser_id = $1"
_GIVE_BACK = """
UPDATE identifier SET profile_id = $2 WHERE profile_id = $1 AND key = ANY($3)
RETURNING key, type, namespace, value, verified
"""
# The profiles through which a merge's survivor leads to whom it is part of now. They all counted what was merged.
_LINE = """
WITH RECURSIVE line (profile_id) AS (
    SELECT $1::uuid
    UNION ALL
    SELECT merge.survivor_id FROM merge JOIN line ON merge.loser_id = line.profile_id WHERE merge.undo_time IS NULL
)
SELECT profile_id FROM line
"""
_UNCOUNT = f"""
UPDATE profile SET merge_count = profile.merge_count - restored.merge_count - 1
FROM profile AS restored
WHERE restored.profile_id = $2 AND profile.profile_id IN ({_LINE})
"""  # noqa: S608 (names of our own)
_KEEP_APART = f"UPDATE profile SET is_apart = true WHERE profile_id = $2 OR profile_id IN ({_LINE})"  # noqa: S608
_FIRST_SEEN = "SELECT min(first_seen_time) FROM identifier WHERE profile_id = $1"
_SET_CREATE_TIME = "UPDATE profile SET create_time = $2 WHERE profile_id = $1"
_CREATE_TIMES = "SELECT profile_id, create_time FROM profile WHERE profile_id = ANY($1)"


async def line_of(tx: ReadTx, profile_id: UUID) -> list[UUID]:
    """The profiles through which one leads to whom it is part of now: the first is itself, the last is that person."""
    return [row["profile_id"] for row in await (await driver(tx)).fetch(_LINE, profile_id)]


async def lead_back(tx: Tx, restored_id: UUID, below: Sequence[UUID]) -> None:
    """Let an id lead to itself again, and to it those that had been merged into it."""
    connection = await driver(tx)
    await connection.execute(_FREE, restored_id)
    await connection.execute(_LEAD_BACK, restored_id, below)


async def give_back(
    tx: Tx, vault: Vault, stored: Collection[bytes], *, from_id: UUID, to_id: UUID
) -> list[StoredIdentifier]:
    """Move those of the identifiers, given by what stands for them, that one person holds to another."""
    rows = await (await driver(tx)).fetch(_GIVE_BACK, from_id, to_id, list(map(pgproto.UUID, stored)))
    return sorted(
        StoredIdentifier(kind, space, forms.value(vault, key, sealed), proven, key)
        for key, kind, space, sealed, proven in rows
    )


async def uncount(tx: Tx, survivor_id: UUID, restored_id: UUID) -> None:
    """Take what was merged with `restored_id` off the counts of all that counted it."""
    await (await driver(tx)).execute(_UNCOUNT, survivor_id, restored_id)


async def keep_apart(tx: Tx, one: UUID, other: UUID) -> None:
    """Have it looked at from whom these two, and whom the first is part of now, are kept apart."""
    await (await driver(tx)).execute(_KEEP_APART, one, other)


async def first_seen(tx: ReadTx, profile_id: UUID) -> datetime | None:
    """When the first of a person's identifiers was seen on it."""
    found: datetime | None = await (await driver(tx)).fetchval(_FIRST_SEEN, profile_id)
    return found


async def create_times(tx: ReadTx, profile_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When people were first seen."""
    return dict(await (await driver(tx)).fetch(_CREATE_TIMES, profile_ids))


async def set_create_time(tx: Tx, profile_id: UUID, create_time: datetime) -> None:
    """Correct when a person was first seen."""
    await (await driver(tx)).execute(_SET_CREATE_TIME, profile_id, create_time)
