"""Pairs of profiles that are not one person, whatever links them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.identity.domain import Author, Separation

LISTED_MAX = 1_000

_COLUMNS = "low_id, high_id, merge_id, actor, note, create_time"
_ADD = f"INSERT INTO separation ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"  # noqa: S608
_GET = f"SELECT {_COLUMNS} FROM separation WHERE low_id = $1 AND high_id = $2"  # noqa: S608 (names of our own)
_LIST = f"""
SELECT {_COLUMNS} FROM separation WHERE low_id = ANY($1) OR high_id = ANY($1)
ORDER BY create_time DESC, low_id, high_id LIMIT {LISTED_MAX}
"""  # noqa: S608 (names of our own)
_REMOVE = (
    "DELETE FROM separation WHERE (low_id = ANY($1) AND high_id = ANY($2)) OR (low_id = ANY($2) AND high_id = ANY($1))"
)


async def separate(
    tx: Tx, one: UUID, other: UUID, author: Author, *, merge_id: UUID | None = None, now: datetime
) -> Separation:
    """Say that two profiles are not one person. Returns what was said before, if it was."""
    connection, low, high = await driver(tx), min(one, other), max(one, other)
    await connection.execute(_ADD, low, high, merge_id, author.actor, author.note, now)
    return Separation(*await connection.fetchrow(_GET, low, high))


async def list_separations(tx: ReadTx, profile_ids: Sequence[UUID]) -> list[Separation]:
    """Who is kept apart from any of the profiles, newest first, at most `LISTED_MAX`."""
    return [Separation(*row) for row in await (await driver(tx)).fetch(_LIST, profile_ids)]


async def unite(tx: Tx, some: Sequence[UUID], others: Sequence[UUID]) -> None:
    """Take back that any of some profiles and any of others are not one person."""
    await (await driver(tx)).execute(_REMOVE, some, others)
