"""Reservations: what a saga set aside, until it is committed, put back or its time is over."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from chassis.errors import Refusal
from services.incentive.budgets.domain.leases import Nodes
from services.incentive.budgets.domain.purse import Move, Outcome, Want
from services.incentive.budgets.errors import (
    BudgetExhausted,
    BudgetKilled,
    BudgetPaced,
    ReservationNotFound,
    ReservationResolved,
)

TTL_DEFAULT = timedelta(seconds=60)


class State(StrEnum):
    """Where a reservation stands."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Order:
    """A reservation that is asked for. `request_key` identifies it for ever, `fingerprint` what it says."""

    request_id: str
    request_key: bytes
    fingerprint: bytes
    want: Want
    ttl: timedelta
    reference: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """An amount set aside at nodes. It belongs to the periods of `reserve_time`."""

    reservation_id: UUID
    budget_id: UUID
    nodes: Nodes
    amount: int
    reference: str
    state: State
    reason: str
    reserve_time: datetime
    expire_time: datetime
    resolve_time: datetime | None
    request_key: bytes
    fingerprint: bytes

    def refusal(self) -> Refusal | None:
        """Why it was refused; None if it was not."""
        if self.state != State.REFUSED:
            return None
        return refusal_of(Outcome(self.reason), Want(self.budget_id, self.amount))

    def moves(self, *, committed: int = 0, reserved: int = 0) -> list[Move]:
        """What changes at its nodes when so many times its amount is moved."""
        return [
            Move(node, committed=committed * self.amount, reserved=reserved * self.amount, time=self.reserve_time)
            for node in self.nodes
        ]


def refusal_of(outcome: Outcome, want: Want) -> Refusal:
    """The refusal that an unpaid want is told."""
    if outcome is Outcome.BUDGET_KILLED:
        return BudgetKilled(want.budget_id)
    if outcome is Outcome.PACED:
        return BudgetPaced(want.budget_id)
    return BudgetExhausted(want.budget_id, want.amount)


class Verdict(NamedTuple):
    """What is to become of a reservation: spent, or put back."""

    reservation_id: UUID
    commit: bool


def resolved(
    found: Mapping[UUID, Reservation], verdict: Verdict, killed: Set[UUID], now: datetime
) -> tuple[Reservation, list[Move]]:
    """A reservation after a verdict. Raises `ReservationNotFound`, `ReservationResolved`."""
    reservation = found.get(verdict.reservation_id)
    if reservation is None:
        raise ReservationNotFound(verdict.reservation_id)
    if not verdict.commit:
        return released(reservation, now)
    return committed(reservation, stopped=not killed.isdisjoint(reservation.nodes), now=now)


def committed(reservation: Reservation, *, stopped: bool, now: datetime) -> tuple[Reservation, list[Move]]:
    """Spend what was set aside. Raises `ReservationResolved` when it is put back, or is to be."""
    if reservation.state == State.COMMITTED:
        return reservation, []
    if reservation.state == State.RESERVED and not stopped and now < reservation.expire_time:
        after = replace(reservation, state=State.COMMITTED, resolve_time=now)
        return after, reservation.moves(committed=1, reserved=-1)
    state = State.EXPIRED if reservation.state == State.RESERVED else reservation.state
    raise ReservationResolved(reservation.reservation_id, state.upper())


def released(reservation: Reservation, now: datetime) -> tuple[Reservation, list[Move]]:
    """Put back what was set aside or spent, once."""
    after = replace(reservation, state=State.RELEASED, resolve_time=now)
    if reservation.state == State.RESERVED:
        return after, reservation.moves(reserved=-1)
    if reservation.state == State.COMMITTED:
        return after, reservation.moves(committed=-1)
    return reservation, []


def lapsed(reservation: Reservation, now: datetime) -> tuple[Reservation, list[Move]]:
    """Put back what nobody committed."""
    return replace(reservation, state=State.EXPIRED, resolve_time=now), reservation.moves(reserved=-1)
