"""Nodes: read, held, added, changed."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from chassis.clock import sandbox_now
from chassis.db import ReadTx, Tx, driver, violated
from services.incentive.budgets.domain import Bucket, Budget, Kind, Period
from services.incentive.budgets.errors import BudgetExists, BudgetNotFound

_NODE = """
SELECT budget_id, cap, committed, reserved, leased, excess, ancestors, kind, scope, name, asset, period, time_zone,
       soft, killed, bucket_start, bucket_end, create_time
FROM budget
"""

_INSERT = """
INSERT INTO budget (budget_id, cap, committed, ancestors, kind, scope, name, asset, period, time_zone, soft,
                    bucket_start, bucket_end, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, coalesce($14, clock_timestamp()))
"""

_FIND = f"{_NODE} WHERE budget_id = ANY($1::uuid[])"

_LOCK = f"{_FIND} ORDER BY budget_id FOR NO KEY UPDATE"

# The nodes of wants: those wanted, all above them, and their children for what the wants are about.
_CONCERNED = """
SELECT budget_id FROM budget WHERE budget_id = ANY($1::uuid[])
UNION SELECT unnest(ancestors) FROM budget WHERE budget_id = ANY($1::uuid[])
UNION SELECT child.budget_id
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS part (parent_id, kind, scope)
JOIN budget AS child ON child.ancestors[1] = part.parent_id AND child.kind = part.kind AND child.scope = part.scope
WHERE child.scope <> ''
"""

_LIST = f"""
{_NODE} WHERE budget_id > $1 AND ($2::uuid IS NULL OR ancestors[1] = $2)
    AND ($3 = '' OR kind = 'store' AND scope = $3)
ORDER BY budget_id LIMIT $4
"""

# A cap below what is used leaves an excess; it shrinks as things are put back.
_SAVE_CAP = """
UPDATE budget SET cap = $2, excess = greatest(0, committed + reserved + leased - $2) WHERE budget_id = $1
"""


async def get_time(tx: ReadTx) -> datetime:
    """The time that periods go by: the database's, which all replicas share; a sandbox's in a sandbox."""
    now: datetime = sandbox_now() or await (await driver(tx)).fetchval("SELECT clock_timestamp()")
    return now


async def insert_budget(tx: Tx, budget: Budget) -> None:
    """Add a budget. Raises `BudgetExists`."""
    start, end = budget.bucket or (None, None)
    try:
        await (await driver(tx)).execute(
            _INSERT,
            budget.budget_id,
            budget.cap,
            budget.committed,
            budget.ancestors,
            budget.kind,
            budget.scope,
            budget.name,
            budget.asset,
            budget.period,
            budget.time_zone,
            budget.soft,
            start,
            end,
            budget.create_time,
        )
    except asyncpg.UniqueViolationError as error:
        if violated(error) != "budget_scope_key" or budget.parent_id is None:
            raise
        raise BudgetExists(budget.parent_id, budget.kind.upper(), budget.scope) from error


async def find_budgets(tx: ReadTx, budget_ids: Collection[UUID]) -> dict[UUID, Budget]:
    """The budgets of these ids."""
    rows = await (await driver(tx)).fetch(_FIND, list(budget_ids))
    return {row[0]: _budget(row) for row in rows}


async def get_budget(tx: ReadTx, budget_id: UUID) -> Budget:
    """A budget. Raises `BudgetNotFound`."""
    found = await find_budgets(tx, [budget_id])
    if budget_id not in found:
        raise BudgetNotFound(budget_id)
    return found[budget_id]


async def list_budgets(tx: ReadTx, *, parent_id: UUID | None, store_id: str, after: UUID, limit: int) -> list[Budget]:
    """Budgets, oldest first; of a parent and of a store, if they are given."""
    return [_budget(row) for row in await (await driver(tx)).fetch(_LIST, after, parent_id, store_id, limit)]


async def find_concerned(
    tx: ReadTx, budget_ids: Collection[UUID], parts: Collection[tuple[UUID, Kind, str]]
) -> set[UUID]:
    """The ids of these budgets, of all above them, and of their children of these kinds and scopes."""
    columns = ([part[index] for part in parts] for index in range(3))
    rows = await (await driver(tx)).fetch(_CONCERNED, list(budget_ids), *columns)
    return {row[0] for row in rows}


async def lock_budgets(tx: Tx, budget_ids: Collection[UUID]) -> list[Budget]:
    """Hold budgets, in key order."""
    rows = await (await driver(tx)).fetch(_LOCK, list(budget_ids))
    return [_budget(row) for row in rows]


async def lock_budget(tx: Tx, budget_id: UUID) -> Budget:
    """Hold one budget. Raises `BudgetNotFound`."""
    for budget in await lock_budgets(tx, [budget_id]):
        return budget
    raise BudgetNotFound(budget_id)


async def save_cap(tx: Tx, budget_id: UUID, cap: int) -> None:
    """Change the cap of a held budget."""
    await (await driver(tx)).execute(_SAVE_CAP, budget_id, cap)


async def save_switch(tx: Tx, budget_id: UUID, *, killed: bool) -> None:
    """Turn the kill switch of a held budget."""
    await (await driver(tx)).execute("UPDATE budget SET killed = $2 WHERE budget_id = $1", budget_id, killed)


def _budget(row: Any) -> Budget:
    budget_id, cap, committed, reserved, leased, excess, ancestors, kind, scope, name, asset, period, *rest = row
    time_zone, soft, killed, start, end, create_time = rest
    return Budget(
        budget_id=budget_id,
        cap=cap,
        committed=committed,
        reserved=reserved,
        leased=leased,
        excess=excess,
        ancestors=tuple(ancestors),
        kind=Kind(kind),
        scope=scope,
        name=name,
        asset=asset,
        period=Period(period),
        time_zone=time_zone,
        soft=soft,
        killed=killed,
        bucket=Bucket(start, end) if start else None,
        create_time=create_time,
    )
