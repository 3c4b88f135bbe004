"""What changes orders: load and hold, decide one by one, save at once, tell."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Refusal
from chassis.ids import new_id
from services.distribution.orders import events, store
from services.distribution.orders.domain import attribution
from services.distribution.orders.domain import order as domain
from services.distribution.orders.domain.attribution import Attribution, Sale
from services.distribution.orders.domain.order import (
    Change,
    Draft,
    History,
    Order,
    OrderState,
    Paid,
    Recredited,
    RefundAsk,
    Refunded,
    Restored,
    Row,
)
from services.distribution.orders.domain.reach import EVERYWHERE, Reach
from services.distribution.orders.errors import OrderNotFound, OrderNumberReused
from services.distribution.partners import store as partners
from services.distribution.partners.domain import Partner, Role, require
from services.distribution.partners.errors import NotYours, PartnerNotFound
from services.distribution.ripples import store as ripples
from services.distribution.ripples.domain import Click
from services.distribution.subjects import store as subjects

LOOKBACK = timedelta(days=90)
"""How far back visits are looked at: those outside the window are kept with the order as candidates that lost."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How sales are credited, and who follows the orders within their transaction (commission does)."""

    window: timedelta
    follow: Callable[[Tx, Sequence[Change]], Awaitable[None]]


class Result(Enum):
    """What became of a row."""

    CREATED = auto()
    UPDATED = auto()
    DUPLICATE = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row's order, and what became of it."""

    result: Result
    order: Order


@dataclass(frozen=True, slots=True)
class _Decision:
    """An order before and after a step."""

    before: Order | None
    after: Order
    changes: Sequence[Change]

    @property
    def result(self) -> Result:
        if self.before is None:
            return Result.CREATED
        return Result.UPDATED if self.changes else Result.DUPLICATE


@dataclass(frozen=True, slots=True)
class _Known:
    """What rows are judged by, loaded for all of them at once."""

    orders: Mapping[store.Key, Order]
    people: Mapping[UUID, UUID]
    partners: Mapping[UUID, Partner]
    clicks: Mapping[store.Key, Sequence[Click]]


async def import_rows(
    tx: Tx, rows: Sequence[Row], terms: Terms, *, reach: Reach = EVERYWHERE
) -> list[Outcome | Refusal]:
    """Bring orders to where their histories say they are; one outcome per row, a refusal is a row's own."""
    await subjects.hold_people(tx)
    outcomes: dict[int, Outcome | Refusal] = {}
    waiting = dict(enumerate(rows))
    while waiting:
        wave = _first_of_each_order(waiting)
        outcomes |= await _import_wave(tx, wave, terms, reach)
        waiting = {number: row for number, row in waiting.items() if number not in outcomes}
    return [outcomes[number] for number in range(len(rows))]


def _first_of_each_order(rows: Mapping[int, Row]) -> dict[int, Row]:
    firsts: dict[store.Key, int] = {}
    for number, row in rows.items():
        firsts.setdefault(row.draft.key, number)
    return {number: rows[number] for number in firsts.values()}


async def _import_wave(tx: Tx, rows: Mapping[int, Row], terms: Terms, reach: Reach) -> dict[int, Outcome | Refusal]:
    """Outcomes of rows of different orders. A row whose new order came into being meanwhile has none yet."""
    known = await _known(tx, list(rows.values()))
    outcomes: dict[int, Outcome | Refusal] = {}
    decisions: dict[int, _Decision] = {}
    for number, row in rows.items():
        try:
            decisions[number] = _decide(row, known, terms, reach)
        except Refusal as refusal:
            outcomes[number] = refusal
    lost = await _save(tx, list(decisions.values()), terms)
    for number, decision in decisions.items():
        if decision.after.order_id not in lost:
            outcomes[number] = Outcome(decision.result, decision.after)
    return outcomes


async def _known(tx: Tx, rows: Sequence[Row]) -> _Known:
    held = await store.lock_by_number(tx, (row.draft.key for row in rows))
    buyers = {order.draft.profile_id for order in held.values()} | {row.draft.profile_id for row in rows}
    people = await subjects.survivors(tx, buyers)
    orders = {key: _of_survivor(order, people) for key, order in held.items()}
    clicks = await _clicks(tx, rows, orders, people)
    return _Known(orders, people, await _partners(tx, (row.draft for row in rows), clicks), clicks)


def _of_survivor(order: Order, people: Mapping[UUID, UUID]) -> Order:
    """The order of who its buyer is now: there may have been a merge while the order was waited for."""
    return replace(order, draft=replace(order.draft, profile_id=people[order.draft.profile_id]))


