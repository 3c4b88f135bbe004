"""What the coupons of one kind have in common: worth, terms, limits, policies, the printed day."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from logic import calendar
from services.incentive.coupons.errors import CouponExpired, CouponTemplateInvalid, SoldOut, StockInFlight

GROUP_DEFAULT = "default"
BEGINNING = date(1, 1, 1)
"""The first day of the span that never ends."""


class Entity(StrEnum):
    """Whose coupons a limit counts."""

    TEMPLATE = "template"
    MEMBER = "member"
    PERSON_CLUSTER = "person_cluster"
    DEVICE = "device"
    PHONE = "phone"
    PAYMENT = "payment"
    STORE = "store"
    ADDRESS = "address"


class Period(StrEnum):
    """In which span a limit counts. Spans begin at midnight in the template's time zone."""

    TOTAL = "total"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def begin(self, day: date) -> date:
        """The first day of the span that `day` is in."""
        match self:
            case Period.DAY:
                return day
            case Period.WEEK:
                return day - timedelta(days=day.weekday())
            case Period.MONTH:
                return day.replace(day=1)
            case _:
                return BEGINNING


@dataclass(frozen=True, slots=True)
class Limit:
    """Most coupons that one subject may get in a span."""

    entity: Entity
    period: Period
    max: int

    @property
    def scope(self) -> str:
        """Under which name its tallies are kept. A cluster counts what its members have."""
        entity = Entity.MEMBER if self.entity == Entity.PERSON_CLUSTER else self.entity
        return f"{entity}/{self.period}"


class Reservation(StrEnum):
    """Who may use a code: whoever knows it, or its owner."""

    SOFT = "soft"
    HARD = "hard"


class OnLostLock(StrEnum):
    """What becomes of an order that is paid when its lock was lost to others."""

    REFUND_PAYMENT = "refund_payment"
    CHARGE_FULL_WITH_CONSENT = "charge_full_with_consent"


class OnRevokeLocked(StrEnum):
    """Who wins when a locked coupon is revoked."""

    LOCK_WINS = "lock_wins"
    REVOKE_WINS = "revoke_wins"


class OnBrokenMinimum(StrEnum):
    """What a refund does when what remains is below the minimum."""

    KEEP = "keep"
    DEDUCT_DIFFERENCE = "deduct_difference"


class OnCluster(StrEnum):
    """What happens to a claim that a limit of a person cluster is against."""

    REFUSE = "refuse"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Terms:
    """What coupons are good for. No products and no categories mean all lines; no stores mean all, and the mall."""

    percent_bp: int = 0
    discount_minor_max: int = 0
    products: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    store_ids: frozenset[str] = frozenset()
    group: str = GROUP_DEFAULT
    priority: int = 0
    exclusions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policies:
    """What happens when something comes between (spec value §2.2). By default, only compensations come back after
    delivery."""

    reservation: Reservation = Reservation.SOFT
    on_lost_lock: OnLostLock = OnLostLock.REFUND_PAYMENT
    on_revoke_locked: OnRevokeLocked = OnRevokeLocked.LOCK_WINS
    on_broken_minimum: OnBrokenMinimum = OnBrokenMinimum.KEEP
    returns_before_delivery: bool = True
    returns_after_delivery: bool = False
    is_compensation: bool = False
    on_cluster: OnCluster = OnCluster.REFUSE


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
    in_flight_count: int = 0
    limits: tuple[Limit, ...] = ()
    terms: Terms = field(default_factory=Terms)
    policies: Policies = field(default_factory=Policies)

    @property
    def remaining(self) -> int:
        """How many nobody has taken yet."""
        return self.stock - self.issued_count - self.in_flight_count

    def day(self, now: datetime) -> date:
        """The local day."""
        return calendar.day_of(now, self.time_zone)

    def is_good_for(self, product: str, category: str) -> bool:
        """Whether a line of this product counts."""
        terms = self.terms
        if not terms.products and not terms.categories:
            return True
        return product in terms.products or category in terms.categories


def check_issuable(template: Template, *, now: datetime, count: int = 1) -> None:
    """Raises `CouponExpired`, `SoldOut` or `StockInFlight` when nobody can get a coupon, or `count` of them, now.

    Sold out is for good; while claims are undecided, a unit may come free.
    """
    if now >= template.expire_time:
        raise CouponExpired(template.expire_time)
    if template.remaining >= count:
        return
    if template.remaining + template.in_flight_count >= count:
        raise StockInFlight(template.template_id)
    raise SoldOut(template.template_id, template.stock)


def updated(
    template: Template,
    *,
    name: str | None = None,
    stock: int | None = None,
    coupons_per_profile_max: int | None = None,
    last_day: str | None = None,
) -> Template:
    """Change what is given. Raises `CouponTemplateInvalid`."""
    if stock is not None and stock < template.issued_count + template.in_flight_count:
        raise CouponTemplateInvalid("stock", "must not be less than what is issued and in flight")
    if last_day is not None:
        day = day_of(last_day)
        template = replace(template, last_day=day, expire_time=end_of(day, template.time_zone))
    per_profile = template.coupons_per_profile_max if coupons_per_profile_max is None else coupons_per_profile_max
    return replace(
        template,
        name=template.name if name is None else name,
        stock=template.stock if stock is None else stock,
        coupons_per_profile_max=per_profile,
    )


def check_limits(limits: Sequence[Limit]) -> None:
    """Raises `CouponTemplateInvalid` when two limits are of one entity and period."""
    if len({(limit.entity, limit.period) for limit in limits}) < len(limits):
        raise CouponTemplateInvalid("limits", "must have at most one of an entity and period")


def day_of(text: str) -> date:
    """The printed day. Raises `CouponTemplateInvalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CouponTemplateInvalid("last_day", f"{text} is not a day") from None


def end_of(last_day: date, time_zone: str) -> datetime:
    """The first instant after the local day, in UTC: a day may last 23 or 25 hours. Raises `CouponTemplateInvalid`."""
    if not calendar.is_zone(time_zone):
        raise CouponTemplateInvalid("time_zone", f"{time_zone} is not an IANA time zone")
    try:
        return calendar.midnight(last_day + timedelta(days=1), time_zone)
    except OverflowError:
        raise CouponTemplateInvalid("last_day", "is too far away") from None
