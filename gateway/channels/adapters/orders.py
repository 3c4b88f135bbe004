"""Orders of platforms in the Segment e-commerce vocabulary, exactly: lines less discount are what was paid for goods.

Platforms tell by callback that an order changed, not what it is and who bought it. So a job of the brand fetches the
order and posts it to the channel, signed as an export (`signing`): records `{"order": …}` in the platform's own shape
and `{"refund": …}` in ours, for what a finished refund looks like differs and is published nowhere reliably:

    {"refund": {"refund_id": "R-1", "order_id": "2026…", "amount": "12.50", "time": "2026-06-20T12:00:00+08:00",
                "sku": "tea-100g", …the buyer's ids, named as in the platform's order…}}

`amount` is in yuan, without shipping; without it all that is left of the order is refunded. `sku` may be left out.
An order may be posted whenever it changes: it is completed once, closed once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.channels.adapters.reading import inner, instant, money, records, required, text
from gateway.channels.adapters.signing import check_export
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Reply, Told
from gateway.channels.errors import CallbackInvalid

CURRENCY = "CNY"
SURCHARGE = "surcharge"
"""The product of what was paid beyond the lines' prices: a price that was raised after the order was placed."""

_FEN = Decimal("0.01")
_NOTHING = Decimal(0)

Fields = Mapping[str, Any]
Reader = Callable[[Channel, Fields], list[Heard]]
Buyer = Callable[[Channel, Fields], list[Identifier]]


@dataclass(frozen=True, slots=True)
class Line:
    """So many pieces of a product at a price each, before discounts of the order."""

    sku: str
    quantity: int
    price: Decimal
    name: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `paid` is all that was paid, with shipping; of an order whose lines are not told only that is known."""

    number: str
    lines: Sequence[Line]
    paid: Decimal
    shipping: Decimal = _NOTHING
    currency: str = CURRENCY
    details: Fields = field(default_factory=dict)

    @property
    def goods(self) -> Decimal:
        """What was paid for the lines."""
        return max(self.paid - self.shipping, _NOTHING)


@dataclass(frozen=True, slots=True)
class Course:
    """How far an order came: paid, closed (given back in whole, or given up before it was paid)."""

    place_time: datetime | None = None
    pay_time: datetime | None = None
    close_time: datetime | None = None
    is_closed: bool = False


def pieces(sku: str, quantity: int, amount: Decimal, name: str = "", category: str = "") -> list[Line]:
    """Lines of a product of which only the sum was told: what does not divide makes some pieces a fen dearer."""
    price, dearer = divmod(amount, quantity * _FEN)
    counts = ((quantity - int(dearer / _FEN), price * _FEN), (int(dearer / _FEN), price * _FEN + _FEN))
    return [Line(sku, count, each, name, category) for count, each in counts if count]


def heard(order: Order, people: Sequence[Identifier], course: Course) -> list[Heard]:
    """What an order tells by now. Each step has a key of its own: told again, it adds nothing."""
    if not people:
        return []
    steps: list[tuple[str, str, datetime | None, dict[str, Any]]] = []
    if course.pay_time:
        steps.append(("Order Completed", "completed", course.pay_time, completed(order)))
    if course.is_closed:
        name = "Order Refunded" if course.pay_time else "Order Cancelled"
        steps.append((name, "closed", course.close_time, {"order_id": order.number}))
    if not steps:
        steps.append(("Order Placed", "placed", course.place_time, completed(order)))
    return [
        Heard(f"order:{order.number}:{step}", people, name, time, properties) for name, step, time, properties in steps
    ]


def completed(order: Order) -> dict[str, Any]:
    """The properties of `Order Completed`. Products at their prices less `discount` are the goods that were paid."""
    gross = sum((line.price * line.quantity for line in order.lines), _NOTHING)
    products = [_product(line) for line in order.lines]
    if products and order.goods > gross:
        products.append(_product(Line(SURCHARGE, 1, order.goods - gross)))
    return {
        "order_id": order.number,
        "currency": order.currency,
        "revenue": order.goods,
        "shipping": order.shipping,
        "total": order.paid,
        "discount": max(gross - order.goods, _NOTHING),
        "products": products,
        **order.details,
    }


def refunded(number: str, amount: Decimal | None, sku: str = "") -> dict[str, Any]:
    """The properties of `Order Refunded`: an amount of a product or of the whole, or all that is left."""
    if amount is None:
        return {"order_id": number}
    properties: dict[str, Any] = {"order_id": number, "currency": CURRENCY, "total": amount}
    if sku:
        properties["products"] = [{"product_id": sku, "amount": amount}]
    return properties


def _product(line: Line) -> dict[str, Any]:
    product: dict[str, Any] = {"product_id": line.sku, "quantity": line.quantity, "price": line.price}
    return product | {key: value for key, value in (("name", line.name), ("category", line.category)) if value}


def exported(channel: Channel, callback: Callback, order: Reader, buyer: Buyer) -> Told:
    """What the orders and refunds of an export tell. Raises `SignatureInvalid` or `CallbackInvalid`."""
    check_export(channel, callback)
    return told(callback.body, lambda record: record_heard(channel, record, order, buyer))


def record_heard(channel: Channel, record: Fields, order: Reader, buyer: Buyer) -> list[Heard]:
    """What a record of an export tells: an order in the platform's shape, or a refund in ours."""
    if fields := inner(record, "order"):
        return order(channel, fields)
    if fields := inner(record, "refund"):
        return _refund(fields, buyer(channel, fields))
    raise CallbackInvalid("body", "must have an `order` or a `refund` in every record")


def told(body: bytes, read: Callable[[Fields], list[Heard]]) -> Told:
    """What an export came to, record by record: some name nobody. A refusal names the record that it is about."""
    found = [_read(read, index, record) for index, record in enumerate(records(body))]
    count = sum(1 for each in found if each)
    reply = json_reply({"taken": count, "skipped": len(found) - count})
    return Told([heard for each in found for heard in each], reply)


def _read(read: Callable[[Fields], list[Heard]], index: int, record: Fields) -> list[Heard]:
    try:
        return read(record)
    except CallbackInvalid as refusal:
        field, rule = refusal.violations[0]
        raise CallbackInvalid(f"records[{index}].{field}", rule) from None


def json_reply(value: object) -> Reply:
    """An answer in JSON."""
    return Reply(msgspec.json.encode(value), b"application/json")


def _refund(fields: Fields, people: Sequence[Identifier]) -> list[Heard]:
    refund_id, number = required(fields, "refund_id"), required(fields, "order_id")
    amount = money(fields["amount"], "refund.amount") if fields.get("amount") is not None else None
    time = instant(fields.get("time"), "refund.time")
    properties = refunded(number, amount, text(fields.get("sku")))
    return [Heard(f"refund:{refund_id}", people, "Order Refunded", time, properties)] if people else []
