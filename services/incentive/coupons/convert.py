"""Messages about coupons, from and to what they mean."""

from datetime import datetime
from uuid import UUID

from bowen.incentive.v1 import coupon_pb2, coupon_service_pb2

from chassis.stamps import stamp
from services.incentive.coupons import domain
from services.incentive.coupons.domain import TIME_ZONE_DEFAULT, Coupon, Template


def template_from_proto(
    request: coupon_service_pb2.CreateCouponTemplateRequest, *, template_id: UUID, now: datetime
) -> Template:
    """The template that is asked for. Raises `CouponTemplateInvalid`."""
    last_day, time_zone = domain.day_of(request.last_day), request.time_zone or TIME_ZONE_DEFAULT
    return Template(
        template_id=template_id,
        name=request.name,
        value_minor=request.value_minor,
        currency_code=request.currency_code,
        order_minor_min=request.order_minor_min,
        stock=request.stock,
        issued_count=0,
        redeemed_count=0,
        coupons_per_profile_max=request.coupons_per_profile_max,
        last_day=last_day,
        time_zone=time_zone,
        expire_time=domain.end_of(last_day, time_zone),
        create_time=now,
    )


def template_to_proto(template: Template) -> coupon_pb2.CouponTemplate:
    """A template with its counts."""
    return coupon_pb2.CouponTemplate(
        template_id=str(template.template_id),
        name=template.name,
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        order_minor_min=template.order_minor_min,
        stock=template.stock,
        issued_count=template.issued_count,
        redeemed_count=template.redeemed_count,
        coupons_per_profile_max=template.coupons_per_profile_max,
        last_day=template.last_day.isoformat(),
        time_zone=template.time_zone,
        expire_time=stamp(template.expire_time),
        create_time=stamp(template.create_time),
    )


def coupon_to_proto(template: Template, coupon: Coupon, *, now: datetime) -> coupon_pb2.Coupon:
    """A coupon as it stands now."""
    return coupon_pb2.Coupon(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        code=coupon.code,
        profile_id=coupon.profile_id,
        state=_state(template, coupon, now),
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        order_reference=coupon.order_reference or "",
        issue_time=stamp(coupon.issue_time),
        redeem_time=stamp(coupon.redeem_time) if coupon.redeem_time else None,
        expire_time=stamp(template.expire_time),
    )


def _state(template: Template, coupon: Coupon, now: datetime) -> "coupon_pb2.Coupon.State.ValueType":
    if coupon.redeem_time is not None:
        return coupon_pb2.Coupon.STATE_REDEEMED
    return coupon_pb2.Coupon.STATE_EXPIRED if now >= template.expire_time else coupon_pb2.Coupon.STATE_ISSUED
