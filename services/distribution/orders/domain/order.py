"""An order, its content and the steps of its life."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from services.distribution.orders.domain.attribution import SELF_PURCHASE, Attribution
from services.distribution.orders.errors import OrderInvalid, OrderStateRefused, RefundExceedsLine


class OrderState(IntEnum):
    """Where an order stands. The numbers are the contract's."""

    PLACED = 1
    PAID = 2
    DELIVERED = 3
    REFUNDED = 4
    CANCELLED = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order; amounts are of all its pieces."""

    line_no: int
    sku: str
    category: str
    quantity: int
    gross_minor: int
    discount_minor: int
    refunded_minor: int = 0

    @property
    def net_minor(self) -> int:
        """What was paid for the goods."""
        return self.gross_minor - self.discount_minor

    @property
    def left_minor(self) -> int:
        """What can still be refunded."""
        return self.net_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class Naming:
    """What the buyer was named by, and when: an id, or an identifier, by what stands for it at profile.

    An order that an event told is whose the event is: nothing names its buyer.
    """

    profile_id: UUID | None = None
    identifier_key: UUID | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, and what they were named by."""

    profile_id: UUID
    naming: Naming


@dataclass(frozen=True, slots=True)
class Restored:
    """A person of their own again: all their ids, and what stands for the identifiers that name them from now on."""

    profile_id: UUID
    ids: Sequence[UUID]
    identifier_keys: Sequence[UUID]
    merge_time: datetime
    unmerge_time: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of an order. A number of a source stands for one content for ever, whatever named its buyer."""

    source: str
    order_number: str
    profile_id: UUID
    store_id: UUID | None
    seller_id: UUID | None
    currency_code: str
    lines: tuple[Line, ...]
    place_time: datetime
    naming: Naming = Naming()

    @property
    def key(self) -> tuple[str, str]:
        """Order number and source."""
        return self.order_number, self.source


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """A refund that is asked for. `lines` are pairs of line number and amount, 0 for all that is left; empty: all."""

    refund_number: str
    lines: tuple[tuple[int, int], ...]
    refund_time: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What happened to an order after it was placed, as far as it is told."""

    pay_time: datetime | None = None
    deliver_time: datetime | None = None
    refunds: tuple[RefundAsk, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """An order with its history."""

    draft: Draft
    history: History = History()


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase. `profile_id` is the buyer after merges; `refund_numbers` are the refunds that it has had."""

    order_id: UUID
    draft: Draft
    state: OrderState
    pay_time: datetime | None = None
    deliver_time: datetime | None = None
    attribution: Attribution | None = None
    refund_numbers: frozenset[str] = frozenset()

    @property
    def lines(self) -> tuple[Line, ...]:
        """Lines, by number."""
        return self.draft.lines

    @property
    def net_minor(self) -> int:
        """Sum of the lines' net amounts."""
        return sum(line.net_minor for line in self.lines)

    @property
    def refunded_minor(self) -> int:
        """Refunded so far."""
        return sum(line.refunded_minor for line in self.lines)

    @property
    def last_time(self) -> datetime:
        """When it last took a step forward."""
        return self.deliver_time or self.pay_time or self.draft.place_time


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund that happened. `lines` are pairs of line number and amount."""

    refund_id: UUID
    refund_number: str
    lines: tuple[tuple[int, int], ...]
    refund_time: datetime

    @property
    def amount_minor(self) -> int:
        """Refunded in all."""
        return sum(amount for _, amount in self.lines)


@dataclass(frozen=True, slots=True)
class Paid:
    """An order was paid."""

    order: Order
    time: datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """An order was delivered."""

    order: Order
    time: datetime


@dataclass(frozen=True, slots=True)
class Refunded:
    """Lines of an order were refunded."""

    order: Order
    refund: Refund

    @property
    def time(self) -> datetime:
        """When."""
        return self.refund.refund_time


@dataclass(frozen=True, slots=True)
class Recredited:
    """People of an order turned out to be others. `is_turned`: its credit became void, or holds again."""

    order: Order
    time: datetime
    is_turned: bool


Change = Paid | Delivered | Refunded | Recredited
Credit = Callable[[Order, datetime], Attribution]
"""Decides who is credited with an order that is paid at a time."""


def check_draft(draft: Draft) -> None:
    """Raises `OrderInvalid` when the fields of the content do not fit together."""
    numbers: set[int] = set()
    for index, line in enumerate(draft.lines):
        if line.discount_minor > line.gross_minor:
            raise OrderInvalid(f"lines[{index}].discount_minor", "must be at most gross_minor")
        if line.line_no in numbers:
            raise OrderInvalid(f"lines[{index}].line_no", "must be unique in the order")
        numbers.add(line.line_no)


def place(draft: Draft, order_id: UUID) -> Order:
    """A new order. Raises `OrderInvalid`."""
    check_draft(draft)
    return Order(
        order_id, replace(draft, lines=tuple(sorted(draft.lines, key=lambda line: line.line_no))), OrderState.PLACED
    )


def same_content(order: Order, draft: Draft) -> bool:
    """Whether a draft says what the order says; its times and refunds do not count."""
    return _content(order.draft) == _content(draft)


def _content(draft: Draft) -> tuple[object, ...]:
    lines = sorted((replace(line, refunded_minor=0) for line in draft.lines), key=lambda line: line.line_no)
    return draft.key, draft.profile_id, draft.store_id, draft.seller_id, draft.currency_code, lines


def pay(order: Order, pay_time: datetime, credit: Credit) -> Order:
    """Note the payment and who is credited; an order that was paid stays as it is."""
    if order.pay_time is not None:
        return order
    if order.state == OrderState.CANCELLED:
        raise OrderStateRefused(order.order_id, order.state.name)
    if pay_time < order.draft.place_time:
        raise OrderInvalid("pay_time", "must not be before place_time")
    return replace(order, state=OrderState.PAID, pay_time=pay_time, attribution=credit(order, pay_time))


def recredit(order: Order, partner_profile_id: UUID | None) -> Order:
    """Void the credit of who turned out to be the buyer, and restore that of who is not after all.

    `partner_profile_id` is who the credited partner is after merges.
    """
    credit = order.attribution
    if credit is None:
        return order
    is_own = order.draft.profile_id in (partner_profile_id, credit.sharer_profile_id)
    return replace(order, attribution=replace(credit, void_reason=SELF_PURCHASE if is_own else ""))


def deliver(order: Order, deliver_time: datetime) -> Order:
    """Note the delivery; an order that was delivered stays as it is."""
    if order.deliver_time is not None:
        return order
    if order.state != OrderState.PAID or order.pay_time is None:
        raise OrderStateRefused(order.order_id, order.state.name)
    if deliver_time < order.pay_time:
        raise OrderInvalid("deliver_time", "must not be before pay_time")
    return replace(order, state=OrderState.DELIVERED, deliver_time=deliver_time)


def cancel(order: Order) -> Order:
    """Cancel what is not paid."""
    if order.state not in (OrderState.PLACED, OrderState.CANCELLED):
        raise OrderStateRefused(order.order_id, order.state.name)
    return replace(order, state=OrderState.CANCELLED)


def refund(order: Order, ask: RefundAsk, refund_id: UUID) -> tuple[Order, Refund]:
    """Refund lines in whole or in part. Raises `OrderStateRefused`, `OrderInvalid` and `RefundExceedsLine`."""
    if order.state not in (OrderState.PAID, OrderState.DELIVERED) or order.pay_time is None:
        raise OrderStateRefused(order.order_id, order.state.name)
    if ask.refund_time < order.pay_time:
        raise OrderInvalid("refund_time", "must not be before pay_time")
    amounts = _refund_amounts(order, ask)
    if not amounts:
        raise OrderStateRefused(order.order_id, "NOTHING_LEFT")
    lines = tuple(
        replace(line, refunded_minor=line.refunded_minor + amounts.get(line.line_no, 0)) for line in order.lines
    )
    is_all = all(line.left_minor == 0 for line in lines)
    order = replace(
        order,
        draft=replace(order.draft, lines=lines),
        state=OrderState.REFUNDED if is_all else order.state,
        refund_numbers=order.refund_numbers | {ask.refund_number},
    )
    return order, Refund(refund_id, ask.refund_number, tuple(sorted(amounts.items())), ask.refund_time)


def _refund_amounts(order: Order, ask: RefundAsk) -> dict[int, int]:
    """What is refunded per line number."""
    left = {line.line_no: line.left_minor for line in order.lines}
    if not ask.lines:
        return {line_no: amount for line_no, amount in left.items() if amount}
    amounts: dict[int, int] = {}
    for index, (line_no, amount) in enumerate(ask.lines):
        if line_no not in left or line_no in amounts:
            raise OrderInvalid(f"lines[{index}].line_no", "must be a line of the order, named once")
        amounts[line_no] = amount or left[line_no]
        if not 0 < amounts[line_no] <= left[line_no]:
            raise RefundExceedsLine(line_no, left[line_no])
    return amounts


def advance(
    order: Order, history: History, *, credit: Credit, new_id: Callable[[], UUID]
) -> tuple[Order, Sequence[Change]]:
    """Carry an order on by what of a history it has not had yet; the order after it, and the steps it took.

    Raises what the steps raise, and `OrderInvalid` for a history that does not fit together.
    """
    changes: list[Change] = []
    if history.pay_time is not None and (paid := pay(order, history.pay_time, credit)) is not order:
        order = paid
        changes.append(Paid(order, history.pay_time))
    for step in _later_steps(order, history):
        if isinstance(step, RefundAsk):
            order, happened = refund(order, step, new_id())
            changes.append(Refunded(order, happened))
        elif (delivered := deliver(order, step)) is not order:
            order = delivered
            changes.append(Delivered(order, step))
    return order, changes


def _later_steps(order: Order, history: History) -> list[datetime | RefundAsk]:
    """Delivery and the refunds that are new, by time; at the same moment the delivery comes first."""
    numbers = [ask.refund_number for ask in history.refunds]
    if len(set(numbers)) < len(numbers):
        raise OrderInvalid("refunds", "must have a refund_number each")
    fresh = sorted(
        (ask for ask in history.refunds if ask.refund_number not in order.refund_numbers),
        key=lambda ask: ask.refund_time,
    )
    steps: list[tuple[datetime, int, datetime | RefundAsk]] = [(ask.refund_time, 1, ask) for ask in fresh]
    if history.deliver_time is not None:
        steps.append((history.deliver_time, 0, history.deliver_time))
    return [step for _, _, step in sorted(steps, key=lambda step: step[:2])]
