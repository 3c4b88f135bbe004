"""Xiaohongshu: orders of a shop.

The shop platform pushes arrays of `{"msgTag": …, "sellerId": …, "data": "…"}` with the headers `app-key`, `timestamp`
and `sign`, and waits for `success`. Its messages (`msg_fulfillment_status_change` and others) name an order, but no
buyer: they are checked and answered, and tell nothing of a person. Orders come as exports (`orders`), in the shape of
`order.getOrderDetail`: amounts in fen, the sum that was paid with freight, what was paid per product.

Source: the message documents of open.xiaohongshu.com. The rule of `sign` could not be confirmed there; it is taken
from integrations: the MD5 of the path, `?`, the sorted parameters `app-key`, `timestamp` and those of the query, and
the secret. The path is the one that Bowen told (`callback_path`): do not serve it below another one. What
mini-programs push could not be confirmed beyond the proof of the address, and is not taken.

A channel's namespace is the shop's app: an order's `userId` is unique in it. It is not the open id of a mini-program,
so the two need namespaces of their own.
"""

from datetime import datetime

from gateway.channels.adapters import signing
from gateway.channels.adapters.orders import Course, Fields, Line, Order, exported, heard, json_reply, pieces
from gateway.channels.adapters.people import account
from gateway.channels.adapters.reading import millis, money, objects, quantity, records, required, text
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Told

_CLOSED = ("8", "9")
_ANSWER = {"success": True, "error_code": 0, "error_msg": ""}


def xiaohongshu(channel: Channel, callback: Callback) -> Told:
    """What a push or an export tells."""
    if signing.is_export(callback):
        return exported(channel, callback, _order, _buyer)
    _check_platform(channel, callback)
    records(callback.body)
    return Told((), json_reply(_ANSWER))


def _check_platform(channel: Channel, callback: Callback) -> None:
    signed = dict(callback.query) | {name: callback.header(name) for name in ("app-key", "timestamp")}
    parameters = "&".join(f"{name}={value}" for name, value in sorted(signed.items()))
    path = f"/v1/channels/{channel.channel_id}/callback"
    expected = signing.digest("md5", f"{path}?{parameters}{channel.secrets.secret}".encode())
    signing.check(callback.header("sign"), expected)


def _order(channel: Channel, fields: Fields) -> list[Heard]:
    shipping = money(fields.get("totalShippingFree") or 0, "totalShippingFree", fen=True)
    paid = money(fields.get("totalPayAmount"), "totalPayAmount", fen=True)
    lines = [line for place, sku in objects(fields, "skuList") for line in _lines(place, sku)]
    order = Order(required(fields, "orderId"), lines, paid, shipping)
    is_closed = required(fields, "orderStatus") in _CLOSED
    place, pay = _time(fields, "createdTime"), _time(fields, "paidTime")
    end = _time(fields, "cancelTime") or _time(fields, "updateTime")
    return heard(order, _buyer(channel, fields), Course(place, pay, end, is_closed=is_closed))


def _lines(place: str, sku: Fields) -> list[Line]:
    number = text(sku.get("erpcode")) or required(sku, "skuId")
    paid = money(sku.get("totalPaidAmount"), f"{place}.totalPaidAmount", fen=True)
    return pieces(number, quantity(sku.get("skuQuantity", 1), f"{place}.skuQuantity"), paid, text(sku.get("skuName")))


def _time(fields: Fields, name: str) -> datetime | None:
    return millis(fields[name], name) if fields.get(name) else None


def _buyer(channel: Channel, fields: Fields) -> list[Identifier]:
    return account("xhs.open_id", channel.namespace, fields.get("userId"))
