"""Plans, what partners earn by them, and what refunds take back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.distribution.commission.errors import PayoutAboveCap
from services.distribution.orders.domain.order import Order, Refund
from services.distribution.orders.domain.split import split
from services.distribution.partners.domain import Partner, Role

BP = 10_000
PAYOUT_CAP_BP_DEFAULT = 3_000
MAX_REWARD_DEPTH = 2
"""Levels that one sale may pay: the credited partner and its parent. Law and platforms forbid more; no setting."""

LANES = 8
"""Postings of one partner are of one lane, and a lane is drained by one process at a time."""


class Share(IntEnum):
    """What a partner earns for. The numbers are the contract's, and the order of precedence."""

    SELLER = 1
    PARENT = 2


class CommissionState(IntEnum):
    """Where a commission stands. The numbers are the contract's."""

    ESTIMATED = 1
    ACCRUED = 2
    REVERSED = 3
    VOIDED = 4


class PostingKind(IntEnum):
    """What a movement does."""

    ACCRUE = 1
    REVERSE = 2
    REVERSE_TO_DEBT = 3
    VOID = 4
    VOID_TO_DEBT = 5


TO_DEBT = {PostingKind.REVERSE: PostingKind.REVERSE_TO_DEBT, PostingKind.VOID: PostingKind.VOID_TO_DEBT}
"""What takes the place of a movement that the partner's account does not cover."""


class PostingState(IntEnum):
    """Where a movement stands. `REPLACED`: the ledger refused it, and another movement was asked for instead."""

    WAITING = 1
    POSTED = 2
    REFUSED = 3
    REPLACED = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What partners earn on orders that are paid from `start_time` on, until another plan starts."""

    plan_id: UUID
    name: str
    seller_rates: Mapping[Role, int]
    parent_rate_bp: int
    payout_cap_bp: int
    start_time: datetime
    create_time: datetime


@dataclass(frozen=True, slots=True)
class CommissionLine:
    """A commission's part of one line of its order."""

    line_no: int
    net_minor: int
    amount_minor: int
    refunded_minor: int = 0
    reversed_minor: int = 0


@dataclass(frozen=True, slots=True)
class Commission:
    """What one partner earns on one order. The rate is that of the moment of payment, for ever.

    `accrual` counts how often it has accrued anew, after it was void.
    """

    commission_id: UUID
    order_id: UUID
    partner_id: UUID
    share: Share
    plan_id: UUID
    rate_bp: int
    currency_code: str
    capped: bool
    state: CommissionState
    lines: tuple[CommissionLine, ...]
    create_time: datetime
    accrue_time: datetime | None = None
    posted: bool = True
    accrual: int = 0

    @property
    def is_void(self) -> bool:
        """Whether nothing is due because the buyer is who would earn."""
        return self.state == CommissionState.VOIDED

    @property
    def amount_minor(self) -> int:
        """Earned."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def reversed_minor(self) -> int:
        """Taken back by refunds."""
        return sum(line.reversed_minor for line in self.lines)

    @property
    def left_minor(self) -> int:
        """Earned and not taken back."""
        return self.amount_minor - self.reversed_minor


@dataclass(frozen=True, slots=True)
class Posting:
    """A movement that the ledger is asked for, by an id that stays the same for ever."""

    transfer_id: str
    commission_id: UUID
    partner_id: UUID
    kind: PostingKind
    currency_code: str
    amount_minor: int
    accrual: int = 0

    @property
    def lane(self) -> int:
        """The lane of its partner."""
        return self.partner_id.int % LANES


class Rate(NamedTuple):
    """What one payee of a sale gets: in the order of `share` they are trimmed, the last one first."""

    share: Share
    partner_id: UUID
    rate_bp: int
    capped: bool = False


def check_plan(plan: Plan) -> None:
    """Raises `PayoutAboveCap` when what one order may pay exceeds the plan's cap."""
    for role, rate_bp in plan.seller_rates.items():
        if rate_bp + plan.parent_rate_bp > plan.payout_cap_bp:
            raise PayoutAboveCap(role.name, rate_bp + plan.parent_rate_bp, plan.payout_cap_bp)


def trim(rates: Iterable[Rate], payout_cap_bp: int) -> list[Rate]:
    """Rates that together stay within the cap: the last in precedence gives way first."""
    trimmed: list[Rate] = []
    left = payout_cap_bp
    for rate in sorted(rates):
        kept = min(rate.rate_bp, left)
        left -= kept
        trimmed.append(rate._replace(rate_bp=kept, capped=kept < rate.rate_bp))
    return trimmed


