"""What changes commission: plans, orders that go their way, and the ledger's answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from chassis import outbox
from chassis.db import Tx
from chassis.ids import new_id
from chassis.outbox import Fact
from services.distribution.commission import domain, events
from services.distribution.commission.domain import Commission, CommissionState, Plan, Posting, PostingState
from services.distribution.commission.errors import PlanStartExists
from services.distribution.commission.store import commissions as store
from services.distribution.commission.store import postings
from services.distribution.commission.store.postings import Settlement
from services.distribution.orders.domain.order import Change, Delivered, Order, Paid, Recredited, Refunded
from services.distribution.partners import store as partners
from services.distribution.partners.domain import Partner


async def create_plan(tx: Tx, plan: Plan) -> Plan:
    """Add a plan."""
    domain.check_plan(plan)
    if not await store.insert_plan(tx, plan):
        raise PlanStartExists(plan.start_time)
    return plan


@dataclass(slots=True)
class _Book:
    """The commissions of a batch of orders, and what the batch asks of others."""

    plans: Mapping[datetime, Plan]
    partners: Mapping[UUID, Partner]
    commissions: dict[UUID, list[Commission]]
    earnings: dict[tuple[UUID, str], tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))
    postings: list[Posting] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def apply(self, change: Change) -> None:
        """Take in one step of one order."""
        if isinstance(change, Paid):
            self._pay(change.order, change.time)
            return
        if isinstance(change, Recredited) and change.is_turned:
            self._turn(change.order)
        held = self.commissions.get(change.order.order_id, [])
        if held:
            self.commissions[change.order.order_id] = [self._carried_on(item, change) for item in held]

    def _carried_on(self, commission: Commission, change: Delivered | Refunded | Recredited) -> Commission:
        if isinstance(change, Delivered):
            return self._deliver(commission, change.time)
        if isinstance(change, Recredited):
            return self._recredit(commission, change)
        return self._refund(commission, change)

    def _pay(self, order: Order, time: datetime) -> None:
        seller = (
            self.partners.get(order.attribution.partner_id)
            if order.attribution and order.attribution.partner_id
            else None
        )
        if seller is None:
            return
        self._earn(seller.partner_id, order.draft.currency_code, amount_minor=0, orders=1)
        plan = self.plans.get(time)
        if plan is not None:
            parent = self.partners.get(seller.parent_id) if seller.parent_id else None
            rates = domain.rates_of(plan, seller, parent, order)
            self.commissions[order.order_id] = domain.estimate(order, plan, rates, [new_id() for _ in rates], time)

    def _turn(self, order: Order) -> None:
        """The order counts for its seller no longer, or again."""
        credit = order.attribution
        if credit is not None and credit.partner_id is not None:
            orders = -1 if credit.void_reason else 1
            self._earn(credit.partner_id, order.draft.currency_code, amount_minor=0, orders=orders)

    def _deliver(self, commission: Commission, time: datetime) -> Commission:
        after = domain.accrue(commission, time)
        if after is commission or after.is_void:
            return after
        return self._accrued(after, time)

    def _accrued(self, commission: Commission, time: datetime) -> Commission:
        after = replace(commission, posted=False)
        self._earn(after.partner_id, after.currency_code, amount_minor=after.left_minor)
        self.postings.append(domain.accrual(after))
        self.facts.append(events.accrued(after, time))
        return after

    def _recredit(self, commission: Commission, change: Recredited) -> Commission:
        """Nobody earns on what they bought themselves, and a parent does not on what its child bought itself."""
        credit, earner = change.order.attribution, self.partners.get(commission.partner_id)
        is_own = earner is not None and earner.profile_id == change.order.draft.profile_id
        is_void = is_own or bool(credit and credit.void_reason)
        if is_void == commission.is_void:
            return commission
        return self._void(commission, change.time) if is_void else self._restore(commission, change.time)

    def _void(self, commission: Commission, time: datetime) -> Commission:
        after = domain.void(commission)
        if after is commission or after.accrue_time is None:
            return after
        after = replace(after, posted=False)
        self._earn(after.partner_id, after.currency_code, amount_minor=-after.left_minor)
        self.postings.append(domain.voiding(after))
        self.facts.append(events.reversed_(after, after.left_minor, time))
        return after

    def _restore(self, commission: Commission, time: datetime) -> Commission:
        after = domain.restore(commission)
        return self._accrued(after, time) if after.state == CommissionState.ACCRUED else after

    def _refund(self, commission: Commission, change: Refunded) -> Commission:
        after, amount_minor = domain.reverse(commission, change.refund)
        if after.accrue_time is None or after.is_void or not amount_minor:
            return after
        after = replace(after, posted=False)
        self._earn(after.partner_id, after.currency_code, amount_minor=-amount_minor)
        self.postings.append(domain.reversal(after, change.refund.refund_id, amount_minor))
        self.facts.append(events.reversed_(after, amount_minor, change.time))
        return after

    def _earn(self, partner_id: UUID, currency_code: str, *, amount_minor: int, orders: int = 0) -> None:
        earned, count = self.earnings[partner_id, currency_code]
        self.earnings[partner_id, currency_code] = (earned + amount_minor, count + orders)


async def follow(tx: Tx, changes: Sequence[Change]) -> None:
    """Do for commission what follows from steps of orders, in the transaction that makes them and holds the orders."""
    book = await _book(tx, changes)
    for change in changes:
        book.apply(change)
    await store.add_earnings(tx, book.earnings)
    await store.save_commissions(tx, [item for held in book.commissions.values() for item in held])
    await postings.insert_postings(tx, book.postings, now=max(change.time for change in changes))
    await outbox.append(tx, book.facts)


async def _book(tx: Tx, changes: Sequence[Change]) -> _Book:
    paid = [change for change in changes if isinstance(change, Paid)]
    others = {change.order.order_id for change in changes} - {change.order.order_id for change in paid}
    held = await store.lock_commissions(tx, others)
    recredited = {change.order.order_id for change in changes if isinstance(change, Recredited)}
    earners = {item.partner_id for order_id in recredited for item in held.get(order_id, ())}
    return _Book(
        await store.plans_at(tx, (change.time for change in paid)) if paid else {},
        await _partners(tx, paid) | (await partners.get_partners(tx, earners) if earners else {}),
        held,
    )


async def _partners(tx: Tx, paid: Sequence[Paid]) -> dict[UUID, Partner]:
    """The credited partners and their parents."""
    credits = (change.order.attribution for change in paid)
    ids = {credit.partner_id for credit in credits if credit is not None and credit.partner_id is not None}
    if not ids:
        return {}
    sellers = await partners.get_partners(tx, ids)
    parents = {seller.parent_id for seller in sellers.values() if seller.parent_id is not None}
    return sellers | await partners.get_partners(tx, parents - sellers.keys())


async def settle(tx: Tx, settlements: Sequence[Settlement], *, now: datetime) -> None:
    """Note how the ledger answered. A reversal that a partner's account does not cover becomes its debt."""
    await postings.settle(tx, settlements, now=now)
    owed = [domain.to_debt(item.posting) for item in settlements if item.state == PostingState.REPLACED]
    await postings.insert_postings(tx, owed, now=now)
