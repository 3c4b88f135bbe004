"""Every statement about what is suppressed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from chassis.ids import array_of
from services.profile.suppressions.domain import Suppression

_COLUMNS = ", ".join(Suppression._fields)
_ADD = f"""
INSERT INTO suppression ({_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT (hash) DO NOTHING
"""  # noqa: S608 (names of our own)
_FIND = "SELECT hash, reason, create_time FROM suppression WHERE hash = ANY($1::text::uuid[])"
_PAGE = f"SELECT {_COLUMNS} FROM suppression WHERE hash > $1 ORDER BY hash LIMIT $2"  # noqa: S608


async def is_empty(tx: ReadTx) -> bool:
    """Whether nothing is suppressed."""
    found: bool = await (await driver(tx)).fetchval("SELECT NOT EXISTS (SELECT FROM suppression)")
    return found


async def find(tx: ReadTx, hashes: Collection[UUID]) -> dict[UUID, tuple[int, datetime]]:
    """Those that are suppressed, with why and since when."""
    if not hashes:
        return {}
    rows = await (await driver(tx)).fetch(_FIND, array_of(each.bytes for each in hashes))
    return {row["hash"]: (row["reason"], row["create_time"]) for row in rows}


async def add(tx: Tx, suppressions: Sequence[Suppression]) -> int:
    """Suppress what is not yet. Returns how many that were."""
    if not suppressions:
        return 0
    rows = sorted({each.hash: each for each in suppressions}.values())
    done: str = await (await driver(tx)).execute(_ADD, *map(list, zip(*rows, strict=True)))
    return int(done.rpartition(" ")[2])


async def remove(tx: Tx, hashes: Collection[UUID]) -> int:
    """Let in again. Returns how many were suppressed."""
    if not hashes:
        return 0
    done: str = await (await driver(tx)).execute("DELETE FROM suppression WHERE hash = ANY($1)", sorted(hashes))
    return int(done.rpartition(" ")[2])


async def page(tx: ReadTx, *, after: UUID, limit: int) -> list[Suppression]:
    """What is suppressed, by hash."""
    return [Suppression._make(row) for row in await (await driver(tx)).fetch(_PAGE, after, limit)]
