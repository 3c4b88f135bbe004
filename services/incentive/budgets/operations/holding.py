"""Holding nodes: each in the period of now, with the leases that are over counted as spent."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import domain, store
from services.incentive.budgets.domain import Budget, Lease, Move, Tally


async def hold(
    tx: Tx, budget_ids: Collection[UUID], short: Callable[[Budget], bool] = lambda _: False, own: Collection[UUID] = ()
) -> list[Budget]:
    """Hold nodes until the transaction ends, and close the `own` leases.

    Where what the rows themselves hold is too `short`, all leases on the node are called back: it is waited for those
    who draw on them at this moment.
    """
    held = await _hold(tx, budget_ids, own=own)
    recalled = {budget.budget_id for budget in held if budget.leased and short(budget)}
    return await _hold(tx, budget_ids, recalled=recalled) if recalled else held


async def _hold(
    tx: Tx, budget_ids: Collection[UUID], *, recalled: Collection[UUID] = (), own: Collection[UUID] = ()
) -> list[Budget]:
    held = await store.lock_budgets(tx, budget_ids)
    if await _roll(tx, held):
        held = await store.lock_budgets(tx, budget_ids)
    if all(budget.leased == 0 and budget.bucket is None for budget in held):
        return held
    leases = await store.lock_over(tx, budget_ids, recalled=recalled, own=own)
    if not leases:
        return held
    await _fold(tx, held, leases)
    return await store.lock_budgets(tx, budget_ids)


async def _roll(tx: Tx, held: Sequence[Budget]) -> bool:
    """Begin the periods that are due."""
    if all(budget.bucket is None for budget in held):
        return False
    now = await store.get_time(tx)
    late = [budget for budget in held if budget.bucket and now >= budget.bucket.end]
    for budget in late:
        await store.roll(tx, budget.at(now))
    return bool(late)


async def _fold(tx: Tx, held: Sequence[Budget], leases: Sequence[Lease]) -> None:
    """Count leases that are over at held nodes: in the period that they were taken in."""
    nodes = {budget.budget_id: budget for budget in held}
    ended = domain.folded(leases, nodes)
    moves = [Move(node, lease.spent, leased=-lease.amount, time=lease.lease_time) for node, lease in ended]
    counts: dict[UUID, Tally] = {}
    for node, lease in ended:
        tally = counts.setdefault(node, Tally())
        tally.decisions += lease.decisions
        tally.grants += lease.grants
    await store.save_moved(tx, domain.merged(moves, nodes))
    await store.count(tx, counts)
    await store.save_folded(tx, leases, nodes)
