"""Orders with coupons: set aside, paid once, refunded by the stored allocation (spec value §2.2)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.incentive.coupons.domain.carts import Allocation, Applied, Cart, Line, eligible_lines
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.templates import OnBrokenMinimum, OnLostLock, Template
from services.incentive.coupons.errors import CouponOrderClosed, ExceedsOrder


class UseState(StrEnum):
    """Where a coupon on an order stands."""

    LOCKED = "locked"
    REDEEMED = "redeemed"
    RETURNED = "returned"
    RELEASED = "released"
    LOST = "lost"


class Verdict(StrEnum):
    """What the payment of an order means. Given once for ever; `OPEN` until then, `CANCELLED` if it was let go."""

    OPEN = "open"
    CANCELLED = "cancelled"
    REDEEMED = "redeemed"
    CHARGE_FULL = "charge_full"
    REFUND_PAYMENT = "refund_payment"


@dataclass(frozen=True, slots=True)
class Use:
    """A coupon on an order: the coupon's `use_no`-th. `place` is its turn in the order in which they apply."""

    coupon_id: UUID
    use_no: int
    place: int
    allocation: Allocation
    state: UseState
    lock_until: datetime | None = None

    @property
    def discount_minor(self) -> int:
        """Taken off in all."""
        return sum(self.allocation.values())

    @property
    def is_live(self) -> bool:
        """Whether the coupon is the order's."""
        return self.state in (UseState.LOCKED, UseState.REDEEMED)


@dataclass(frozen=True, slots=True)
class Order:
    """An order with coupons. `store_id` is the store whose key made it, and `order_reference` unique in that.

    Without `lines` the till computes discounts itself, and Bowen knows only which coupons were used.
    `refunded` counts the pieces given back by line.
    """

    coupon_order_id: UUID
    store_id: str
    order_reference: str
    cart: Cart
    create_time: datetime
    verdict: Verdict = Verdict.OPEN
    refunded: Mapping[int, int] = field(default_factory=dict)
    refunded_minor: int = 0
    deliver_time: datetime | None = None
    uses: tuple[Use, ...] = ()

    @property
    def live(self) -> list[Use]:
        """The uses that are the order's now."""
        return [use for use in self.uses if use.is_live]

    @property
    def left(self) -> dict[int, int]:
        """Pieces by line that were not given back."""
        return {line.line_no: line.quantity - self.refunded.get(line.line_no, 0) for line in self.cart.lines}

    def check_open(self) -> None:
        """Raises `CouponOrderClosed` unless coupons can still be put on it."""
        if self.verdict not in (Verdict.OPEN, Verdict.CANCELLED):
            raise CouponOrderClosed(self.order_reference, self.verdict)

    def with_uses(self, uses: Iterable[Use]) -> "Order":
        """The order with uses changed and added."""
        known = {(use.coupon_id, use.use_no): use for use in self.uses}
        known.update({(use.coupon_id, use.use_no): use for use in uses})
        return replace(self, uses=tuple(sorted(known.values(), key=lambda use: (use.place, use.use_no))))


def use_of(applied: Applied, coupon: Coupon, place: int, state: UseState) -> Use:
    """The use that begins with what was decided."""
    return Use(coupon.coupon_id, coupon.use_count, place, applied.allocation, state, coupon.lock_until)


def is_still_its(use: Use, coupon: Coupon, template: Template, now: datetime) -> bool:
    """Whether a locked use can be redeemed: in its window always, after it as long as the coupon is free (CPN-05)."""
    if use.state != UseState.LOCKED or coupon.status != Status.LOCKED or coupon.use_count != use.use_no:
        return False
    return coupon.standing(template, now) in (Status.LOCKED, Status.ISSUED)


def verdict_on_loss(lost: Sequence[Template], *, consents: bool) -> Verdict:
    """What becomes of an order whose coupons are not all to be had (CPN-06)."""
    may_charge = all(each.policies.on_lost_lock == OnLostLock.CHARGE_FULL_WITH_CONSENT for each in lost)
    return Verdict.CHARGE_FULL if consents and may_charge else Verdict.REFUND_PAYMENT


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """A fact about an order of distribution's, as far as that can be recognised, and when it takes effect.

    `profile_id` is the buyer, `store_id` the seller.
    """

    order_id: str
    order_number: str
    profile_id: str
    store_id: str
    at: datetime

    def is_same(self, order: Order, its_buyer: str, buyer: str) -> bool:
        """Whether an order with coupons is this one: numbers are unique in one shop only. Buyers are survivors."""
        if order.order_reference == self.order_id:
            return True
        if order.order_reference != self.order_number:
            return False
        is_of_store = bool(order.store_id) and order.store_id == self.store_id
        return is_of_store or (bool(buyer) and its_buyer == buyer)


