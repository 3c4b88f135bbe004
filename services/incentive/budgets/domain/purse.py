"""Budgets at hand for one batch, and what is taken from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain import pacing
from services.incentive.budgets.domain.leases import Lease, Need, Nodes
from services.incentive.budgets.domain.nodes import Budget, Kind, Stage

Scope = tuple[tuple[Kind, str], ...]
"""What a want is about: the store, region, ring or arm. Children of the wanted budget for any of these pay as well."""


class Outcome(StrEnum):
    """What became of a want."""

    PAID = "PAID"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    BUDGET_KILLED = "BUDGET_KILLED"
    PACED = "PACED"


class Want(NamedTuple):
    """An amount that somebody wants of a budget, and with it of all budgets above.

    `time` is for what is put back: when it was taken, as `Purse.time` said. It goes back to where it came from: to
    the period of that time, and not to nodes that were created after. None means: to the present.

    `member` is whom it is for: where a budget is spent to a plan, some get through in an hour and others do not. Nobody
    in particular gets through. `planned` says that the member is of the audience that the plan was made for.
    """

    budget_id: UUID
    amount: int
    scope: Scope = ()
    time: datetime | None = None
    member: str = ""
    planned: bool = True


class Move(NamedTuple):
    """By how much a node's amounts change; in the period that `time` is in, if that is over."""

    budget_id: UUID
    committed: int = 0
    reserved: int = 0
    leased: int = 0
    time: datetime | None = None


def merged(moves: Iterable[Move], nodes: Mapping[UUID, Budget]) -> list[Move]:
    """One move per node and period; `time` stays only where that period is over."""
    sums: dict[tuple[UUID, datetime | None], Move] = {}
    for node, committed, reserved, leased, time in moves:
        bucket = nodes[node].bucket
        over = time if time and bucket and time < bucket.start else None
        _, *before, _ = sums.get((node, over), Move(node))
        sums[node, over] = Move(node, before[0] + committed, before[1] + reserved, before[2] + leased, over)
    return list(sums.values())


@dataclass(slots=True)
class Tally:
    """Wants that were decided, those paid, and how much of it came from a lease."""

    decisions: int = 0
    grants: int = 0
    spent: int = 0


class Nest:
    """The nodes that wants concern: the wanted budget, all above it, and its children for what the want is about."""

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self.nodes = {budget.budget_id: budget for budget in budgets}
        self._children = {
            (node.parent_id, node.kind, node.scope): node.budget_id
            for node in self.nodes.values()
            if node.kind.is_scoped
        }

    def concerned(self, want: Want) -> Nodes:
        """The ids of the nodes that a want concerns, in key order."""
        parts = [self._children.get((want.budget_id, kind, value)) for kind, value in want.scope]
        path = self.nodes[want.budget_id].path
        return tuple(sorted({each for each in (*path, *parts) if each is not None}))

    def needs(self, wants: Iterable[Want]) -> dict[Nodes, Need]:
        """What wants come to, by the nodes that they concern."""
        needs: dict[Nodes, Need] = {}
        for want in wants:
            nodes = self.concerned(want)
            total, largest = needs.get(nodes, (0, 0))
            needs[nodes] = Need(total + want.amount, max(largest, want.amount))
        return needs


