"""What others are told about coupons."""

from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.coupons.domain import Coupon, Template


async def coupon_issued(tx: Tx, template: Template, coupon: Coupon) -> None:
    """A person got a coupon."""
    event = events_pb2.CouponIssued(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        profile_id=coupon.profile_id,
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        issue_time=stamp(coupon.issue_time),
    )
    await append(tx, [Fact(event, coupon.issue_time)])


async def coupon_redeemed(tx: Tx, template: Template, coupon: Coupon, profile_id: str, *, now: datetime) -> None:
    """A coupon was used; `profile_id` stands for its owner now."""
    event = events_pb2.CouponRedeemed(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        profile_id=profile_id,
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        order_reference=coupon.order_reference or "",
        redeem_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])
