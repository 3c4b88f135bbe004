"""Taobao and Tmall: orders and messages about them.

The message service (TMC) is a socket that the brand's own client holds, so what it receives is handed on: messages as
they are (`{"topic": …, "content": …, "pub_app_key": …}`), or the trades that the client fetched for them (`orders`),
one of the two for a shop, since an order is completed once. Both come signed as an export, or as the platform signs
what it calls itself (SPI, 奇门): `sign` in the query is the MD5 of the secret, the sorted query with the headers that
`top-sign-list` names, the body, and the secret again. Source: the platform's SDKs (`SpiUtils`, `NotifyTrade`) and the
fields of `taobao.trade.fullinfo.get`. Of messages about orders these were confirmed: created, paid, ended, closed,
and refunds that succeeded; others tell nothing.

A channel's namespace is the shop, or `group/shop` in a group of the member pass (会员通), which is what `omid` is
unique in. `ouid` is unique in the shop, `open_uid` in the application. What is no person: `buyer_nick` changes,
`oaid` is an address; a receiver's number is lent where the trade carries an `oaid` or says `privacy_protection`.
"""

from typing import Any

from gateway.channels.adapters import signing
from gateway.channels.adapters.orders import (
    Course,
    Fields,
    Line,
    Order,
    completed,
    heard,
    record_heard,
    refunded,
    told,
)
from gateway.channels.adapters.people import account, phone
from gateway.channels.adapters.reading import beijing, inner, money, objects, quantity, required, text
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Told

_GIVEN_UP = "TRADE_CLOSED_BY_TAOBAO"
"""Closed before it was paid: a trade, or a line of one that was paid for the others."""

_CLOSED = ("TRADE_CLOSED", _GIVEN_UP)
_TRADES = {
    "taobao_trade_TradeCreate": ("Order Placed", "placed"),
    "taobao_trade_TradeBuyerPay": ("Order Completed", "completed"),
    "taobao_trade_TradeSuccess": ("Order Received", "received"),
    "taobao_trade_TradeClose": ("Order Cancelled", "cancelled"),
}
_REFUND = "taobao_refund_RefundSuccess"


def taobao(channel: Channel, callback: Callback) -> Told:
    """What messages, trades and refunds tell."""
    if signing.is_export(callback):
        signing.check_export(channel, callback)
    else:
        _check_platform(channel, callback)
    return told(callback.body, lambda record: _record(channel, record))


def _check_platform(channel: Channel, callback: Callback) -> None:
    named = filter(None, callback.header("top-sign-list").split(","))
    signed = {name: callback.header(name.lower()) for name in named} | dict(callback.query)
    given = signed.pop("sign", "")
    text_signed = "".join(f"{name}{value}" for name, value in sorted(signed.items())).encode()
    secret = channel.secrets.secret.encode()
    signing.check(given, signing.digest("md5", secret, text_signed, callback.body, secret))


def _record(channel: Channel, record: Fields) -> list[Heard]:
    if "topic" in record:
        return _message(channel, record)
    response = inner(record, "trade_fullinfo_get_response")
    return record_heard(channel, {"order": response["trade"]} if "trade" in response else record, _trade, _buyer)


def _message(channel: Channel, record: Fields) -> list[Heard]:
    topic, content = required(record, "topic"), inner(record, "content")
    if topic not in _TRADES and topic != _REFUND:
        return []
    number = required(content, "tid")
    time = beijing(content.get("modified") or record.get("pub_time"), "modified")
    people = _buyer(channel, {"app_key": record.get("pub_app_key"), **content})
    if topic == _REFUND:
        key, name = f"refund:{required(content, 'refund_id')}", "Order Refunded"
        properties = refunded(number, money(content.get("refund_fee"), "refund_fee"))
    else:
        name, step = _TRADES[topic]
        key, properties = f"order:{number}:{step}", _of_message(step, number, content)
    return [Heard(key, people, name, time, properties)] if people else []


def _of_message(step: str, number: str, content: Fields) -> dict[str, Any]:
    if step != "completed":
        return {"order_id": number}
    paid, shipping = money(content.get("payment"), "payment"), money(content.get("post_fee") or 0, "post_fee")
    return completed(Order(number, (), paid, shipping))


def _trade(channel: Channel, trade: Fields) -> list[Heard]:
    status = required(trade, "status")
    paid, shipping = money(trade.get("payment"), "payment"), money(trade.get("post_fee") or 0, "post_fee")
    orders = objects(inner(trade, "orders"), "order")
    lines = [_line(place, line) for place, line in orders if line.get("status") != _GIVEN_UP]
    course = Course(
        _time(trade, "created"), _time(trade, "pay_time"), _time(trade, "end_time"), is_closed=status in _CLOSED
    )
    order = Order(required(trade, "tid"), lines, paid, shipping)
    return heard(order, _buyer(channel, trade), course)


def _line(place: str, line: Fields) -> Line:
    sku = text(line.get("outer_sku_id")) or text(line.get("outer_iid")) or required(line, "num_iid")
    pieces = quantity(line.get("num", 1), f"{place}.num")
    return Line(sku, pieces, money(line.get("price"), f"{place}.price"), text(line.get("title")), text(line.get("cid")))


def _time(fields: Fields, name: str) -> Any:
    return beijing(fields[name], name) if fields.get(name) else None


def _buyer(channel: Channel, fields: Fields) -> list[Identifier]:
    group, _, shop = channel.namespace.rpartition("/")
    lent = fields.get("privacy_protection") in (True, "true") or bool(fields.get("oaid"))
    return [
        *account("taobao.omid", group, fields.get("omid")),
        *account("taobao.ouid", shop, fields.get("ouid")),
        *account("taobao.open_uid", text(fields.get("app_key")), fields.get("buyer_open_uid")),
        *phone(fields.get("receiver_mobile"), protected=lent),
    ]