class Purse:
    """Budgets at hand for one batch. What is taken from and put back into it is saved at the end of the batch.

    Holds the nodes that wants concern, or leases on them. `time` is when what is taken from it is taken.
    """

    def __init__(self, budgets: Iterable[Budget], time: datetime | None = None, leases: Iterable[Lease] = ()) -> None:
        self.time = time
        self._nest = Nest(budgets)
        self._leases = {lease.nodes: lease for lease in leases}
        self._left = {node.budget_id: node.left for node in self._nest.nodes.values()}
        self._moved: dict[tuple[UUID, datetime | None], int] = {}
        self.tallies: dict[UUID, Tally] = {}
        """By node, or by lease where one pays."""

    def reserve(self, want: Want) -> bool:
        """Take the whole amount, or nothing: a budget that cannot pay in full pays nothing."""
        return self.charge(want) is Outcome.PAID

    def charge(self, want: Want) -> Outcome:
        """Take the whole amount from every node that it concerns, or nothing from any; and why."""
        nodes = self._nest.concerned(want)
        if any(self._nest.nodes[each].killed for each in nodes):
            return Outcome.BUDGET_KILLED
        lease = self._leases.get(nodes)
        if self._held_back(nodes, want):
            outcome = Outcome.PACED
        else:
            outcome = self._draw(lease, want) if lease else self._take(nodes, want)
        for counted in (lease.lease_id,) if lease else nodes:
            tally = self.tallies.setdefault(counted, Tally())
            tally.decisions += 1
            if outcome is Outcome.PAID:
                tally.grants += 1
        return outcome

    def _held_back(self, nodes: Nodes, want: Want) -> bool:
        for each in nodes:
            node = self._nest.nodes[each]
            if node.stage == Stage.PAUSE or (node.stage == Stage.RESTRICT and not want.planned):
                return True
            if want.member and self.time and not pacing.passes(want.member, each, self.time, node.p):
                return True
        return False

    def room(self, want: Want) -> int:
        """How much of a want can be paid; nothing while any of its budgets is stopped."""
        nodes = self._nest.concerned(want)
        if any(self._nest.nodes[each].killed for each in nodes):
            return 0
        if nodes in self._leases:
            return want.amount
        hard = [self._left[each] for each in nodes if not self._nest.nodes[each].soft]
        return max(0, min([want.amount, *hard]))

    def lease_of(self, want: Want) -> UUID | None:
        """The lease that pays a want; None when the nodes themselves do."""
        lease = self._leases.get(self._nest.concerned(want))
        return lease.lease_id if lease else None

    def _take(self, nodes: Nodes, want: Want) -> Outcome:
        if any(self._left[each] < want.amount for each in nodes if not self._nest.nodes[each].soft):
            return Outcome.BUDGET_EXHAUSTED
        for each in nodes:
            self._move(each, want.amount, None)
        return Outcome.PAID

    def _draw(self, lease: Lease, want: Want) -> Outcome:
        tally = self.tallies.setdefault(lease.lease_id, Tally())
        if tally.spent + want.amount > lease.left:
            raise ValueError("more is wanted than the purse was opened for")
        tally.spent += want.amount
        return Outcome.PAID

    def release(self, want: Want) -> None:
        """Put back what was taken in this batch or an earlier one.

        A period keeps what is not known to have been taken in it: no more is put back than was taken.
        """
        for each in self._nest.concerned(want):
            node = self._nest.nodes[each]
            if want.time and node.create_time and want.time < node.create_time:
                continue
            over = want.time if want.time and node.bucket and want.time < node.bucket.start else None
            taken = node.committed + self._moved.get((each, None), 0)
            amount = min(want.amount, taken) if node.bucket and not over else want.amount
            self._move(each, -amount, over)

    def _move(self, budget_id: UUID, amount: int, over: datetime | None) -> None:
        if over is None:
            self._left[budget_id] -= amount
        self._moved[budget_id, over] = self._moved.get((budget_id, over), 0) + amount

    @property
    def moved(self) -> list[Move]:
        """By how much each budget's committed amount grows; shrinks where negative. In key order, without zeros."""
        moves = [Move(budget_id, amount, time=over) for (budget_id, over), amount in self._moved.items() if amount]
        return sorted(moves, key=lambda move: move.budget_id)

    @property
    def drawn(self) -> dict[UUID, Tally]:
        """What was drawn from leases."""
        ids = {lease.lease_id for lease in self._leases.values()}
        return {each: tally for each, tally in self.tallies.items() if each in ids}

    @property
    def counted(self) -> dict[UUID, Tally]:
        """What was decided at nodes that were held."""
        return {each: tally for each, tally in self.tallies.items() if each in self._nest.nodes}
