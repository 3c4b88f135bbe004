"""Budgets at hand for one batch, and what is taken from them."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain.nodes import Budget, Kind

Scope = tuple[tuple[Kind, str], ...]
"""What a want is about: the store, region, ring or arm. Children of the wanted budget for any of these pay as well."""


class Outcome(StrEnum):
    """What became of a want."""

    PAID = "PAID"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    BUDGET_KILLED = "BUDGET_KILLED"


class Want(NamedTuple):
    """An amount that somebody wants of a budget, and with it of all budgets above.

    `time` is for what is put back: when it was taken, by the clock of budgets. It goes back to where it came from: to
    the period of that time, and not to nodes that were created after. None means: to the present.
    """

    budget_id: UUID
    amount: int
    scope: Scope = ()
    time: datetime | None = None


class Move(NamedTuple):
    """By how much a node's amounts change; in the period that `time` is in, if that is over."""

    budget_id: UUID
    committed: int = 0
    reserved: int = 0
    leased: int = 0
    time: datetime | None = None


class Purse:
    """Budgets at hand for one batch. What is taken from and put back into it is saved at the end of the batch.

    Holds the wanted budgets, all above them, and those of their children that wants are about. `time` is when what is
    taken from it is taken.
    """

    def __init__(self, budgets: Iterable[Budget], time: datetime | None = None) -> None:
        self.time = time
        self._nodes = {budget.budget_id: budget for budget in budgets}
        self._children = {
            (node.parent_id, node.kind, node.scope): node.budget_id
            for node in self._nodes.values()
            if node.kind.is_scoped
        }
        self._left = {node.budget_id: node.left for node in self._nodes.values()}
        self._moved: dict[tuple[UUID, datetime | None], int] = {}

    def reserve(self, want: Want) -> bool:
        """Take the whole amount, or nothing: a budget that cannot pay in full pays nothing."""
        return self.charge(want) is Outcome.PAID

    def charge(self, want: Want) -> Outcome:
        """Take the whole amount from every node that it concerns, or nothing from any; and why."""
        nodes = self._concerned(want)
        if any(node.killed for node in nodes):
            return Outcome.BUDGET_KILLED
        if any(self._left[node.budget_id] < want.amount for node in nodes if not node.soft):
            return Outcome.BUDGET_EXHAUSTED
        for node in nodes:
            self._move(node.budget_id, want.amount, None)
        return Outcome.PAID

    def release(self, want: Want) -> None:
        """Put back what was taken in this batch or an earlier one."""
        for node in self._concerned(want):
            if want.time and node.create_time and want.time < node.create_time:
                continue
            over = want.time if want.time and node.bucket and want.time < node.bucket.start else None
            self._move(node.budget_id, -want.amount, over)

    def _concerned(self, want: Want) -> list[Budget]:
        parts = [self._children.get((want.budget_id, kind, value)) for kind, value in want.scope]
        path = self._nodes[want.budget_id].path
        return [self._nodes[each] for each in (*path, *parts) if each is not None]

    def _move(self, budget_id: UUID, amount: int, over: datetime | None) -> None:
        if over is None:
            self._left[budget_id] -= amount
        self._moved[budget_id, over] = self._moved.get((budget_id, over), 0) + amount

    @property
    def moved(self) -> list[Move]:
        """By how much each budget's committed amount grows; shrinks where negative. In key order, without zeros."""
        moves = [Move(budget_id, amount, time=over) for (budget_id, over), amount in self._moved.items() if amount]
        return sorted(moves, key=lambda move: move.budget_id)
