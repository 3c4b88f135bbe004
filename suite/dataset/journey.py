"""The retailer's year: who and where at once, what happened day by day."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from suite.dataset import calendar, source
from suite.dataset.names import campaign_id, coupon_id, member_no, store_id
from suite.dataset.orders import Shelf, columns_by_day, orders_of
from suite.dataset.redemptions import DatedRedemption, dated_redemptions, redeemed
from suite.dataset.refunds import DELAY_MAX, refund_of
from suite.dataset.source import Ints
from suite.dataset.values import Campaign, Coupon, Day, Member, Oddities, Order, Refund, Store

ATTRIBUTES = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")


@dataclass(frozen=True, slots=True)
class Journey:
    """What is known before the first day. Read it once with `open_journey`."""

    stores: tuple[Store, ...]
    members: tuple[Member, ...]
    campaigns: tuple[Campaign, ...]
    coupons: tuple[Coupon, ...]
    seed: int
    shelf: Shelf = field(repr=False)
    redemptions: dict[date, tuple[DatedRedemption, ...]] = field(repr=False)

    def days(self, start: int = 0, count: int = calendar.DAYS) -> Iterator[Day]:
        """Give `count` days from the `start`-th on, in order; fewer when the year ends.

        Days are the same whatever range they are asked in: the days before `start` whose refunds reach into the range
        are read too. Memory is that of one day and of the refunds to come.
        """
        stop = min(start + count, calendar.DAYS)
        due: dict[date, list[Refund]] = defaultdict(list)
        first = max(0, start - DELAY_MAX.days - 1)
        for number, columns in columns_by_day(first, stop):
            orders, oddities = orders_of(columns, self.shelf)
            for order in orders:
                refund = refund_of(order, self.seed)
                if refund is not None:
                    due[refund.refunded_at.astimezone(calendar.ZONE).date()].append(refund)
            if number >= start:
                yield self._day(calendar.day_of(number), orders, due, oddities)

    def _day(self, day: date, orders: tuple[Order, ...], due: dict[date, list[Refund]], oddities: Oddities) -> Day:
        return Day(
            date=day,
            start=calendar.start_of(day),
            end=calendar.start_of(day + timedelta(days=1)),
            orders=orders,
            redemptions=redeemed(day, self.redemptions.get(day, ()), orders),
            refunds=tuple(sorted(due.pop(day, ()), key=lambda refund: (refund.refunded_at, refund.refund_id))),
            oddities=oddities,
        )


def open_journey(seed: int = 1) -> Journey:
    """Read all that is not a basket. `seed` decides the invented refunds. Raises `DatasetMissing`."""
    seen = source.table("transactions", ("household_id", "store_id", "basket_id"))
    once = np.flatnonzero(np.diff(seen["basket_id"], prepend=-1))
    households, shops = seen["household_id"][once], seen["store_id"][once]
    numbers, baskets = np.unique(shops, return_counts=True)
    return Journey(
        stores=tuple(
            Store(store_id(number), f"Store {number}", count)
            for number, count in zip(numbers.tolist(), baskets.tolist(), strict=True)
        ),
        members=_members(households, shops),
        campaigns=_campaigns(),
        coupons=_coupons(),
        seed=seed,
        shelf=_shelf(),
        redemptions=dated_redemptions(),
    )


def _members(households: Ints, shops: Ints) -> tuple[Member, ...]:
    demographics = source.table("demographics", ("household_id", *ATTRIBUTES))
    known = {
        household: {name: demographics[name][row] for name in ATTRIBUTES if demographics[name][row] is not None}
        for row, household in enumerate(demographics["household_id"].tolist())
    }
    visits: dict[int, Counter[int]] = defaultdict(Counter)
    for household, shop in zip(households.tolist(), shops.tolist(), strict=True):
        visits[household][shop] += 1
    return tuple(
        Member(member_no(household), household, store_id(_favourite(visits[household])), known.get(household, {}))
        for household in sorted(visits)
    )


def _favourite(visits: Counter[int]) -> int:
    return min(visits, key=lambda shop: (-visits[shop], shop))


def _campaigns() -> tuple[Campaign, ...]:
    about = source.table("campaign_descriptions", ("campaign_id", "campaign_type", "start_date", "end_date"))
    sent = source.table("campaigns", ("campaign_id", "household_id"))
    receivers: dict[int, list[int]] = defaultdict(list)
    for campaign, household in zip(sent["campaign_id"].tolist(), sent["household_id"].tolist(), strict=True):
        receivers[campaign].append(household)
    rows = zip(
        about["campaign_id"].tolist(), about["campaign_type"], about["start_date"], about["end_date"], strict=True
    )
    return tuple(
        Campaign(
            campaign_id(campaign),
            kind,
            calendar.date_of(start),
            calendar.date_of(end),
            tuple(map(member_no, sorted(receivers[campaign]))),
        )
        for campaign, kind, start, end in sorted(rows)
    )


def _coupons() -> tuple[Coupon, ...]:
    rows = source.table("coupons", ("coupon_upc", "campaign_id"))
    skus = Counter(zip(rows["campaign_id"].tolist(), rows["coupon_upc"].tolist(), strict=True))
    return tuple(
        Coupon(coupon_id(campaign, upc), campaign_id(campaign), skus[campaign, upc]) for campaign, upc in sorted(skus)
    )


def _shelf() -> Shelf:
    rows = source.table("products", ("product_id", "product_category", "department"))
    labels: dict[tuple[str, str], tuple[str, str]] = {}
    shelf: Shelf = {}
    for product, category, department in zip(rows["product_id"].tolist(), *list(rows.values())[1:], strict=True):
        label = (category or "", department or "")
        shelf[product] = labels.setdefault(label, label)
    return shelf
