"""What becomes of a packet, and what moves for it. Pure (spec value §2.11, CP-10).

Money in flight stands on `sys/packets`: it comes from the issuer when the packet is reserved, and goes to `sys/paid`
when the person has it or back to the issuer when they never will.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain import Scope, Want
from services.incentive.ledger.domain import Account, Transfer, transfer
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.packets.domain.payouts import Answer, Bill, Word

SCOPE = "service:incentive/packets"
"""Whose transfer ids those of packets are."""

IN_FLIGHT = "sys/packets"
PAID = "sys/paid"

OPEN_FOR = timedelta(hours=72)
LEASE = timedelta(seconds=60)
"""How long nobody else asks about a packet that somebody is asking about."""

RETRY_FIRST = timedelta(seconds=2)
RETRY_MAX = timedelta(minutes=10)
POLL_MIN = timedelta(minutes=1)
POLL_MAX = timedelta(hours=1)

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BILL_LENGTH = 26


class State(StrEnum):
    """Where a packet stands."""

    RESERVED = "reserved"
    SENDING = "sending"
    SENT = "sent"
    CLAIMED = "claimed"
    RETURNED = "returned"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


OPEN = (State.SENDING, State.SENT)
BACK = (State.RETURNED, State.FAILED, State.WITHDRAWN)
"""States from which the money came back."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet. `issuer` is the ledger account that gives it, `grant_id` the grant behind it if there is one.

    `charge_time` is when its budget was charged, by the budget's clock, for the parts that `charge_scope` names.
    `recalled_minor` is what is wanted back in all; `attempts` counts what the provider was asked since it last knew.
    """

    packet_id: UUID
    profile_id: str
    payee: str
    amount_minor: int
    currency_code: str
    budget_id: UUID
    issuer: str
    create_time: datetime
    wishing: str = ""
    grant_id: UUID | None = None
    charge_time: datetime | None = None
    charge_scope: Scope = ()
    state: State = State.RESERVED
    attempts: int = 0
    provider_code: str = ""
    recalled_minor: int = 0
    send_time: datetime | None = None
    close_time: datetime | None = None
    next_time: datetime | None = None

    @property
    def bill_no(self) -> str:
        """Under which it is paid out, for ever."""
        return bill_no_of(self.packet_id)

    @property
    def asset(self) -> str:
        """Its money in the ledger."""
        return f"cash.{self.currency_code}"

    @property
    def bill(self) -> Bill:
        """What the provider is asked to send."""
        return Bill(self.bill_no, self.profile_id, self.payee, self.amount_minor, self.currency_code, self.wishing)


def bill_no_of(packet_id: UUID) -> str:
    """The packet's id in 26 letters and digits: providers take no more than 28."""
    number, digits = packet_id.int, []
    for _ in range(_BILL_LENGTH):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def packet_id_of(bill_no: str) -> UUID | None:
    """The packet that a bill number is of; None when it can be of none."""
    number = 0
    for letter in bill_no:
        number = number * 32 + _DIGITS.index(letter)
    return UUID(int=number) if number < 1 << 128 else None


_HEARD = {
    Word.SENT: State.SENT,
    Word.CLAIMED: State.CLAIMED,
    Word.RETURNED: State.RETURNED,
    Word.REJECTED: State.FAILED,
}


class Recall(NamedTuple):
    """How much of a packet is wanted back in all, in minor units, why and when."""

    total_minor: int
    reason: str
    time: datetime


class Change(NamedTuple):
    """A packet before and after, and why what it makes a person owe is taken back."""

    before: Packet
    after: Packet
    reason: str
    time: datetime


def heard(packet: Packet, answer: Answer, now: datetime) -> Packet:
    """The packet after the provider's word. What is closed stays closed, whatever late word comes."""
    if packet.state not in OPEN:
        return packet
    packet = replace(packet, provider_code=answer.code, attempts=packet.attempts + 1)
    state = _HEARD.get(answer.word, packet.state)
    if state == packet.state:
        return replace(packet, next_time=_next(packet, now))
    sent = packet.send_time or (None if state == State.FAILED else now)
    packet = replace(packet, state=state, send_time=sent, attempts=0)
    if state == State.SENT:
        return replace(packet, next_time=_next(packet, now))
    return replace(packet, close_time=now, next_time=None)


def _next(packet: Packet, now: datetime) -> datetime:
    """When to ask again: ever less often, and at the moment at which nobody can open it any more."""
    if packet.state != State.SENT or packet.send_time is None:
        return now + min(RETRY_FIRST * (1 << min(packet.attempts, 10)), RETRY_MAX)
    end = packet.send_time + OPEN_FOR
    due = now + min(max(now - packet.send_time, POLL_MIN), POLL_MAX)
    return end if now < end < due else due


def recalled(packet: Packet, recall: Recall) -> Packet:
    """Want a part of a packet back. One of which all is wanted before it is sent is not sent."""
    total = min(max(recall.total_minor, packet.recalled_minor), packet.amount_minor)
    packet = replace(packet, recalled_minor=total)
    if packet.state == State.RESERVED and total == packet.amount_minor:
        return replace(packet, state=State.WITHDRAWN, close_time=recall.time, next_time=None)
    return packet


def freed(changes: Iterable[Change]) -> list[Want]:
    """What changes give back to budgets: in all its changes, never more than a packet's amount."""
    amounts = [(each.after, _freed_in_all(each.after) - _freed_in_all(each.before)) for each in changes]
    return [Want(after.budget_id, amount, after.charge_scope, after.charge_time) for after, amount in amounts if amount]


def owed(change: Change) -> int:
    """How much a change makes the person owe: what is wanted back of money that they have."""
    return _owed_in_all(change.after) - _owed_in_all(change.before)


def _freed_in_all(packet: Packet) -> int:
    return packet.amount_minor if packet.state in BACK else _owed_in_all(packet)


def _owed_in_all(packet: Packet) -> int:
    return packet.recalled_minor if packet.state == State.CLAIMED else 0


def reserving(packet: Packet) -> Transfer:
    """What moves when a packet is reserved."""
    return _move(packet, "", packet.issuer, IN_FLIGHT, packet.create_time)


def closing(change: Change) -> Iterator[Transfer]:
    """What moves when a packet is closed."""
    before, after, _, now = change
    if before.close_time or not after.close_time:
        return
    if after.state == State.CLAIMED:
        yield _move(after, "/claim", IN_FLIGHT, PAID, now)
    else:
        yield _move(after, "/back", IN_FLIGHT, after.issuer, now, reverses=_transfer_id(after))


def debt(change: Change) -> Claim:
    """What is taken back of a person who has the money."""
    after = change.after
    return Claim(
        transfer_id=f"{_transfer_id(after)}/recall/{after.recalled_minor}",
        issuer=after.issuer,
        profile_id=after.profile_id,
        asset=after.asset,
        amount=owed(change),
        post_time=change.time,
        memo=change.reason,
    )


def _transfer_id(packet: Packet) -> str:
    return f"packet/{packet.packet_id}"


def _move(packet: Packet, step: str, debit: str, credit: str, now: datetime, reverses: str = "") -> Transfer:
    return transfer(
        SCOPE,
        f"{_transfer_id(packet)}{step}",
        Account(debit, packet.asset),
        Account(credit, packet.asset),
        packet.amount_minor,
        post_time=now,
        memo=packet.wishing,
        reverses=reverses,
    )
