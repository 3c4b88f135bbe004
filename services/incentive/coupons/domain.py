"""What a coupon is, when it can be used, and how its code is written. Pure.

A code is twelve random characters of Crockford's base 32 (60 bits) and a check character. The check is a weighted sum
over the field of 32 elements, which finds every wrong character and every swap of two characters.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from services.incentive.coupons.errors import (
    CouponExpired,
    CouponNotFound,
    CouponRedeemed,
    CouponTemplateInvalid,
    OrderBelowMinimum,
    PersonLimit,
    SoldOut,
)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_BITS = 60
TIME_ZONE_DEFAULT = "Asia/Shanghai"

_LENGTH = CODE_BITS // 5
_POLYNOMIAL = 0b100101  # x⁵ + x² + 1, primitive
_FOLDED = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_MACHINE_ZONES = frozenset({"localtime", "Factory", "posixrules"})


@dataclass(frozen=True, slots=True)
class Template:
    """What the coupons of one kind have in common. Amounts are in minor units of the currency."""

    template_id: UUID
    name: str
    value_minor: int
    currency_code: str
    order_minor_min: int
    stock: int
    issued_count: int
    redeemed_count: int
    coupons_per_profile_max: int
    last_day: date
    time_zone: str
    expire_time: datetime
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon of one person."""

    coupon_id: UUID
    code: str
    profile_id: str
    number: int
    issue_time: datetime
    order_reference: str | None = None
    redeem_time: datetime | None = None


def issue(
    template: Template, coupon_id: UUID, code: str, profile_id: str, *, owned: int, now: datetime
) -> tuple[Template, Coupon]:
    """The next coupon of a person who has `owned` of the template.

    Raises `CouponExpired`, `SoldOut`, `PersonLimit`.
    """
    check_issuable(template, now=now)
    if 0 < template.coupons_per_profile_max <= owned:
        raise PersonLimit(template.template_id, template.coupons_per_profile_max)
    template = replace(template, issued_count=template.issued_count + 1)
    return template, Coupon(coupon_id, code, profile_id, owned + 1, now)


def check_issuable(template: Template, *, now: datetime) -> None:
    """Raises `CouponExpired` or `SoldOut` when nobody can get a coupon any more."""
    if now >= template.expire_time:
        raise CouponExpired(template.expire_time)
    if template.issued_count >= template.stock:
        raise SoldOut(template.template_id, template.stock)


def redeem(template: Template, coupon: Coupon, order_reference: str, order_minor: int, *, now: datetime) -> Coupon:
    """Use a coupon on an order. Raises `CouponRedeemed`, `CouponExpired`, `OrderBelowMinimum`."""
    if coupon.order_reference is not None:
        raise CouponRedeemed(coupon.order_reference)
    if now >= template.expire_time:
        raise CouponExpired(template.expire_time)
    if order_minor < template.order_minor_min:
        raise OrderBelowMinimum(template.order_minor_min)
    return replace(coupon, order_reference=order_reference, redeem_time=now)


def day_of(text: str) -> date:
    """The printed day. Raises `CouponTemplateInvalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CouponTemplateInvalid("last_day", f"{text} is not a day") from None


def end_of(last_day: date, time_zone: str) -> datetime:
    """The first instant after the local day, in UTC: a day may last 23 or 25 hours. Raises `CouponTemplateInvalid`."""
    if time_zone not in _zones():
        raise CouponTemplateInvalid("time_zone", f"{time_zone} is not an IANA time zone")
    try:
        midnight = datetime.combine(last_day + timedelta(days=1), time(), ZoneInfo(time_zone))
        return midnight.astimezone(UTC)
    except OverflowError:
        raise CouponTemplateInvalid("last_day", "is too far away") from None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _MACHINE_ZONES


def code_of(number: int) -> str:
    """The code of a random number of `CODE_BITS` bits."""
    digits = [number >> 5 * place & 31 for place in reversed(range(_LENGTH))]
    return "".join(ALPHABET[digit] for digit in (*digits, _check(digits)))


def code_from_text(text: str) -> str:
    """The code that somebody typed: in any case, with hyphens or spaces, O for 0, I or L for 1.

    Raises `CouponNotFound` for what cannot be a code.
    """
    code = text.upper().translate(_FOLDED)
    digits = [ALPHABET.find(character) for character in code]
    if len(digits) != _LENGTH + 1 or -1 in digits or _check(digits[:-1]) != digits[-1]:
        raise CouponNotFound
    return code


def _check(digits: list[int]) -> int:
    """Horner's rule at the element x, so that every place has a weight of its own, and none the check's weight 1."""
    total = 0
    for digit in digits:
        total = _times_x(total ^ digit)
    return total


def _times_x(element: int) -> int:
    element <<= 1
    return element ^ _POLYNOMIAL if element & 32 else element
