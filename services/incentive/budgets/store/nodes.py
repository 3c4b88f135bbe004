"""Nodes: read, held, added, changed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from chassis.clock import sandbox_now
from chassis.db import ReadTx, Tx, driver, violated
from services.incentive.budgets.domain import Bucket, Budget, Kind, Period, Stage
from services.incentive.budgets.errors import BudgetExists, BudgetNotFound
from services.incentive.budgets.store.moves import SLOT_NOW

_COLUMNS = """
cap, ancestors, kind, scope, name, asset, period, time_zone, soft, killed, bucket_start, bucket_end, create_time,
largest, reserved, excess, budget_id, paced, plan_start, plan_end, CASE WHEN paced THEN coalesce(p, 0.1) ELSE 1 END,
coalesce(stage, 'none')
"""

_FROM = """
budget LEFT JOIN (SELECT budget_id AS metered_id, p, stage FROM budget_meter) AS meter ON metered_id = budget_id
"""

_ROW = f"SELECT {_COLUMNS}, committed, leased, decisions, grants FROM {_FROM}"  # noqa: S608 (constants)

# What sessions have given from their leases is given, though the rows count it as leased until the leases are over.
_NODE = f"""
SELECT {_COLUMNS}, committed + coalesce(spent, 0) AS committed_now, leased - coalesce(spent, 0),
       budget.decisions + coalesce(given.decisions, 0) AS decisions_now,
       budget.grants + coalesce(given.grants, 0)
FROM {_FROM} LEFT JOIN (
    SELECT node AS leasing_id, sum(spent)::bigint AS spent, sum(lease.decisions)::bigint AS decisions,
           sum(lease.grants)::bigint AS grants
    FROM budget_lease AS lease CROSS JOIN unnest(lease.unfolded) AS node JOIN budget AS leasing ON budget_id = node
    WHERE lease.lease_time >= coalesce(leasing.bucket_start, '-infinity')
    GROUP BY node
) AS given ON leasing_id = budget_id
"""  # noqa: S608 (constants)

_INSERT = """
INSERT INTO budget (budget_id, cap, committed, ancestors, kind, scope, name, asset, period, time_zone, soft,
                    bucket_start, bucket_end, create_time, paced, plan_start, plan_end)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, coalesce($14, clock_timestamp()), $15, $16, $17)
"""

_FIND = f"{_NODE} WHERE budget_id = ANY($1::uuid[])"

_LOCK = f"{_ROW} WHERE budget_id = ANY($1::uuid[]) ORDER BY budget_id FOR NO KEY UPDATE OF budget"

# The nodes of wants: those wanted, all above them, and their children for what the wants are about.
_CONCERNED = f"""
{_ROW} WHERE budget_id IN (
SELECT budget_id FROM budget WHERE budget_id = ANY($1::uuid[])
UNION SELECT unnest(ancestors) FROM budget WHERE budget_id = ANY($1::uuid[])
UNION SELECT child.budget_id
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS part (parent_id, kind, scope)
JOIN budget AS child ON child.ancestors[1] = part.parent_id AND child.kind = part.kind AND child.scope = part.scope
WHERE child.scope <> ''
)
"""  # noqa: S608 (constants)

_LIST = f"""
{_NODE} WHERE budget_id > $1 AND ($2::uuid IS NULL OR ancestors[1] = $2)
    AND ($3 = '' OR kind = 'store' AND scope = $3)