def payouts(net_minor: int, rates: Sequence[Rate]) -> list[int]:
    """What each payee gets of a net amount, by largest remainder (spec value §2.11).

    The sum is the exact sum rounded down; the units that rounding down each share leaves go to the largest fractions,
    ties by share, then by partner.
    """
    exact = [net_minor * rate.rate_bp for rate in rates]
    shares = [amount // BP for amount in exact]
    by_fraction = sorted(range(len(rates)), key=lambda i: (-(exact[i] % BP), rates[i].share, rates[i].partner_id))
    for index in by_fraction[: sum(exact) // BP - sum(shares)]:
        shares[index] += 1
    return shares


def rates_of(plan: Plan, seller: Partner, parent: Partner | None, order: Order) -> list[Rate]:
    """Who earns on a paid order. A role that the plan does not name earns nothing, nor does its parent then; neither
    does a parent that is inactive or the buyer. Nobody moves up in its place."""
    seller_bp = plan.seller_rates.get(seller.role, 0)
    if not seller_bp or order.pay_time is None:
        return []
    rates = [Rate(Share.SELLER, seller.partner_id, seller_bp)]
    is_fit = parent is not None and parent.is_active_at(order.pay_time) and parent.profile_id != order.draft.profile_id
    if parent is not None and is_fit and plan.parent_rate_bp:
        rates.append(Rate(Share.PARENT, parent.partner_id, plan.parent_rate_bp))
    return trim(rates[:MAX_REWARD_DEPTH], plan.payout_cap_bp)


def estimate(order: Order, plan: Plan, rates: Sequence[Rate], ids: Sequence[UUID], time: datetime) -> list[Commission]:
    """The commissions of an order that was paid at `time`; those that come to nothing are left out."""
    nets = [line.net_minor for line in order.lines]
    return [
        Commission(
            commission_id, order.order_id, rate.partner_id, rate.share, plan.plan_id, rate.rate_bp,
            order.draft.currency_code, rate.capped, CommissionState.ESTIMATED, _lines(order, amount, nets), time,
        )
        for commission_id, rate, amount in zip(ids, rates, payouts(sum(nets), rates), strict=False)
        if amount
    ]  # fmt: skip


def _lines(order: Order, amount: int, nets: Sequence[int]) -> tuple[CommissionLine, ...]:
    return tuple(
        CommissionLine(line.line_no, line.net_minor, part)
        for line, part in zip(order.lines, split(amount, nets), strict=True)
    )


def accrue(commission: Commission, time: datetime) -> Commission:
    """The commission once its order is delivered; one that was taken back before stays as it is.

    Of one that is void it is only noted: it accrues when it is restored.
    """
    if commission.is_void:
        return replace(commission, accrue_time=commission.accrue_time or time)
    if commission.state != CommissionState.ESTIMATED:
        return commission
    return replace(commission, state=CommissionState.ACCRUED, accrue_time=time)


def reverse(commission: Commission, refund: Refund) -> tuple[Commission, int]:
    """The commission after a refund, and how much that takes back.

    Cumulative per line: ⌊share × refunded ÷ net⌋ in all, so exactly the share once the line is refunded in full.
    """
    refunded = dict(refund.lines)
    lines = tuple(_refunded(line, refunded.get(line.line_no, 0)) for line in commission.lines)
    after = replace(commission, lines=lines)
    if after.left_minor == 0 and not after.is_void:
        after = replace(after, state=CommissionState.REVERSED)
    return after, after.reversed_minor - commission.reversed_minor


def _refunded(line: CommissionLine, amount_minor: int) -> CommissionLine:
    if not amount_minor:
        return line
    refunded = line.refunded_minor + amount_minor
    return replace(line, refunded_minor=refunded, reversed_minor=line.amount_minor * refunded // line.net_minor)


def void(commission: Commission) -> Commission:
    """The commission of a partner who turned out to be the buyer; one of which nothing is left stays as it is."""
    return replace(commission, state=CommissionState.VOIDED) if commission.left_minor else commission


def restore(commission: Commission) -> Commission:
    """A void commission of a partner who is not the buyer after all, as it would be had it never been void."""
    if not commission.left_minor:
        return replace(commission, state=CommissionState.REVERSED)
    if commission.accrue_time is None:
        return replace(commission, state=CommissionState.ESTIMATED)
    return replace(commission, state=CommissionState.ACCRUED, accrual=commission.accrual + 1)


def accrual(commission: Commission) -> Posting:
    """The movement that an accrued commission asks for."""
    transfer_id = accrual_id(commission.commission_id, commission.accrual)
    return _posting(commission, transfer_id, PostingKind.ACCRUE, commission.left_minor)


def accrual_id(commission_id: UUID, number: int = 0) -> str:
    """The transfer by which a commission accrues, for the first time or anew."""
    return f"commission/{commission_id}/accrue/{number}" if number else f"commission/{commission_id}/accrue"


def voiding(commission: Commission) -> Posting:
    """The movement that takes back what is left of an accrued commission that is void."""
    transfer_id = f"commission/{commission.commission_id}/void/{commission.accrual}"
    return _posting(commission, transfer_id, PostingKind.VOID, commission.left_minor)


def reversal(commission: Commission, refund_id: UUID, amount_minor: int) -> Posting:
    """The movement that a refund asks for."""
    transfer_id = f"commission/{commission.commission_id}/reverse/{refund_id}"
    return _posting(commission, transfer_id, PostingKind.REVERSE, amount_minor)


def to_debt(posting: Posting) -> Posting:
    """The movement that takes a refused reversal's place: what the partner no longer has, it owes."""
    return replace(posting, transfer_id=f"{posting.transfer_id}/debt", kind=TO_DEBT[posting.kind])


def _posting(commission: Commission, transfer_id: str, kind: PostingKind, amount_minor: int) -> Posting:
    return Posting(
        transfer_id, commission.commission_id, commission.partner_id, kind, commission.currency_code, amount_minor,
        commission.accrual,
    )  # fmt: skip
