"""Why coupons are refused. The messages can be shown to members."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from chassis.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound, QuotaExceeded, Violation


class CouponTemplateNotFound(NotFound):
    """No coupon template has this id."""

    reason = "COUPON_TEMPLATE_NOT_FOUND"

    def __init__(self, template_id: UUID) -> None:
        super().__init__("no such coupon template", template_id=str(template_id))


class CouponTemplateInvalid(InvalidArgument):
    """The template's fields do not fit together, or its day or time zone does not exist."""

    reason = "COUPON_TEMPLATE_INVALID"


class SoldOut(FailedPrecondition):
    """All coupons of the template have been issued."""

    reason = "SOLD_OUT"

    def __init__(self, template_id: UUID, stock: int) -> None:
        super().__init__("all coupons have been issued", template_id=str(template_id), stock=str(stock))


class StockInFlight(Conflict):
    """All units left are taken by claims that are not decided."""

    reason = "STOCK_IN_FLIGHT"

    def __init__(self, template_id: UUID) -> None:
        super().__init__("all coupons are taken, and some may come free", template_id=str(template_id))


class PersonLimit(FailedPrecondition):
    """The person has as many coupons of the template as one may get."""

    reason = "PERSON_LIMIT"

    def __init__(self, template_id: UUID, limit: int) -> None:
        super().__init__("the person has all coupons one may get", template_id=str(template_id), limit=str(limit))


class ClaimLimit(FailedPrecondition):
    """A device, phone, means of payment, store, address or span has as many coupons of the template as it may get."""

    reason = "CLAIM_LIMIT"

    def __init__(self, entity: str, period: str, limit: int) -> None:
        super().__init__(
            f"only {limit} coupons may go to one {entity} in this period",
            entity=entity.upper(),
            period=period.upper(),
            limit=str(limit),
        )


class CouponNotFound(NotFound):
    """No coupon has this code."""

    reason = "COUPON_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such coupon")


class CouponExpired(FailedPrecondition):
    """The coupon's last day is over."""

    reason = "COUPON_EXPIRED"

    def __init__(self, expire_time: datetime) -> None:
        super().__init__("the last day is over", expire_time=_text(expire_time))


class CouponRedeemed(FailedPrecondition):
    """The coupon has been used."""

    reason = "COUPON_REDEEMED"

    def __init__(self, order_reference: str) -> None:
        super().__init__("the coupon has been used", order_reference=order_reference)


class CouponLocked(FailedPrecondition):
    """Another order has the coupon until its payment window ends."""

    reason = "COUPON_LOCKED"

    def __init__(self, lock_expire_time: datetime) -> None:
        super().__init__("another order has the coupon", lock_expire_time=_text(lock_expire_time))


class CouponFrozen(FailedPrecondition):
    """An operator has set the coupon aside."""

    reason = "COUPON_FROZEN"

    def __init__(self) -> None:
        super().__init__("the coupon is set aside")


class CouponRevoked(FailedPrecondition):
    """The coupon has been taken back."""

    reason = "COUPON_REVOKED"

    def __init__(self) -> None:
        super().__init__("the coupon has been taken back")


class CouponPending(FailedPrecondition):
    """The claim is under review."""

    reason = "COUPON_PENDING"

    def __init__(self) -> None:
        super().__init__("the coupon is not given out yet")


class CouponNotPending(FailedPrecondition):
    """The claim does not wait for a review."""

    reason = "COUPON_NOT_PENDING"

    def __init__(self) -> None:
        super().__init__("the coupon does not wait for a review")


class CouponOfAnother(FailedPrecondition):
    """The coupon is another person's."""

    reason = "COUPON_OF_ANOTHER"

    def __init__(self) -> None:
        super().__init__("the coupon is another person's")


class AttrMissing(FailedPrecondition):
    """The coupon needs to know something that was not told."""

    reason = "ATTR_MISSING"

    def __init__(self, attribute: str) -> None:
        super().__init__(f"the coupon needs to know {attribute}", attribute=attribute)


class OrderBelowMinimum(FailedPrecondition):
    """The order is smaller than the coupon asks for."""

    reason = "ORDER_BELOW_MINIMUM"

    def __init__(self, order_minor_min: int) -> None:
        super().__init__("the order is too small for the coupon", order_minor_min=str(order_minor_min))


class NoEligibleLines(FailedPrecondition):
    """The coupon is good for none of the products."""

    reason = "NO_ELIGIBLE_LINES"

    def __init__(self) -> None:
        super().__init__("the coupon is good for none of these products")


class StoreNotEligible(FailedPrecondition):
    """The coupon is good in other stores."""

    reason = "STORE_NOT_ELIGIBLE"

    def __init__(self) -> None:
        super().__init__("the coupon is good in other stores")


class CurrencyDiffers(FailedPrecondition):
    """The coupon is of another currency."""

    reason = "CURRENCY_DIFFERS"

    def __init__(self, currency_code: str) -> None:
        super().__init__(f"the coupon is good for orders in {currency_code}", currency_code=currency_code)


class CouponNotStackable(FailedPrecondition):
    """The coupon cannot be combined with one that applies."""

    reason = "COUPON_NOT_STACKABLE"

    def __init__(self, coupon_id: UUID) -> None:
        super().__init__("the coupon cannot be combined with another that applies", coupon_id=str(coupon_id))


class NothingToDiscount(FailedPrecondition):
    """Other coupons leave nothing for this one to take off."""

    reason = "NOTHING_TO_DISCOUNT"

    def __init__(self) -> None:
        super().__init__("there is nothing left for the coupon to take off")


class CouponCartInvalid(InvalidArgument):
    """A cart's lines do not fit together."""

    reason = "COUPON_CART_INVALID"

    def __init__(self, violations: Iterable[Violation]) -> None:
        first, *rest = violations
        super().__init__(*first)
        self.violations += rest


class CouponOrderNotFound(NotFound):
    """No order with coupons has this reference."""

    reason = "COUPON_ORDER_NOT_FOUND"

    def __init__(self, order_reference: str) -> None:
        super().__init__("no such order with coupons", order_reference=order_reference)


class CouponOrderClosed(FailedPrecondition):
    """The order does not stand where this can be done."""

    reason = "COUPON_ORDER_CLOSED"

    def __init__(self, order_reference: str, state: str) -> None:
        super().__init__(
            f"the order is {state.lower().replace('_', ' ')}", order_reference=order_reference, state=state.upper()
        )


class ExceedsOrder(FailedPrecondition):
    """More is to be given back than is left of the order."""

    reason = "EXCEEDS_ORDER"

    def __init__(self, line_no: int, left: int) -> None:
        super().__init__(f"{left} pieces are left of line {line_no}", line_no=str(line_no), left=str(left))


class LookupLimit(QuotaExceeded):
    """The person has looked up as many codes as one may in an hour."""

    reason = "LOOKUP_LIMIT"

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many codes looked up", retry_after=retry_after)


class CouponBatchNotFound(NotFound):
    """No batch has this id."""

    reason = "COUPON_BATCH_NOT_FOUND"

    def __init__(self, batch_id: UUID) -> None:
        super().__init__("no such batch", batch_id=str(batch_id))


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
