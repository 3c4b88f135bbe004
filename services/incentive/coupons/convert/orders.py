"""Carts and orders."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import coupon_order_pb2 as pb

from chassis.errors import Refusal
from chassis.stamps import stamp
from services.incentive.coupons.domain.carts import Applied, Cart, Line
from services.incentive.coupons.domain.coupons import Coupon
from services.incentive.coupons.domain.orders import KnownOrder, Order, Refund, RefundLine, Use, UseState, Verdict
from services.incentive.coupons.domain.templates import OnBrokenMinimum, Template
from services.incentive.coupons.errors import CouponCartInvalid

Known = Mapping[UUID, tuple[Template, Coupon]]
"""The template and coupon of each use."""


def cart_from_proto(cart: pb.Cart, *, store_id: str) -> Cart:
    """The cart, sold in `store_id` if that is not empty. Raises `CouponCartInvalid`."""
    return Cart(cart.currency_code, lines_from_proto(cart.lines, "cart."), cart.profile_id, store_id or cart.store_id)


def lines_from_proto(lines: Iterable[pb.CartLine], prefix: str = "") -> tuple[Line, ...]:
    """The lines, in the order of their numbers. Raises `CouponCartInvalid`."""
    found = [Line(each.line_no, each.product_id, each.category, each.quantity, each.unit_price_minor) for each in lines]
    counts = Counter(each.line_no for each in found)
    violations = [
        (f"{prefix}lines[{index}].line_no", "is not the only one of its number")
        for index, each in enumerate(found)
        if counts[each.line_no] > 1
    ]
    if sum(each.gross_minor for each in found) >= 2**53:
        violations.append((f"{prefix}lines", "must sum to less than 2^53"))
    if violations:
        raise CouponCartInvalid(violations)
    return tuple(sorted(found, key=lambda line: line.line_no))


def order_from_request(reference: str, cart: Cart, *, store_id: str, coupon_order_id: UUID, now: datetime) -> Order:
    """The order that begins if there is none of this reference yet."""
    return Order(coupon_order_id, store_id, reference, cart, now)


def refund_lines(lines: Iterable[pb.CouponRefundLine]) -> list[RefundLine]:
    """What is to be given back."""
    return [RefundLine(each.line_no, each.quantity) for each in lines]


def applied_to_proto(applied: Applied) -> pb.CouponUse:
    """A coupon that would apply."""
    template, coupon = applied.candidate.template, applied.candidate.coupon
    return _use(template, coupon, applied.allocation)


def use_to_proto(use: Use, known: Known) -> pb.CouponUse:
    """A coupon on an order."""
    message = _use(*known[use.coupon_id], use.allocation)
    message.state = pb.CouponUse.State.Value(f"STATE_{use.state.upper()}")
    if use.lock_until:
        message.lock_expire_time.CopyFrom(stamp(use.lock_until))
    return message


def _use(template: Template, coupon: Coupon, allocation: Mapping[int, int]) -> pb.CouponUse:
    return pb.CouponUse(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        code=coupon.code,
        discount_minor=sum(allocation.values()),
        lines=[pb.LineDiscount(line_no=no, discount_minor=amount) for no, amount in sorted(allocation.items())],
        deducts_difference=template.policies.on_broken_minimum == OnBrokenMinimum.DEDUCT_DIFFERENCE,
    )


def rejection_to_proto(code: str, coupon: Coupon | None, refusal: Refusal) -> pb.CouponRejection:
    """A coupon that does not apply, and why."""
    return pb.CouponRejection(
        code=code,
        coupon_id=str(coupon.coupon_id) if coupon else "",
        reason=refusal.reason,
        text=refusal.message,
        attribute=refusal.metadata.get("attribute", ""),
    )


def order_to_proto(order: Order, known: Known) -> pb.CouponOrder:
    """An order as it stands, with the uses that it was last asked for."""
    lines = order.cart.lines
    taken = sum(use.discount_minor for use in order.live)
    given = order.verdict in (Verdict.REDEEMED, Verdict.CHARGE_FULL, Verdict.REFUND_PAYMENT)
    verdict = order.verdict.upper() if given else "UNSPECIFIED"
    return pb.CouponOrder(
        order_reference=order.order_reference,
        store_id=order.store_id,
        profile_id=order.cart.profile_id,
        currency_code=order.cart.currency_code,
        lines=[line_to_proto(line) for line in lines],
        uses=[use_to_proto(use, known) for use in _shown(order.uses)],
        gross_minor=order.cart.gross_minor,
        net_minor=order.cart.gross_minor - taken,
        refunded_minor=order.refunded_minor,
        verdict=pb.CouponOrder.Verdict.Value(f"VERDICT_{verdict}"),
    )


def _shown(uses: Sequence[Use]) -> list[Use]:
    """The last use of each coupon; those let go only when there are no others."""
    last = {use.coupon_id: use for use in sorted(uses, key=lambda use: use.use_no)}
    kept = [use for use in last.values() if use.state != UseState.RELEASED]
    return sorted(kept or last.values(), key=lambda use: use.place)


def line_to_proto(line: Line) -> pb.CartLine:
    """A line."""
    return pb.CartLine(
        line_no=line.line_no,
        product_id=line.product_id,
        category=line.category,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
    )


def refund_to_proto(order: Order, refund: Refund, known: Known) -> pb.CouponRefund:
    """What a refund comes to."""
    return pb.CouponRefund(
        lines=[
            pb.CouponRefundLine(line_no=each.line_no, quantity=each.quantity, net_minor=each.net_minor)
            for each in refund.lines
        ],
        deduction_minor=refund.deduction_minor,
        refund_minor=refund.refund_minor,
        is_full=refund.is_full,
        uses=[use_to_proto(use, known) for use in _shown(order.uses)],
    )


def known_order(order: order_pb2.Order, at: datetime) -> KnownOrder:
    """A fact about an order of distribution's, as far as that can be recognised."""
    return KnownOrder(order.order_id, order.order_number, order.profile_id, order.store_id, at)


def is_refunded(order: order_pb2.Order) -> bool:
    """Whether nothing of an order remains."""
    return order.state == order_pb2.Order.STATE_REFUNDED
