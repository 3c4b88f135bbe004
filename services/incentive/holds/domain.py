"""What becomes of a hold, and what moves for it. Pure.

A hold is resolved once: captured, voided or expired (spec value §2.1). What moves is transfers between the accounts
`available` and `held` of the person and `sys/redeemed`, under ids made of the hold's.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.incentive.holds.errors import ExceedsCapture, ExceedsHold, HoldExpired, HoldResolved
from services.incentive.ledger.domain import Account, Transfer, key_of, transfer

SCOPE = "service:incentive/holds"
"""Whose transfer ids those of holds are."""

TTL_DEFAULT = timedelta(minutes=30)
REDEEMED = "sys/redeemed"


class State(StrEnum):
    """Where a hold stands."""

    HELD = "held"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Hold:
    """An amount of a person's, set aside until `expire_time`. `store_id` is the store that placed it, if one did."""

    hold_id: UUID
    profile_id: str
    asset: str
    amount: int
    captured_amount: int
    refunded_amount: int
    state: State
    reference: str
    store_id: str | None
    expire_time: datetime
    create_time: datetime
    resolve_time: datetime | None = None

    @property
    def redeemed(self) -> Account:
        """Where value goes that is spent."""
        return Account(REDEEMED, self.asset)

    def account(self, kind: str) -> Account:
        """An account of the person's."""
        return Account(f"member/{self.profile_id}/{kind}", self.asset)

    def _move(
        self, step: str, debit: Account, credit: Account, amount: int, now: datetime, goes_on: str = ""
    ) -> list[Transfer]:
        """The transfer of a step; it moves the lots that the step moved which it goes on from."""
        if not amount:
            return []
        return [
            transfer(
                SCOPE,
                self._id(step),
                debit,
                credit,
                amount,
                post_time=now,
                memo=self.reference,
                goes_on=self._id(goes_on) if goes_on else "",
            )
        ]

    def _id(self, step: str) -> str:
        return f"hold/{self.hold_id}/{step}"

    @property
    def place_key(self) -> UUID:
        """The transfer that set it aside."""
        return key_of(SCOPE, self._id("place"))

    def placing(self) -> list[Transfer]:
        """What moves when it is placed."""
        return self._move("place", self.account("available"), self.account("held"), self.amount, self.create_time)

    def resolving(self) -> list[Transfer]:
        """What moves when it is resolved: what was captured is spent, the rest goes back."""
        now, left = self.resolve_time or self.create_time, self.amount - self.captured_amount
        return [
            *self._move("capture", self.account("held"), self.redeemed, self.captured_amount, now, "place"),
            *self._move("release", self.account("held"), self.account("available"), left, now, "place"),
        ]

    def refunding(self, amount: int, now: datetime) -> list[Transfer]:
        """What moves when `amount` more was given back: `refunded_amount` is the total that it came to."""
        step = f"refund/{self.refunded_amount}"
        return self._move(step, self.redeemed, self.account("available"), amount, now, "capture")


def captured(hold: Hold, amount: int, now: datetime) -> Hold:
    """Spend part or all of a hold. Raises `HoldResolved`, `HoldExpired`, `ExceedsHold`."""
    _check_open(hold, now)
    if amount > hold.amount:
        raise ExceedsHold(hold.hold_id, hold.amount)
    return replace(hold, state=State.CAPTURED, captured_amount=amount, resolve_time=now)


def voided(hold: Hold, now: datetime) -> Hold:
    """Give a hold back. Raises `HoldResolved`, `HoldExpired`."""
    _check_open(hold, now)
    return replace(hold, state=State.VOIDED, resolve_time=now)


def expired(hold: Hold, now: datetime) -> Hold:
    """Give a hold back whose time is over."""
    return replace(hold, state=State.EXPIRED, resolve_time=now)


def refunded(hold: Hold, amount: int) -> Hold:
    """Give back what was captured. Raises `ExceedsCapture`."""
    left = hold.captured_amount - hold.refunded_amount
    if amount > left:
        raise ExceedsCapture(hold.hold_id, left)
    return replace(hold, refunded_amount=hold.refunded_amount + amount)


def _check_open(hold: Hold, now: datetime) -> None:
    if hold.state == State.EXPIRED or (hold.state == State.HELD and now >= hold.expire_time):
        raise HoldExpired(hold.hold_id, hold.expire_time)
    if hold.state != State.HELD:
        raise HoldResolved(hold.hold_id, hold.state.upper(), hold.captured_amount)
