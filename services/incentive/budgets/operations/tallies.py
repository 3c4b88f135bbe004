"""Keeping the tallies of boards: noted by who knows, added up behind them."""

from collections.abc import Sequence

from chassis.db import Tx
from services.incentive.budgets import store
from services.incentive.budgets.domain import tallies
from services.incentive.budgets.domain.tallies import Note

NOTES_AT_ONCE_MAX = 2_000


async def note(tx: Tx, notes: Sequence[Note]) -> None:
    """Have something added to the tallies of budgets, within a second or two."""
    if notes:
        await store.insert_notes(tx, notes)


async def add_notes(tx: Tx) -> bool:
    """Add what was noted. Returns whether there may be more."""
    notes = await store.take_notes(tx, NOTES_AT_ONCE_MAX)
    if notes:
        wants = [want for each in notes for want in each.wants]
        parts = {(budget_id, kind, value) for budget_id, scope in wants for kind, value in scope}
        concerned = await store.find_concerned(tx, {budget_id for budget_id, _ in wants}, parts)
        await store.add_tallies(tx, tallies.summed(notes, {node.budget_id: node for node in concerned}))
    return len(notes) == NOTES_AT_ONCE_MAX