@dataclass(frozen=True, slots=True)
class RefundLine:
    """Pieces given back of a line, and what of them was paid."""

    line_no: int
    quantity: int
    net_minor: int = 0


@dataclass(frozen=True, slots=True)
class Refund:
    """What a refund comes to. What is paid back is the lines' net amounts less the deduction."""

    lines: tuple[RefundLine, ...]
    deduction_minor: int
    refund_minor: int
    is_full: bool


def refund(order: Order, wanted: Sequence[RefundLine], templates: Mapping[UUID, Template]) -> tuple[Order, Refund]:
    """Give pieces back; all that is left if none are named. `templates` are those of the uses, by coupon.

    Amounts are differences of a running total, so that refunds in any portions sum to what was paid. Raises
    `CouponOrderClosed` (it is not paid) and `ExceedsOrder`.
    """
    if order.verdict != Verdict.REDEEMED:
        raise CouponOrderClosed(order.order_reference, order.verdict)
    back = _pieces(order, wanted)
    after = replace(order, refunded={no: order.refunded.get(no, 0) + back.get(no, 0) for no in order.left})
    before, now = _kept(order, order.left), _kept(order, after.left)
    lines = tuple(RefundLine(no, count, before[no] - now[no]) for no, count in sorted(back.items()))
    paid = sum(_kept(order, {line.line_no: line.quantity for line in order.cart.lines}).values())
    due = paid - sum(now.values()) - _difference(after, templates)
    amount = max(0, due - order.refunded_minor)
    net = sum(line.net_minor for line in lines)
    after = replace(after, refunded_minor=order.refunded_minor + amount)
    return after, Refund(lines, net - amount, amount, is_full=not any(after.left.values()))


def _pieces(order: Order, wanted: Sequence[RefundLine]) -> dict[int, int]:
    left = order.left
    if not wanted:
        if order.cart.lines and not any(left.values()):
            raise CouponOrderClosed(order.order_reference, "refunded")
        return {no: count for no, count in left.items() if count}
    back: dict[int, int] = {}
    for line in wanted:
        back[line.line_no] = back.get(line.line_no, 0) + line.quantity
    for no, count in back.items():
        if count > left.get(no, 0):
            raise ExceedsOrder(no, left.get(no, 0))
    return back


def _kept(order: Order, left: Mapping[int, int]) -> dict[int, int]:
    """What the pieces that are left cost by line, the discounts on them kept."""
    return {
        line.line_no: left[line.line_no] * line.unit_price_minor
        - sum(_on_left(use, line, left) for use in order.uses if use.state == UseState.REDEEMED)
        for line in order.cart.lines
    }


def _on_left(use: Use, line: Line, left: Mapping[int, int]) -> int:
    """The part of a use's discount on a line that is on the pieces left."""
    return use.allocation.get(line.line_no, 0) * left[line.line_no] // line.quantity


def _difference(order: Order, templates: Mapping[UUID, Template]) -> int:
    """What the pieces left cost more because they miss a minimum (CPN-09, CPN-12)."""
    total = 0
    for use in order.uses:
        template = templates[use.coupon_id]
        deducts = template.policies.on_broken_minimum == OnBrokenMinimum.DEDUCT_DIFFERENCE
        if use.state == UseState.REDEEMED and deducts and _misses_minimum(order, template):
            total += sum(_on_left(use, line, order.left) for line in order.cart.lines)
    return total


def _misses_minimum(order: Order, template: Template) -> bool:
    left = order.left
    eligible = eligible_lines(template, order.cart.lines)
    return sum(left[line.line_no] * line.unit_price_minor for line in eligible) < template.order_minor_min


def comes_back(template: Template, *, is_delivered: bool) -> bool:
    """Whether a coupon comes back when nothing of its order remains (the matrix of spec value §2.2)."""
    policies = template.policies
    return policies.returns_after_delivery if is_delivered else policies.returns_before_delivery
