"""What operators change about nodes. All leases on a node are called back before its rules change."""

from dataclasses import replace
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import domain, store
from services.incentive.budgets.domain import Budget
from services.incentive.budgets.errors import BudgetInvalid, BudgetNotFound
from services.incentive.budgets.operations.holding import hold


async def create_budget(tx: Tx, budget: Budget, parent_id: UUID | None) -> Budget:
    """Add a node. Whoever spends from the parent does so before the node is there, or sees it.

    Raises `BudgetNotFound` for the parent, `BudgetInvalid`, `BudgetExists`.
    """
    if parent_id is not None:
        parent = await _alone(tx, parent_id)
        if violations := list(domain.below(parent, budget.kind, budget.asset)):
            raise BudgetInvalid(violations)
        budget = replace(budget, ancestors=parent.path, asset=parent.asset)
    now = await store.get_time(tx)
    budget = replace(budget, bucket=domain.bucket_of(budget.period, budget.time_zone, now), create_time=now)
    await store.insert_budget(tx, budget)
    return budget


async def update_cap(tx: Tx, budget_id: UUID, cap: int) -> Budget:
    """Change a cap: what is spent stays spent. Raises `BudgetNotFound`."""
    await _alone(tx, budget_id)
    await store.save_cap(tx, budget_id, cap)
    return await store.get_budget(tx, budget_id)


async def move_cap(tx: Tx, budget_id: UUID, to_budget_id: UUID, amount: int, *, keep: int = 0) -> int:
    """Lower the cap of a root and raise that of another by as much: the amount, as far as more than `keep` is left of
    the first. Returns how much; nothing while the first is killed. Raises `BudgetNotFound`."""
    held = {budget.budget_id: budget for budget in await hold(tx, [budget_id, to_budget_id], lambda _: True)}
    for each in (budget_id, to_budget_id):
        if each not in held:
            raise BudgetNotFound(each)
    source, target = held[budget_id], held[to_budget_id]
    moved = 0 if source.killed else min(amount, max(0, source.left - keep))
    if moved:
        await store.save_cap(tx, budget_id, source.cap - moved)
        await store.save_cap(tx, to_budget_id, target.cap + moved)
    return moved


async def set_kill_switch(tx: Tx, budget_id: UUID, *, killed: bool) -> Budget:
    """Stop or resume a node and all below it. Raises `BudgetNotFound`.

    Whoever spends after the commit sees it. Those who draw on leases at this moment have seen the time before: they are
    waited for by `end_leases`, in a transaction of its own, so that the switch is on meanwhile.
    """
    await store.lock_budget(tx, budget_id)
    await store.save_switch(tx, budget_id, killed=killed)
    return await store.get_budget(tx, budget_id)


async def end_leases(tx: Tx, budget_id: UUID) -> None:
    """Call all leases on a node back. Raises `BudgetNotFound`."""
    await _alone(tx, budget_id)


async def _alone(tx: Tx, budget_id: UUID) -> Budget:
    """Hold a node of which nothing is leased. Raises `BudgetNotFound`."""
    for budget in await hold(tx, [budget_id], lambda _: True):
        return budget
    raise BudgetNotFound(budget_id)
