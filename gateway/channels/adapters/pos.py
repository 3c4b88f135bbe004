"""Tills: receipts that a POS exports. There is no standard: this is Bowen's own shape, for any vendor to export.

POST to the channel's address, signed as an export (`signing`): a JSON object, an array of at most 1,000, or one a
line.

    {"type": "sale", "receipt_no": "S17-2-000042", "time": "2026-06-20T12:00:00+08:00", "store": "store-17",
     "till": "2", "cashier": "c-9", "currency": "CNY",
     "member": {"member_no": "M-1", "phone": "13912345678", "phone_verified": true},
     "lines": [{"sku": "tea", "name": "Tea", "category": "drinks", "quantity": 2, "price": "19.90"},
               {"sku": "nuts", "quantity": "0.535", "amount": "21.40"}],
     "discount": "1.20", "total": "60.00"}

    {"type": "refund", "receipt_no": "S17-2-000043", "original_receipt_no": "S17-2-000042",
     "time": "2026-06-21T12:00:00+08:00", "store": "store-17", "member": {"member_no": "M-1"},
     "lines": [{"sku": "tea", "quantity": 1, "amount": "19.50"}]}

* Amounts are texts or numbers in the currency's main unit, at most two places. A sale's `total` must be its lines less
  `discount`. A line has a `price` per piece, or the `amount` of all its pieces; what is weighed (`quantity` is no whole
  number) is one.
* `receipt_no` is unique in the channel, not only at a till. A receipt is taken once: what is exported again changes
  nothing.
* A refund names its sale; its lines say what is given back for them (`amount`); without lines all that is left is.
  A `total` without lines gives back that part of the whole.
* `member_no` and a `phone_verified` phone (by a code, at this till or before) prove a person; a phone that a clerk was
  told is a hint only. Masked and virtual numbers are nobody.
* The answer tells how many receipts were taken, and how many were skipped because they name nobody. A receipt that
  breaks a rule refuses the whole export with the rule's name; nothing of it is taken then.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.channels.adapters.orders import CURRENCY, Line, Order, completed, pieces, told
from gateway.channels.adapters.people import member, phone
from gateway.channels.adapters.reading import (
    inner,
    instant,
    money,
    objects,
    pieces_of,
    present,
    quantity,
    required,
    text,
)
from gateway.channels.adapters.signing import check_export
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Told
from gateway.channels.errors import CallbackInvalid

_CODE_LENGTH = 3
_DETAILS = {name: name for name in ("store", "till", "cashier")}


def pos(channel: Channel, callback: Callback) -> Told:
    """What receipts tell."""
    check_export(channel, callback)
    return told(callback.body, _receipt)


def _receipt(record: Mapping[str, Any]) -> list[Heard]:
    kind, number = required(record, "type"), required(record, "receipt_no")
    time, people = instant(record.get("time"), "time"), _people(inner(record, "member"))
    if kind == "sale":
        name, properties = "Order Completed", completed(_sale(record, number))
    elif kind == "refund":
        name, properties = "Order Refunded", _refund(record, number)
    else:
        raise CallbackInvalid("type", "must be sale or refund")
    return [Heard(f"{kind}:{number}", people, name, time, properties)] if people else []


def _people(fields: Mapping[str, Any]) -> list[Identifier]:
    verified = fields.get("phone_verified") is True
    return member(fields.get("member_no")) + phone(fields.get("phone"), verified=verified)


def _sale(record: Mapping[str, Any], number: str) -> Order:
    currency = _currency(record)
    lines = [line for place, fields in objects(record, "lines") for line in _lines(place, fields, currency)]
    total = money(record.get("total"), "total")
    discount = money(record.get("discount") or 0, "discount")
    if lines and sum(line.price * line.quantity for line in lines) - discount != total:
        raise CallbackInvalid("total", "must be the sum of the lines less the discount")
    return Order(number, lines, total, currency=currency, details=present(record, _DETAILS))


def _currency(record: Mapping[str, Any]) -> str:
    code = text(record.get("currency")) or CURRENCY
    if len(code) != _CODE_LENGTH or not (code.isascii() and code.isalpha()):
        raise CallbackInvalid("currency", "must be an ISO 4217 code")
    return code.upper()


def _lines(place: str, fields: Mapping[str, Any], currency: str) -> list[Line]:
    sku, name, category = required(fields, "sku"), text(fields.get("name")), text(fields.get("category"))
    if fields.get("amount") is None:
        count = quantity(fields.get("quantity", 1), f"{place}.quantity")
        return [Line(sku, count, money(fields.get("price"), f"{place}.price"), name, category)]
    count = pieces_of(fields.get("quantity", 1), f"{place}.quantity")
    amount = money(fields["amount"], f"{place}.amount")
    return pieces(sku, count if currency == CURRENCY else 1, amount, name, category)


def _refund(record: Mapping[str, Any], number: str) -> dict[str, Any]:
    properties = {
        "order_id": required(record, "original_receipt_no"),
        "refund_id": number,
        "currency": _currency(record),
        **present(record, _DETAILS),
    }
    products = [_returned(place, fields) for place, fields in objects(record, "lines")]
    if products:
        properties |= {"products": products, "total": sum((each["amount"] for each in products), Decimal(0))}
    elif record.get("total") is not None:
        properties["total"] = money(record["total"], "total")
    return properties


def _returned(place: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    count = pieces_of(fields.get("quantity", 1), f"{place}.quantity")
    amount = money(fields.get("amount"), f"{place}.amount")
    return {"product_id": required(fields, "sku"), "quantity": count, "amount": amount}
