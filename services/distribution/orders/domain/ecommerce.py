"""The Segment e-commerce vocabulary (v2) of trusted sources: orders completed, refunded and cancelled, as commands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from logic.money import exponent_of
from services.distribution.orders.domain.order import Draft, History, Line, Order, RefundAsk, Row
from services.distribution.orders.domain.split import split
from services.distribution.orders.errors import OrderInvalid

COMPLETED = "Order Completed"
REFUNDED = "Order Refunded"
CANCELLED = "Order Cancelled"
WHOLE = "order"
"""The product number of the one line of an order whose products the event does not list."""

LINES_MAX = 1000
_MINOR_MAX = 100_000_000_000
_QUANTITY_MAX = 1_000_000
_TEXT_MAX = 100


def minor_units(amount: Any, currency_code: str, field: str) -> int:
    """An amount in minor units, exactly, by the currency's ISO 4217 exponent. Raises `OrderInvalid`."""
    value = _decimal(amount, field)
    exponent = exponent_of(currency_code)
    scaled = value.scaleb(exponent)
    if scaled != scaled.to_integral_value():
        raise OrderInvalid(field, f"must have at most {exponent} decimal places in {currency_code}")
    if not 0 <= scaled <= _MINOR_MAX:
        raise OrderInvalid(field, "must be a possible amount")
    return int(scaled)


