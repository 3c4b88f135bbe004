"""Why coupons are refused."""

from datetime import datetime
from uuid import UUID

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class CouponTemplateNotFound(NotFound):
    """No coupon template has this id."""

    reason = "COUPON_TEMPLATE_NOT_FOUND"

    def __init__(self, template_id: UUID) -> None:
        super().__init__("no such coupon template", template_id=str(template_id))


class CouponTemplateInvalid(InvalidArgument):
    """The template's day or time zone does not exist."""

    reason = "COUPON_TEMPLATE_INVALID"


class SoldOut(FailedPrecondition):
    """All coupons of the template have been issued."""

    reason = "SOLD_OUT"

    def __init__(self, template_id: UUID, stock: int) -> None:
        super().__init__("all coupons have been issued", template_id=str(template_id), stock=str(stock))


class PersonLimit(FailedPrecondition):
    """The person has as many coupons of the template as one may get."""

    reason = "PERSON_LIMIT"

    def __init__(self, template_id: UUID, limit: int) -> None:
        super().__init__("the person has all coupons one may get", template_id=str(template_id), limit=str(limit))


class CouponNotFound(NotFound):
    """No coupon has this code."""

    reason = "COUPON_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such coupon")


class CouponExpired(FailedPrecondition):
    """The coupon's last day is over."""

    reason = "COUPON_EXPIRED"

    def __init__(self, expire_time: datetime) -> None:
        super().__init__("the last day is over", expire_time=expire_time.strftime("%Y-%m-%dT%H:%M:%SZ"))


class CouponRedeemed(FailedPrecondition):
    """The coupon has been used."""

    reason = "COUPON_REDEEMED"

    def __init__(self, order_reference: str) -> None:
        super().__init__("the coupon has been used", order_reference=order_reference)


class OrderBelowMinimum(FailedPrecondition):
    """The order is smaller than the coupon asks for."""

    reason = "ORDER_BELOW_MINIMUM"

    def __init__(self, order_minor_min: int) -> None:
        super().__init__("the order is too small for the coupon", order_minor_min=str(order_minor_min))
