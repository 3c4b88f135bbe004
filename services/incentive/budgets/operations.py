"""What changes budgets: lock in key order, decide, save in one statement per table.

Whoever spends opens a purse, takes from it and saves it, in one transaction with what it is spent on.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import domain, store
from services.incentive.budgets.domain import Budget, Purse, Want
from services.incentive.budgets.errors import BudgetInvalid, ConcernedMeanwhile


async def create_budget(tx: Tx, budget: Budget, parent_id: UUID | None) -> Budget:
    """Add a node. Its parent is held: whoever spends from the parent sees the node before or after, not in between.

    Raises `BudgetNotFound` for the parent, `BudgetInvalid`, `BudgetExists`.
    """
    if parent_id is not None:
        parent = await store.lock_budget(tx, parent_id)
        if violations := list(domain.below(parent, budget.kind, budget.asset)):
            raise BudgetInvalid(violations)
        budget = replace(budget, ancestors=parent.path, asset=parent.asset)
    now = await store.get_time(tx)
    bucket = domain.bucket_of(budget.period, budget.time_zone, now)
    budget = replace(budget, bucket=bucket, create_time=now)
    await store.insert_budget(tx, budget)
    return budget


async def update_cap(tx: Tx, budget_id: UUID, cap: int) -> Budget:
    """Change a cap: what is spent stays spent. Raises `BudgetNotFound`."""
    await _hold(tx, {budget_id})
    await store.save_cap(tx, budget_id, cap)
    return await store.get_budget(tx, budget_id)


async def set_kill_switch(tx: Tx, budget_id: UUID, *, killed: bool) -> Budget:
    """Stop or resume a node. Whoever spends holds all nodes above: after the commit nobody does. Raises
    `BudgetNotFound`."""
    await store.lock_budget(tx, budget_id)
    await store.save_switch(tx, budget_id, killed=killed)
    return await store.get_budget(tx, budget_id)


async def open_purse(tx: Tx, budget_ids: Collection[UUID] = (), *, wants: Sequence[Want] = ()) -> Purse:
    """Hold the budgets for a batch, and all that these wants concern. What is decided is kept by `save_purse`."""
    wanted = {*budget_ids, *(want.budget_id for want in wants)}
    parts = {(want.budget_id, kind, value) for want in wants for kind, value in want.scope}
    concerned = await store.find_concerned(tx, wanted, parts)
    held = await _hold(tx, concerned)
    if parts and await store.find_concerned(tx, wanted, parts) != concerned:
        raise ConcernedMeanwhile
    return Purse(held, await store.get_time(tx))


async def _hold(tx: Tx, budget_ids: Collection[UUID]) -> list[Budget]:
    """Hold nodes, each in the period of now."""
    held = await store.lock_budgets(tx, budget_ids)
    if all(budget.bucket is None for budget in held):
        return held
    now = await store.get_time(tx)
    late = [budget for budget in held if budget.bucket and now >= budget.bucket.end]
    for budget in late:
        bucket = domain.bucket_of(budget.period, budget.time_zone, now)
        assert bucket is not None  # noqa: S101 (it has a period)
        await store.roll(tx, budget, bucket)
    return await store.lock_budgets(tx, budget_ids) if late else held


async def save_purse(tx: Tx, purse: Purse) -> None:
    """Keep what was taken from the purse and put back."""
    await store.save_moved(tx, purse.moved)


async def reserve_all(tx: Tx, wants: Sequence[Want]) -> list[bool]:
    """Reserve amounts in order, each in full or not at all. Returns which were."""
    purse = await open_purse(tx, wants=wants)
    paid = [purse.reserve(want) for want in wants]
    await save_purse(tx, purse)
    return paid


async def release_all(tx: Tx, wants: Sequence[Want]) -> None:
    """Put amounts back. That each is put back once is the matter of those who had it."""
    purse = await open_purse(tx, wants=wants)
    for want in wants:
        purse.release(want)
    await save_purse(tx, purse)