async def _clicks(
    tx: Tx, rows: Sequence[Row], orders: Mapping[store.Key, Order], people: Mapping[UUID, UUID]
) -> dict[store.Key, Sequence[Click]]:
    """The buyers' last visits, for the rows whose orders are about to be paid."""
    sales = {
        row.draft.key: (people[row.draft.profile_id], row.history.pay_time)
        for row in rows
        if row.history.pay_time is not None and not _is_paid(orders.get(row.draft.key))
    }
    return dict(zip(sales, await ripples.last_clicks(tx, list(sales.values()), LOOKBACK), strict=True))


def _is_paid(order: Order | None) -> bool:
    return order is not None and order.pay_time is not None


async def _partners(
    tx: Tx, drafts: Iterable[Draft], clicks: Mapping[store.Key, Sequence[Click]]
) -> dict[UUID, Partner]:
    ids = {id_ for draft in drafts for id_ in (draft.store_id, draft.seller_id)}
    ids |= {click.sharer_partner_id for of_sale in clicks.values() for click in of_sale}
    return await partners.get_partners(tx, (id_ for id_ in ids if id_ is not None))


def _decide(row: Row, known: _Known, terms: Terms, reach: Reach) -> _Decision:
    draft = replace(row.draft, profile_id=known.people[row.draft.profile_id])
    before = known.orders.get(draft.key)
    if before is not None:
        reach.check(before)
        if not domain.same_content(before, draft):
            raise OrderNumberReused(draft.source, draft.order_number, before.order_id)
    else:
        _check_partners(draft, known.partners, reach)
    order = before or domain.place(draft, new_id())
    credit = partial(_credit, known=known, window=terms.window)
    after, changes = domain.advance(order, row.history, credit=credit, new_id=new_id)
    return _Decision(before, after, changes)


def _check_partners(draft: Draft, known: Mapping[UUID, Partner], reach: Reach) -> None:
    """The store is a store, the seller is somebody, and both are the caller's own."""
    reach.check_store(draft.store_id)
    if draft.seller_id is not None:
        require(reach.visible, draft.seller_id)
        if draft.seller_id not in known:
            raise PartnerNotFound(draft.seller_id)
    if draft.store_id is not None and (draft.store_id not in known or known[draft.store_id].role != Role.STORE):
        raise PartnerNotFound(draft.store_id)


def _credit(order: Order, pay_time: datetime, *, known: _Known, window: timedelta) -> Attribution:
    draft = order.draft
    skus = frozenset(line.sku for line in order.lines)
    clicks = known.clicks.get(draft.key, ())
    sale = Sale(draft.profile_id, pay_time, skus, draft.seller_id, draft.store_id, clicks)
    return attribution.decide(sale, known.partners, window=window)


async def advance_order(
    tx: Tx, order_id: UUID, history: Callable[[Order], History], terms: Terms, *, reach: Reach = EVERYWHERE
) -> Order:
    """Carry one order on by the history that is made for it."""
    await subjects.hold_people(tx)
    return await _advance(tx, await _lock(tx, order_id, reach), history, terms)


async def advance_order_by_number(tx: Tx, key: store.Key, history: Callable[[Order], History], terms: Terms) -> Order:
    """Carry on the order of a number and source. Raises `OrderNotFound`."""
    return await _advance(tx, await _lock_by_number(tx, key), history, terms)


async def call_off_order_by_number(tx: Tx, key: store.Key, ask: RefundAsk, terms: Terms) -> Order:
    """Cancel the order of a number and source, if it is not paid; else refund what is left of it, if anything is.

    Raises `OrderNotFound`.
    """
    order = await _lock_by_number(tx, key)
    if order.pay_time is None:
        return await _cancel(tx, order)
    if order.state == OrderState.REFUNDED:
        return order
    ask = replace(ask, refund_time=max(ask.refund_time, order.pay_time))
    return await _advance(tx, order, lambda _: History(refunds=(ask,)), terms)


async def _lock_by_number(tx: Tx, key: store.Key) -> Order:
    await subjects.hold_people(tx)
    orders = await store.lock_by_number(tx, [key])
    if key not in orders:
        raise OrderNotFound(key[0])
    return orders[key]


async def _advance(tx: Tx, order: Order, history: Callable[[Order], History], terms: Terms) -> Order:
    people = await subjects.survivors(tx, [order.draft.profile_id])
    order = _of_survivor(order, people)
    row, orders = Row(order.draft, history(order)), {order.draft.key: order}
    people |= {order.draft.profile_id: order.draft.profile_id}
    clicks = await _clicks(tx, [row], orders, people)
    known = _Known(orders, people, await _partners(tx, [order.draft], clicks), clicks)
    decision = _decide(row, known, terms, EVERYWHERE)
    await _save(tx, [decision], terms)
    return decision.after


