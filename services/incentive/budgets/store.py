"""Every statement on budgets."""

from collections.abc import Collection, Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.budgets.domain import Budget, Want

_INSERT = "INSERT INTO budget (budget_id, cap, committed) VALUES ($1, $2, $3)"

_FIND = "SELECT budget_id, cap, committed FROM budget WHERE budget_id = ANY($1::uuid[])"

_LOCK = f"{_FIND} ORDER BY budget_id FOR NO KEY UPDATE"

# The rows are held, so that the condition cannot fail; it and the table's check say again what must never happen.
_MOVE = """
UPDATE budget SET committed = committed + moved.amount
FROM unnest($1::uuid[], $2::bigint[]) AS moved (budget_id, amount)
WHERE budget.budget_id = moved.budget_id AND committed + moved.amount BETWEEN 0 AND cap
"""


class Overspent(AssertionError):
    """A held budget could not pay what it was found to hold."""


async def insert_budget(tx: Tx, budget: Budget) -> None:
    """Add a budget."""
    await (await driver(tx)).execute(_INSERT, budget.budget_id, budget.cap, budget.committed)


async def find_budgets(tx: ReadTx, budget_ids: Collection[UUID]) -> dict[UUID, Budget]:
    """The budgets of these ids."""
    rows = await (await driver(tx)).fetch(_FIND, list(budget_ids))
    return {row[0]: Budget(*row) for row in rows}


async def lock_budgets(tx: Tx, budget_ids: Collection[UUID]) -> list[Budget]:
    """Hold budgets, in key order."""
    rows = await (await driver(tx)).fetch(_LOCK, list(budget_ids))
    return [Budget(*row) for row in rows]


async def save_moved(tx: Tx, moved: Sequence[Want]) -> None:
    """Move the committed amounts of held budgets."""
    if not moved:
        return
    result = await (await driver(tx)).execute(_MOVE, [w.budget_id for w in moved], [w.amount for w in moved])
    if int(result.split()[-1]) != len(moved):
        raise Overspent(f"{len(moved)} budgets to move, {result}")
