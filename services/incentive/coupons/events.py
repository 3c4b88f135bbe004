"""What others are told about coupons."""

from collections.abc import Sequence
from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.coupons.domain.claims import Issued
from services.incentive.coupons.domain.coupons import Coupon
from services.incentive.coupons.domain.orders import Order
from services.incentive.coupons.domain.templates import Template


async def coupons_issued(tx: Tx, issued: Sequence[Issued]) -> None:
    """People got coupons."""
    await append(tx, [Fact(_issued(each), each.coupon.issue_time) for each in issued])


async def coupon_redeemed(
    tx: Tx, template: Template, coupon: Coupon, *, discount_minor: int, order_reference: str, now: datetime
) -> None:
    """A coupon was used."""
    event = events_pb2.CouponRedeemed(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        profile_id=coupon.owner_id or "",
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        order_reference=order_reference,
        redeem_time=stamp(now),
        discount_minor=discount_minor,
    )
    await append(tx, [Fact(event, now)])


async def coupon_returned(tx: Tx, template: Template, coupon: Coupon, *, order_reference: str, now: datetime) -> None:
    """A coupon came back from a refunded order."""
    event = events_pb2.CouponReturned(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        profile_id=coupon.owner_id or "",
        order_reference=order_reference,
        expire_time=stamp(coupon.end(template)),
        return_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])


async def coupons_revoked(tx: Tx, coupons: Sequence[Coupon], *, now: datetime) -> None:
    """Coupons were taken back for good."""
    await append(tx, [Fact(_revoked(each, now), now) for each in coupons])


async def coupon_lost(tx: Tx, order: Order, *, now: datetime) -> None:
    """An order was paid when a coupon of its was no longer to be had."""
    event = events_pb2.CouponLost(
        order_reference=order.order_reference,
        store_id=order.store_id,
        profile_id=order.cart.profile_id,
        verdict=order.verdict.upper(),
        lose_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])


def _issued(issued: Issued) -> events_pb2.CouponIssued:
    template, coupon = issued
    return events_pb2.CouponIssued(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        profile_id=coupon.owner_id or "",
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        issue_time=stamp(coupon.issue_time),
    )


def _revoked(coupon: Coupon, now: datetime) -> events_pb2.CouponRevoked:
    return events_pb2.CouponRevoked(
        coupon_id=str(coupon.coupon_id),
        template_id=str(coupon.template_id),
        profile_id=coupon.owner_id or "",
        revoke_time=stamp(now),
    )
