"""What boards tell beside amounts: which of what was given is still held, and whose purchases were first ones."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain.nodes import Budget
from services.incentive.budgets.domain.periods import bucket_of
from services.incentive.budgets.domain.purse import Nest, Scope, Want

ALWAYS = datetime.min.replace(tzinfo=UTC)
"""When the tally of a budget without a period began."""

NotedWants = tuple[tuple[UUID, Scope], ...]
"""Budgets, each with what it was charged for."""


class Tallied(NamedTuple):
    """Grants and amounts that are promised and not yet anybody's, and first purchases."""

    held_grants: int = 0
    held_amount: int = 0
    first_purchases: int = 0

    def plus(self, other: "Tallied") -> "Tallied":
        """Both together."""
        return Tallied(*(one + more for one, more in zip(self, other, strict=True)))


class Note(NamedTuple):
    """What is to be added at the budgets of wants, once where they have nodes in common, in the period of a time."""

    wants: NotedWants
    time: datetime
    added: Tallied


def summed(notes: Iterable[Note], nodes: Mapping[UUID, Budget]) -> dict[tuple[UUID, datetime], Tallied]:
    """What notes come to, by node and start of the period. Nodes of after a note's time are none of it."""
    nest, sums = Nest(nodes.values()), dict[tuple[UUID, datetime], Tallied]()
    for note in notes:
        concerned = {
            each
            for budget_id, scope in note.wants
            if budget_id in nodes
            for each in nest.concerned(Want(budget_id, 0, scope))
        }
        for each in sorted(concerned):
            node = nodes[each]
            if node.create_time is None or node.create_time <= note.time:
                key = each, start_of(node, note.time)
                sums[key] = sums.get(key, Tallied()).plus(note.added)
    return sums


def start_of(budget: Budget, time: datetime) -> datetime:
    """When the tally began that an instant is in."""
    bucket = bucket_of(budget.period, budget.time_zone, time)
    return bucket.start if bucket else ALWAYS
