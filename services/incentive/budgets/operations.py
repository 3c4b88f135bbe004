"""Reserving from budgets and putting back: lock in key order, decide, save in one statement."""

from collections.abc import Collection, Sequence
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import store
from services.incentive.budgets.domain import Purse, Want


async def open_purse(tx: Tx, budget_ids: Collection[UUID]) -> Purse:
    """Hold the budgets for a batch. What is decided on them is kept by `save_purse`."""
    return Purse(await store.lock_budgets(tx, budget_ids))


async def save_purse(tx: Tx, purse: Purse) -> None:
    """Keep what was taken from the purse and put back."""
    await store.save_moved(tx, purse.moved)


async def reserve_all(tx: Tx, wants: Sequence[Want]) -> list[bool]:
    """Reserve amounts in order, each in full or not at all. Returns which were."""
    purse = await open_purse(tx, {want.budget_id for want in wants})
    paid = [purse.reserve(want) for want in wants]
    await save_purse(tx, purse)
    return paid


async def release_all(tx: Tx, wants: Sequence[Want]) -> None:
    """Put amounts back. That each is put back once is the matter of those who had it."""
    purse = await open_purse(tx, {want.budget_id for want in wants})
    for want in wants:
        purse.release(want)
    await save_purse(tx, purse)