ORDER BY budget_id LIMIT $4
"""

# What moved up to three minutes before the last look: by then its rates have gone to nothing. Spending from a lease
# moves no node.
_ACTIVE = """
SELECT budget_id FROM budget WHERE paced AND (plan_end IS NULL OR plan_end > $1::timestamptz - interval '1 day')
UNION SELECT budget_id FROM budget WHERE moved_slot >= (SELECT look_slot FROM budget_look) - 18
UNION SELECT unnest(unfolded) FROM budget_lease
"""

_SAVE_LOOK = f"UPDATE budget_look SET look_slot = {SLOT_NOW}"  # noqa: S608 (constants)

# A cap below what is used leaves an excess; it shrinks as things are put back.
_SAVE_CAP = """
UPDATE budget SET cap = $2, excess = greatest(0, committed + reserved + leased - $2) WHERE budget_id = $1
"""

_NOTE_LARGEST = """
UPDATE budget SET largest = seen.largest FROM unnest($1::uuid[], $2::bigint[]) AS seen (budget_id, largest)
WHERE budget.budget_id = seen.budget_id AND budget.largest < seen.largest
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
            budget.paced,
            *(budget.planned or (None, None)),
        )
    except asyncpg.UniqueViolationError as error:
        if violated(error) != "budget_scope_key" or budget.parent_id is None:
            raise
        raise BudgetExists(budget.parent_id, budget.kind.upper(), budget.scope) from error


async def find_budgets(tx: ReadTx, budget_ids: Collection[UUID]) -> dict[UUID, Budget]:
    """The budgets of these ids."""
    rows = await (await driver(tx)).fetch(_FIND, list(budget_ids))
    return {budget.budget_id: budget for budget in map(_budget, rows)}


async def get_budget(tx: ReadTx, budget_id: UUID) -> Budget:
    """A budget. Raises `BudgetNotFound`."""
    found = await find_budgets(tx, [budget_id])
    if budget_id not in found:
        raise BudgetNotFound(budget_id)
    return found[budget_id]


async def list_budgets(tx: ReadTx, *, parent_id: UUID | None, store_id: str, after: UUID, limit: int) -> list[Budget]:
    """Budgets, oldest first; of a parent and of a store, if they are given."""
    return [_budget(row) for row in await (await driver(tx)).fetch(_LIST, after, parent_id, store_id, limit)]


async def find_children(tx: ReadTx, parent_id: UUID, limit: int) -> list[Budget]:
    """The children of a node, oldest first."""
    return await list_budgets(tx, parent_id=parent_id, store_id="", after=UUID(int=0), limit=limit)


async def find_active(tx: Tx, now: datetime) -> list[Budget]:
    """Budgets that are spent to a plan, and those that moved since somebody looked, or not long before. From now on
    somebody looked now."""
    connection = await driver(tx)
    active = [row[0] for row in await connection.fetch(_ACTIVE, now)]
    await connection.execute(_SAVE_LOOK)
    return sorted((await find_budgets(tx, active)).values(), key=lambda budget: budget.budget_id)


async def find_concerned(
    tx: ReadTx, budget_ids: Collection[UUID], parts: Collection[tuple[UUID, Kind, str]]
) -> list[Budget]:
    """These budgets, all above them, and their children of these kinds and scopes; not held."""
    columns = ([part[index] for part in parts] for index in range(3))
    rows = await (await driver(tx)).fetch(_CONCERNED, list(budget_ids), *columns)
    return [_budget(row) for row in rows]


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


async def note_largest(tx: Tx, largest: Mapping[UUID, int]) -> None:
    """Keep the largest wants seen at held budgets."""
    await (await driver(tx)).execute(_NOTE_LARGEST, list(largest.keys()), list(largest.values()))


async def save_switch(tx: Tx, budget_id: UUID, *, killed: bool) -> None:
    """Turn the kill switch of a held budget."""
    await (await driver(tx)).execute("UPDATE budget SET killed = $2 WHERE budget_id = $1", budget_id, killed)


def _budget(row: Any) -> Budget:
    cap, ancestors, kind, scope, name, asset, period, time_zone, soft, killed, start, end, create_time, *rest = row
    largest, reserved, excess, budget_id, paced, plan_start, plan_end, p, stage, *counts = rest
    committed, leased, decisions, grants = counts
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
        largest=largest,
        decisions=decisions,
        grants=grants,
        paced=paced,
        planned=Bucket(plan_start, plan_end) if plan_start else None,
        p=float(p),
        stage=Stage(stage),
    )
