"""What is replayed: the retailer's days and the simulated ripple, and what must come out. No I/O but the data's."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from suite import simulator
from suite.dataset import Campaign, Day, Journey, Order, Store, calendar, open_journey
from suite.faults import Fault
from suite.simulator import Action, Click, Kind, Login, Person, Purchase, Register, Share, Simulation

STORES_SHARING = 40
"""Simulated guides work, and newcomers buy, in as many of the busiest stores."""
STORES_WITH_TILL_GUIDES = 20
NAMED_SELLER_ONE_IN = 4
BASKETS = 400
POINTS_RATE_BP = 100
DAYS_MAX = calendar.DAYS


@dataclass(frozen=True, slots=True)
class Sale:
    """An order as it is replayed. `guide` is the person or till guide that the cashier names, if any."""

    number: str
    source: str
    member_no: str
    store_id: str
    guide: str
    at: datetime
    goods: Order

    @property
    def net_minor(self) -> int:
        """What was paid."""
        return self.goods.net_minor


@dataclass(frozen=True, slots=True)
class Plan:
    """Equal days and seed make equal plans."""

    days: int
    seed: int
    journey: Journey
    simulation: Simulation
    stores: tuple[Store, ...]
    """Busiest first."""
    baskets: tuple[Order, ...]
    """The goods that simulated purchases are of."""

    @property
    def start(self) -> datetime:
        """The first instant."""
        return calendar.start_of(calendar.day_of(0))

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return max(calendar.start_of(calendar.day_of(self.days)), self.simulation.scenario.end)

    @property
    def guides(self) -> list[Person]:
        """The simulated people who work in stores, in a fixed order."""
        people = self.simulation.people.values()
        return sorted((each for each in people if each.kind is Kind.GUIDE), key=lambda each: each.person_id)

    @property
    def till_guides(self) -> dict[str, str]:
        """The code of the guide whom the tills of a store name, by store."""
        return {store.store_id: f"TILL-{store.store_id}" for store in self.stores[:STORES_WITH_TILL_GUIDES]}

    def days_from(self, first: int) -> Iterator[tuple[int, Day]]:
        """The days from the `first`-th on."""
        yield from enumerate(self.journey.days(first, self.days - first), first)

    def actions(self, number: int, day: Day) -> tuple[Action, ...]:
        """What the simulated people do on a day. The last day takes what a change of clocks leaves over."""
        return self.simulation.between(day.start, self.end if number == self.days - 1 else day.end)

    def sales(self, day: Day, actions: tuple[Action, ...]) -> list[Sale]:
        """The orders of a day, the retailer's and the simulated people's, by time."""
        guides = self.till_guides
        sales = [_sale(order, guides) for order in day.orders]
        sales += [self._purchase(action) for action in actions if isinstance(action, Purchase)]
        return sorted(sales, key=lambda sale: (sale.at, sale.number))

    def _purchase(self, action: Purchase) -> Sale:
        return Sale(action.id, "mall", action.member_no, action.store_id, "", action.at, self.baskets[action.basket])


def make(days: int, seed: int) -> Plan:
    """Read the data and simulate. Raises `DatasetMissing` and `Fault`."""
    if not 1 <= days <= DAYS_MAX:
        raise Fault(f"--days {days}: the data has {DAYS_MAX} days, so it must be 1 to {DAYS_MAX}")
    journey = open_journey(seed)
    first = next(journey.days(0, 1))
    baskets = tuple(order for order in first.orders if order.net_minor > 0)[:BASKETS]
    stores = tuple(sorted(journey.stores, key=lambda store: (-store.baskets, store.store_id)))
    scenario = simulator.demo(
        seed=seed,
        start=first.start,
        days=days,
        stores=tuple(store.store_id for store in stores[:STORES_SHARING]),
        households=tuple(member.member_no for member in journey.members),
        baskets=len(baskets),
    )
    return Plan(days, seed, journey, simulator.simulate(scenario), stores, baskets)


def _sale(order: Order, guides: Mapping[str, str]) -> Sale:
    """Of the orders at a busy store one in a few names its guide, chosen by the order's number."""
    named = zlib.crc32(order.order_id.encode()) % NAMED_SELLER_ONE_IN == 0
    guide = guides.get(order.store_id, "") if named else ""
    return Sale(order.order_id, "completejourney", order.member_no, order.store_id, guide, order.ordered_at, order)


def events_of(actions: tuple[Action, ...], people: Mapping[str, Person]) -> int:
    """How many events the actions make: a page per click, an identify per account, a track per consumer's share."""
    return sum(
        isinstance(action, Click | Register | Login)
        or (isinstance(action, Share) and people[action.sharer].kind is not Kind.GUIDE)
        for action in actions
    )


def mailings(plan: Plan, number: int, day: Day) -> list[Campaign]:
    """The retailer's mailings that go out on a day; on the first also those that went out before and still hold."""
    return [
        campaign
        for campaign in plan.journey.campaigns
        if campaign.start_date == day.date or (number == 0 and campaign.start_date < day.date <= campaign.end_date)
    ]


@dataclass(slots=True)
class Expected:
    """What must come out, added up while the days are replayed."""

    orders: int = 0
    net_minor: int = 0
    refunds: int = 0
    refunded_minor: int = 0
    points: int = 0
    events: int = 0
    coupons_issued: int = 0
    coupons_redeemed: int = 0

    def add(self, plan: Plan, number: int, day: Day) -> None:
        """Add a day."""
        actions = plan.actions(number, day)
        sales = plan.sales(day, actions)
        self.orders += len(sales)
        self.net_minor += sum(sale.net_minor for sale in sales)
        self.points += sum(sale.net_minor * POINTS_RATE_BP // 10_000 for sale in sales)
        self.refunds += len(day.refunds)
        self.refunded_minor += sum(refund.amount_minor for refund in day.refunds)
        self.events += events_of(actions, plan.simulation.people)
        self.coupons_redeemed += len(day.redemptions)
        mailed = sum(len(campaign.member_nos) for campaign in mailings(plan, number, day))
        self.coupons_issued += len(day.redemptions) + mailed


def waves(actions: tuple[Action, ...]) -> list[list[Action]]:
    """Cut a day's actions into waves that can each be done at once: shares, then clicks, then who it is.

    A share comes after the click that its sharer came by and after its sharer is known; a click not before its share;
    what one person does stays in order.
    """
    waves_of: dict[str, int] = {}
    last: dict[str, int] = {}
    known: dict[str, int] = {}
    cut: list[list[Action]] = []
    for action in actions:
        if isinstance(action, Purchase):
            continue
        wave = _wave(action, waves_of, last, known)
        waves_of[action.id] = wave
        if not isinstance(action, Share):
            last[action.person] = wave
        if isinstance(action, Register | Login):
            known[action.person] = wave
        while len(cut) <= wave:
            cut.append([])
        cut[wave].append(action)
    return cut


def _wave(action: Action, waves_of: dict[str, int], last: dict[str, int], known: dict[str, int]) -> int:
    if isinstance(action, Share):
        after_click = waves_of.get(action.parent_click or "", -1)
        return max(after_click, known.get(action.sharer, -1)) + 1
    share = waves_of.get(action.share, 0) if isinstance(action, Click) else 0
    return max(share, last.get(action.person, 0))