async def recredit(tx: Tx, profile_ids: Sequence[UUID], terms: Terms, *, now: datetime) -> None:
    """Void the credits of people who turned out to have bought from themselves, and restore those of people who did not
    after all. `profile_ids` are all of the people who were merged or told apart; merges are held, or nobody merges.

    Who follows the orders hears of each that has a credit: of commission, a parent's may be the only one concerned.
    Source: spec people §3.5, I25; spec value AT-03.
    """
    before = await store.lock_credited(tx, profile_ids)
    if not before:
        return
    sellers = await partners.get_partners(tx, (credited for order in before if (credited := _credited(order))))
    profiles = {None: None} | {seller_id: seller.profile_id for seller_id, seller in sellers.items()}
    after = [domain.recredit(order, profiles.get(_credited(order))) for order in before]
    changes = [Recredited(order, now, order != old) for order, old in zip(after, before, strict=True)]
    turned = [change for change in changes if change.is_turned]
    await store.save_credits(tx, [change.order for change in turned])
    await ripples.count_orders(tx, _turns(change.order for change in turned))
    await events.orders_changed(tx, turned)
    await terms.follow(tx, changes)


async def give_order(tx: Tx, key: store.Key, profile_id: UUID, terms: Terms, *, now: datetime) -> None:
    """Let an order, if it exists, be another person's, and tell it: what was given for it may be another's too."""
    await subjects.hold_people(tx)
    given = await store.give_order(tx, key, profile_id)
    if given is None:
        return
    order_id, from_profile_id = given
    await events.order_reassigned(tx, await store.get_order(tx, order_id), profile_id, from_profile_id, now=now)
    await recredit(tx, await subjects.everybody(tx, (str(profile_id), str(from_profile_id))), terms, now=now)


async def give_back(tx: Tx, restored: Restored, from_ids: Sequence[UUID], *, now: datetime) -> None:
    """Let orders that were placed while people were one, and named who is restored, be theirs, and tell it.

    `from_ids` are all ids of whom the restored person was part of. Credits are left to `recredit`; merges are held.
    Source: spec people §3.5.
    """
    given = dict(await store.give_back(tx, restored, from_ids=from_ids))
    for order in await store.get_orders(tx, list(given)):
        from_profile_id = given[order.order_id]
        await events.order_reassigned(tx, order, restored.profile_id, from_profile_id, now=now)


def _credited(order: Order) -> UUID | None:
    return order.attribution.partner_id if order.attribution else None


def _turns(orders: Iterable[Order]) -> dict[str, int]:
    """How many orders chains have more by their links' tokens: fewer, where credits became void."""
    counts: Counter[str] = Counter()
    for order in orders:
        if order.attribution and order.attribution.token:
            counts[order.attribution.token] += -1 if order.attribution.void_reason else 1
    return counts


async def cancel_order(tx: Tx, order_id: UUID, *, reach: Reach = EVERYWHERE) -> Order:
    """Cancel an order that is not paid."""
    return await _cancel(tx, await _lock(tx, order_id, reach))


async def _cancel(tx: Tx, order: Order) -> Order:
    order = domain.cancel(order)
    await store.save_orders(tx, [order])
    return order


async def _lock(tx: Tx, order_id: UUID, reach: Reach) -> Order:
    try:
        order = await store.lock_order(tx, order_id)
    except Refusal:
        if reach.store_id is not None:
            raise NotYours from None
        raise
    reach.check(order)
    return order


async def _save(tx: Tx, decisions: Sequence[_Decision], terms: Terms) -> set[UUID]:
    """Save and tell what was decided. The ids of new orders whose number was taken meanwhile."""
    fresh = [decision.after for decision in decisions if decision.before is None]
    lost = {order.order_id for order in fresh} - await store.insert_orders(tx, fresh) if fresh else set()
    await _save_known(tx, [decision for decision in decisions if decision.before is not None and decision.changes])
    changes = [change for item in decisions if item.after.order_id not in lost for change in item.changes]
    if changes:
        await _tell(tx, changes, terms)
    return lost


async def _save_known(tx: Tx, decisions: Sequence[_Decision]) -> None:
    if decisions:
        await store.save_orders(tx, [decision.after for decision in decisions])


async def _tell(tx: Tx, changes: Sequence[Change], terms: Terms) -> None:
    refunds = [(change.order.order_id, change.refund) for change in changes if isinstance(change, Refunded)]
    if refunds:
        await store.insert_refunds(tx, refunds)
    await ripples.count_orders(tx, _tokens(changes))
    await events.orders_changed(tx, changes)
    await terms.follow(tx, changes)


def _tokens(changes: Sequence[Change]) -> Counter[str]:
    paid = (change.order.attribution for change in changes if isinstance(change, Paid))
    return Counter(credit.token for credit in paid if credit is not None and credit.token)
