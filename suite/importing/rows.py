"""From rows of a CSV file to rows of the API."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from suite.importing.fields import Columns

WITHOUT_CENTS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
STAGES = ("placed", "paid", "delivered")

Row = Mapping[str, str]
Json = dict[str, Any]


class RowInvalid(Exception):
    """A row that cannot be sent. The message names the column and the rule."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every row of a file."""

    source: str
    columns: Columns
    zone: tzinfo = UTC
    currency: str = ""
    stage: str = "delivered"
    verified: bool = False


@dataclass(slots=True)
class Item:
    """What is sent for one or more rows of the file, or why it cannot be."""

    key: str
    lines: list[int]
    body: Json = field(default_factory=dict)
    fault: str = ""
    store_code: str = ""


def member(row: Row, line: int, terms: Terms) -> Item:
    """One person."""
    columns = terms.columns
    named = {name: row[column].strip() for name, column in columns.identifiers.items() if row[column].strip()}
    key = columns.get(row, "row_id") or _row_id(row)
    item = Item(key, [line])
    if not named:
        item.fault = f"{', '.join(columns.identifiers.values())}: none of the identifiers is filled in"
        return item
    attributes = {name: row[column].strip() for name, column in columns.attributes.items() if row[column].strip()}
    item.body = {"row_id": key, "identifiers": [_identifier(name, value, terms) for name, value in named.items()]}
    if attributes:
        item.body["attributes"] = attributes
    try:
        if columns.get(row, "time"):
            item.body["time"] = _time(row, "time", terms)
    except RowInvalid as fault:
        item.fault = str(fault)
    return item


def order(rows: Sequence[tuple[int, Row]], terms: Terms) -> Item:
    """One order, of all its lines."""
    first = rows[0][1]
    item = Item(terms.columns.get(first, "order_number"), [line for line, _ in rows])
    try:
        item.body = _order(rows, terms)
        item.store_code = terms.columns.get(first, "store_code")
    except RowInvalid as fault:
        item.fault = str(fault)
    return item


def _order(rows: Sequence[tuple[int, Row]], terms: Terms) -> Json:
    columns, first = terms.columns, rows[0][1]
    (buyer,) = columns.identifiers
    place_time = _time(first, "place_time", terms)
    currency = columns.get(first, "currency_code") or terms.currency
    body: Json = {
        "order_number": _required(first, "order_number", terms),
        "source": terms.source,
        "buyer": {"identifier": _identifier(buyer, _required(first, buyer, terms), terms)},
        "currency_code": currency or _missing("currency_code", terms),
        "lines": [_line(row, number, currency, terms) for number, (_, row) in enumerate(rows, 1)],
        "place_time": place_time,
    }
    for stage, name in (("paid", "pay_time"), ("delivered", "deliver_time")):
        if columns.get(first, name):
            body[name] = _time(first, name, terms)
        elif name not in columns.columns and STAGES.index(terms.stage) >= STAGES.index(stage):
            body[name] = body.get("pay_time", place_time)
    for name in ("store_id", "seller_id"):
        if columns.get(first, name):
            body["seller_partner_id" if name == "seller_id" else name] = columns.get(first, name)
    return body


def _line(row: Row, number: int, currency: str, terms: Terms) -> Json:
    columns = terms.columns
    quantity = _whole(row, "quantity", terms, default=1)
    gross = _money(row, "gross", currency, terms)
    if gross is None:
        price = _money(row, "unit_price", currency, terms)
        gross = _missing("unit_price", terms) if price is None else price * quantity
    discount = _money(row, "discount", currency, terms) or 0
    net = _money(row, "net", currency, terms)
    if net is not None and "discount" not in columns.columns and "discount_minor" not in columns.columns:
        discount = gross - net
    if net is not None and gross - discount != net:
        raise RowInvalid(f"{_column('net', terms)}: must be the price less the discount, {gross - discount}, not {net}")
    return {
        "line_no": _whole(row, "line_no", terms, default=number),
        "sku": _required(row, "sku", terms),
        "category": columns.get(row, "category"),
        "quantity": quantity,
        "gross_minor": gross,
        "discount_minor": discount,
    }


def _identifier(name: str, value: str, terms: Terms) -> Json:
    kind, _, namespace = name.partition("@")
    identifier: Json = {"type": kind, "value": value}
    if namespace:
        identifier["namespace"] = namespace
    if terms.verified or kind not in ("phone", "email"):
        identifier["verified"] = True
    return identifier


def _required(row: Row, name: str, terms: Terms) -> str:
    return terms.columns.get(row, name) or _missing(name, terms)


def _missing(name: str, terms: Terms) -> Any:
    raise RowInvalid(f"{_column(name, terms)}: must be filled in")


def _column(name: str, terms: Terms) -> str:
    return terms.columns.columns.get(name) or terms.columns.columns.get(f"{name}_minor") or name


def _whole(row: Row, name: str, terms: Terms, *, default: int) -> int:
    text = terms.columns.get(row, name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise RowInvalid(f"{_column(name, terms)}: must be a whole number, not {text!r}") from None


def _money(row: Row, name: str, currency: str, terms: Terms) -> int | None:
    """An amount in minor units, from a column in minor units or one in units; None where the row has neither."""
    if terms.columns.get(row, f"{name}_minor"):
        return _whole(row, f"{name}_minor", terms, default=0)
    text = terms.columns.get(row, name).replace(",", "")
    if not text:
        return None
    places = 0 if currency in WITHOUT_CENTS else 2
    try:
        minor = Decimal(text).scaleb(places)
    except InvalidOperation:
        raise RowInvalid(f"{_column(name, terms)}: must be an amount such as 12.50, not {text!r}") from None
    if not minor.is_finite() or minor != minor.to_integral_value():
        raise RowInvalid(f"{_column(name, terms)}: must have at most {places} decimal places, not {text!r}")
    return int(minor)


def _time(row: Row, name: str, terms: Terms) -> str:
    text = _required(row, name, terms)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RowInvalid(f"{_column(name, terms)}: must be a time such as 2017-01-31T08:15:00Z, not {text!r}") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=terms.zone)
    return aware.astimezone(UTC).isoformat()


def _row_id(row: Row) -> str:
    """The same for the same content, whatever the order of its columns."""
    content = "\0".join(f"{name}={row[name]}" for name in sorted(row))
    return hashlib.sha256(content.encode()).hexdigest()[:32]
