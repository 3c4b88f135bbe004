"""What the retailer's year is made of, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Self

CURRENCY = "USD"
"""All amounts of the data are United States dollars; ours are integer cents."""


@dataclass(frozen=True, slots=True)
class Store:
    """A shop of the retailer. `baskets` is how many orders the year brought it."""

    store_id: str
    name: str
    baskets: int


@dataclass(frozen=True, slots=True)
class Member:
    """A household. `attributes` is empty for those whose demographics are not in the data."""

    member_no: str
    household_id: int
    home_store_id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an order: `quantity × unit_price_minor − discount_minor = net_minor`, to the cent.

    `coupon_minor` is the part of the discount that came from a coupon (the maker's and the shop's match of it).
    `measure` is what the till weighed or pumped when the goods are sold by measure (then `quantity` is 1), else 0.
    """

    line_no: int
    sku: str
    category: str
    department: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    coupon_minor: int
    measure: int

    @property
    def list_minor(self) -> int:
        """The price before any discount."""
        return self.quantity * self.unit_price_minor

    @property
    def net_minor(self) -> int:
        """What the household paid."""
        return self.quantity * self.unit_price_minor - self.discount_minor


@dataclass(frozen=True, slots=True)
class Order:
    """A basket, paid at the till at `ordered_at` (UTC)."""

    order_id: str
    member_no: str
    store_id: str
    ordered_at: datetime
    lines: tuple[Line, ...]

    @property
    def list_minor(self) -> int:
        """The sum of the lines before discounts."""
        return sum(line.list_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        """The sum of the lines' discounts."""
        return sum(line.discount_minor for line in self.lines)

    @property
    def net_minor(self) -> int:
        """What the household paid."""
        return sum(line.net_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class RefundLine:
    """A line given back whole."""

    line_no: int
    sku: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Goods brought back. Invented by us, deterministically: see `suite.dataset.refunds`."""

    refund_id: str
    order_id: str
    member_no: str
    refunded_at: datetime
    lines: tuple[RefundLine, ...]
    full: bool

    @property
    def amount_minor(self) -> int:
        """The money that goes back."""
        return sum(line.amount_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class Redemption:
    """A coupon used. The data gives the day only: the time is that of the order it was most likely used on.

    `order_id` is None (and the time is noon in the shop) when the household has no order on that day.
    """

    redemption_id: str
    member_no: str
    coupon_id: str
    campaign_id: str
    order_id: str | None
    redeemed_at: datetime


@dataclass(frozen=True, slots=True)
class Campaign:
    """A mailing of coupons to some households, from `start_date` to `end_date`, both inclusive."""

    campaign_id: str
    kind: str
    start_date: date
    end_date: date
    member_nos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon of one campaign, good for `skus` products."""

    coupon_id: str
    campaign_id: str
    skus: int


@dataclass(frozen=True, slots=True)
class Oddities:
    """How many rows were odd, by what was done about them. Add them up over days."""

    lines_dropped_empty: int = 0
    """Quantity 0 and no money at all."""
    lines_dropped_coupon_only: int = 0
    """Nothing but a coupon: no product price to take it from."""
    lines_quantity_made_one: int = 0
    """A price but quantity 0."""
    lines_by_measure: int = 0
    """Fuel and the like: the quantity is a measure, the line is one piece."""
    lines_split_for_price: int = 0
    """The price is no multiple of the quantity (3 for $1): the line became two."""
    lines_free: int = 0
    """Price 0, kept."""
    lines_coupon_capped: int = 0
    """The coupon is worth more than the product: it pays the price and no more."""
    coupon_capped_minor: int = 0
    """The cents that were cut off by that."""
    orders_dropped_empty: int = 0
    """No line was left."""
    orders_free: int = 0
    """Kept, and nothing to pay."""

    def __add__(self, other: Self) -> "Oddities":
        """Add field by field."""
        return Oddities(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on one business day of the shops, `[start, end)` in UTC; every tuple is in order of time."""

    date: date
    start: datetime
    end: datetime
    orders: tuple[Order, ...]
    redemptions: tuple[Redemption, ...]
    refunds: tuple[Refund, ...]
    oddities: Oddities
