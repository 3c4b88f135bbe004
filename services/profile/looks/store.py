"""Every statement about looks, and who may see whom."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.looks.domain import Look

_LOOK = ", ".join(Look._fields)
_ADD_LOOKS = f"""
INSERT INTO audit_entry ({_LOOK})
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
"""  # noqa: S608 (names of our own)
_LOOKS = f"""
SELECT {_LOOK} FROM audit_entry
WHERE ($1::uuid[] IS NULL OR profile_id = ANY($1)) AND audit_id < $2 ORDER BY audit_id DESC LIMIT $3
"""  # noqa: S608 (names of our own)
_SPEND = """
INSERT INTO lookup_window AS held (principal, start_time, spent) VALUES ($1, $2, $3)
ON CONFLICT (principal) DO UPDATE SET start_time = excluded.start_time,
    spent = excluded.spent + CASE WHEN held.start_time = excluded.start_time THEN held.spent ELSE 0 END
RETURNING spent
"""
_IS_CUSTOMER = """
SELECT EXISTS (
    SELECT FROM membership
    WHERE type = 2 AND group_id = $2 AND start_time <= $3 AND (end_time IS NULL OR $3 < end_time)
      AND (profile_id = $1 OR profile_id IN (SELECT loser_id FROM redirect WHERE survivor_id = $1))
)
"""


async def add_look(tx: Tx, look: Look) -> None:
    """Note that somebody saw personal data."""
    values = ", ".join(f"${n}" for n in range(1, len(look) + 1))
    await (await driver(tx)).execute(f"INSERT INTO audit_entry ({_LOOK}) VALUES ({values})", *look)  # noqa: S608


async def add_looks(tx: Tx, looks: Sequence[Look]) -> None:
    """Note that somebody saw people."""
    if looks:
        await (await driver(tx)).execute(_ADD_LOOKS, *map(list, zip(*looks, strict=True)))


async def list_looks(tx: ReadTx, profile_ids: Sequence[UUID] | None, *, after: UUID, limit: int) -> list[Look]:
    """Looks at people, or at anybody, the latest first."""
    return [Look._make(row) for row in await (await driver(tx)).fetch(_LOOKS, profile_ids, after, limit)]


async def spend(tx: Tx, principal: str, window: datetime, cost: int) -> int:
    """Count a look-up of a key in a window, which starts anew with each window. Returns what is spent in it."""
    spent: int = await (await driver(tx)).fetchval(_SPEND, principal, window, cost)
    return spent


async def is_customer(tx: ReadTx, profile_id: UUID, store_id: str, *, now: datetime) -> bool:
    """Whether somebody who lives on is a customer of a store, under whatever id they became one."""
    found: bool = await (await driver(tx)).fetchval(_IS_CUSTOMER, profile_id, store_id, now)
    return found
