"""What may still be given. Pure: the same wants on the same budgets are paid alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Budget:
    """Most that may be given in all, and what has been, reversals subtracted; in the smallest unit of its asset."""

    budget_id: UUID
    cap: int
    committed: int = 0


class Want(NamedTuple):
    """An amount that somebody wants of a budget."""

    budget_id: UUID
    amount: int


class Purse:
    """Budgets at hand for one batch. What is taken from and put back into it is saved at the end of the batch.

    Where a budget's units come from is no matter of those who spend them: today the purse holds whole budgets,
    locked; it may hold parts of them.
    """

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._left = {budget.budget_id: budget.cap - budget.committed for budget in budgets}
        self._moved: dict[UUID, int] = {}

    def reserve(self, want: Want) -> bool:
        """Take the whole amount, or nothing: a budget that cannot pay in full pays nothing."""
        if self._left[want.budget_id] < want.amount:
            return False
        self._move(want.budget_id, want.amount)
        return True

    def release(self, want: Want) -> None:
        """Put back what was taken in this batch or an earlier one."""
        self._move(want.budget_id, -want.amount)

    def _move(self, budget_id: UUID, amount: int) -> None:
        self._left[budget_id] -= amount
        self._moved[budget_id] = self._moved.get(budget_id, 0) + amount

    @property
    def moved(self) -> list[Want]:
        """By how much each budget's committed amount grows; shrinks where negative. In key order, without zeros."""
        return [Want(budget_id, amount) for budget_id, amount in sorted(self._moved.items()) if amount]