def _decimal(value: Any, field: str) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
            raise InvalidOperation
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise OrderInvalid(field, "must be a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 20:
        raise OrderInvalid(field, "must be a possible number")
    return number


def properties_of(text: str) -> dict[str, Any]:
    """The properties of an event with exact numbers. Raises `OrderInvalid`."""
    try:
        properties = json.loads(text or "{}", parse_float=Decimal)
    except (ValueError, RecursionError):
        raise OrderInvalid("properties", "must be a JSON object") from None
    if not isinstance(properties, dict):
        raise OrderInvalid("properties", "must be a JSON object")
    return properties


def order_number_of(properties: Mapping[str, Any]) -> str:
    """The order's number. Raises `OrderInvalid`."""
    return _text(properties.get("order_id"), "order_id")


def completed(properties: Mapping[str, Any], *, source: str, profile_id: UUID, time: datetime) -> Row:
    """The order that `Order Completed` tells of: placed and paid at `time`. Raises `OrderInvalid`."""
    currency_code = _currency(properties)
    lines = _lines(properties, currency_code)
    draft = Draft(source, order_number_of(properties), profile_id, None, None, currency_code, lines, time)
    return Row(draft, History(pay_time=time))


def refunded(properties: Mapping[str, Any], order: Order, *, refund_number: str, time: datetime) -> RefundAsk:
    """The refund that `Order Refunded` asks of an order: of products, else of its `total`, else of all that is left.

    A product gives back its `amount`, else its `quantity`'s part of the line's net, rounded down. A `total` without
    products is shared among the lines by what is left of them; what is more than all that is left (it may hold
    shipping) is all that is left. Raises `OrderInvalid`.
    """
    asks: list[tuple[int, int]] = []
    if products := _products(properties):
        asks = _parts_of_products(order, products)
    elif properties.get("total") is not None:
        asks = _shares_of_total(order, properties["total"])
    return RefundAsk(refund_number, tuple(ask for ask in asks if ask[1]), time)


def _parts_of_products(order: Order, products: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    left = {line.line_no: line.left_minor for line in order.lines}
    for index, product in enumerate(products):
        for line_no, amount in _parts_of_lines(order, product, left, f"products[{index}]"):
            left[line_no] -= amount
    asks = [(line.line_no, line.left_minor - left[line.line_no]) for line in order.lines]
    if not any(amount for _, amount in asks):
        raise OrderInvalid("products", "must have something left to give back")
    return asks


def _parts_of_lines(
    order: Order, product: Mapping[str, Any], left: Mapping[int, int], field: str
) -> Iterator[tuple[int, int]]:
    """What a product gives back of the lines that have it, in their order. A quantity means the first of them."""
    sku = _sku(product, field)
    lines = [line for line in order.lines if line.sku == sku]
    if not lines:
        raise OrderInvalid(f"{field}.product_id", "must be a product of the order")
    if product.get("amount") is None:
        yield lines[0].line_no, min(_part_of_line(lines[0], product, field), left[lines[0].line_no])
        return
    rest = _positive(product["amount"], order.draft.currency_code, f"{field}.amount")
    if rest > sum(left[line.line_no] for line in lines):
        raise OrderInvalid(f"{field}.amount", "must be at most what is left of the product")
    for line in lines:
        amount = min(rest, left[line.line_no])
        rest -= amount
        yield line.line_no, amount


def _part_of_line(line: Line, product: Mapping[str, Any], field: str) -> int:
    quantity = _quantity(product, field, default=line.quantity)
    if quantity >= line.quantity:
        return line.left_minor
    return min(line.left_minor, line.net_minor * quantity // line.quantity)


def _shares_of_total(order: Order, total: Any) -> list[tuple[int, int]]:
    amount = _positive(total, order.draft.currency_code, "total")
    left = [line.left_minor for line in order.lines]
    shares = split(min(amount, sum(left)), left)
    return [(line.line_no, share) for line, share in zip(order.lines, shares, strict=True)]


def _positive(amount: Any, currency_code: str, field: str) -> int:
    minor = minor_units(amount, currency_code, field)
    if not minor:
        raise OrderInvalid(field, "must be positive")
    return minor


def _lines(properties: Mapping[str, Any], currency_code: str) -> tuple[Line, ...]:
    products = _products(properties)
    if not products:
        field = next((name for name in ("revenue", "subtotal", "total") if properties.get(name) is not None), "revenue")
        return (Line(1, WHOLE, "", 1, minor_units(properties.get(field), currency_code, field), 0),)
    lines = [_line(number, product, currency_code) for number, product in enumerate(products, start=1)]
    discount = minor_units(properties.get("discount") or 0, currency_code, "discount")
    if discount > sum(line.gross_minor for line in lines):
        raise OrderInvalid("discount", "must be at most the sum of the products")
    shares = split(discount, [line.gross_minor for line in lines])
    return tuple(
        Line(line.line_no, line.sku, line.category, line.quantity, line.gross_minor, share)
        for line, share in zip(lines, shares, strict=True)
    )


def _line(number: int, product: Mapping[str, Any], currency_code: str) -> Line:
    field = f"products[{number - 1}]"
    quantity = _quantity(product, field, default=1)
    gross = minor_units(product.get("price"), currency_code, f"{field}.price") * quantity
    if gross > _MINOR_MAX:
        raise OrderInvalid(f"{field}.price", "must be a possible amount")
    category = product.get("category")
    return Line(
        number, _sku(product, field), category[:_TEXT_MAX] if isinstance(category, str) else "", quantity, gross, 0
    )


def _products(properties: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    products = properties.get("products") or []
    if not isinstance(products, list) or not all(isinstance(product, dict) for product in products):
        raise OrderInvalid("products", "must be a list of objects")
    if len(products) > LINES_MAX:
        raise OrderInvalid("products", f"must have at most {LINES_MAX} items")
    return products


def _sku(product: Mapping[str, Any], field: str) -> str:
    return _text(product.get("sku") or product.get("product_id"), f"{field}.product_id")


def _quantity(product: Mapping[str, Any], field: str, *, default: int) -> int:
    value = product.get("quantity")
    quantity = _decimal(default if value is None else value, f"{field}.quantity")
    if quantity != quantity.to_integral_value() or not 1 <= quantity <= _QUANTITY_MAX:
        raise OrderInvalid(f"{field}.quantity", f"must be a whole number from 1 to {_QUANTITY_MAX}")
    return int(quantity)


def _currency(properties: Mapping[str, Any]) -> str:
    code = properties.get("currency")
    if not isinstance(code, str) or len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise OrderInvalid("currency", "must be an ISO 4217 code")
    return code.upper()


def _text(value: Any, field: str) -> str:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not 1 <= len(text) <= _TEXT_MAX or "\0" in text:
        raise OrderInvalid(field, f"must have 1 to {_TEXT_MAX} characters")
    return text
