"""Leases: what a session may give without holding the nodes (spec value §2.7).

A lease is a row of its own. Whoever gives from it holds the row and adds to `spent` in the very transaction that gives;
whoever closes it waits for that transaction. So a session that dies, stalls beyond the lease's time or rolls back
leaves `spent` exactly what was given, and the rest comes back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain.nodes import Budget

TTL = timedelta(seconds=10)
RATE_SECONDS = 2
SHARE_OF_LEFT_BP = 50
LARGEST_LEFT_MIN = 200
WANTS_MIN = 20

Nodes = tuple[UUID, ...]
"""All nodes that a want concerns, in key order."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A part of what is left of its nodes, for one session until it is over."""

    lease_id: UUID
    nodes: Nodes
    amount: int
    spent: int
    decisions: int
    grants: int
    unfolded: Nodes
    lease_time: datetime

    @property
    def left(self) -> int:
        """What may still be given from it."""
        return self.amount - self.spent

    def rate(self, now: datetime) -> float:
        """What was given per second."""
        return self.spent / max((now - self.lease_time).total_seconds(), 0.1)


class Need(NamedTuple):
    """What a batch wants at most of one set of nodes, and the largest single want."""

    total: int
    largest: int


def chunk(nodes: Iterable[Budget], need: Need, rate: float) -> int:
    """How much to lease; 0 where every grant is to hold the rows.

    Two seconds of one's own rate, at least a few wants, at most half a hundredth of what is left, and only while that
    is two hundred times the largest want.
    """
    hard = [node for node in nodes if not node.soft]
    left = min((node.left for node in hard), default=0)
    largest = max(need.largest, *(node.largest for node in hard)) if hard else 0
    if left < LARGEST_LEFT_MIN * largest:
        return 0
    wanted = max(round(RATE_SECONDS * rate), WANTS_MIN * largest, need.total)
    size = min(wanted, left * SHARE_OF_LEFT_BP // 10_000)
    return size if size >= need.total else 0


def folded(leases: Sequence[Lease], held: Iterable[UUID]) -> list[tuple[UUID, Lease]]:
    """At which held nodes which of the leases that are over count no more."""
    ids = set(held)
    return [(node, lease) for lease in leases for node in lease.unfolded if node in ids]
