"""Douyin: what people do with the brand's account, its vouchers, and its shop (抖店).

The open platform's webhooks are signed in `X-Douyin-Signature`: the SHA-1 of the app's secret and the body. The
address is proved by answering the `challenge` of `verify_webhook`. A push is repeated up to three times, with the
same `Msg-Id`; that header is not signed, so what a message is known by is read from its content where it has an id.
`content` comes as an object or as its text. Source: "Webhooks" (overview, events, private messages, life service
orders) of developer.open-douyin.com. What a voucher's refund gives back is not told: the refund of its order is
exported (`orders`), with the buyer's `open_id`. A person is an `open_id` under the app's client key, the channel's
namespace.

The shop platform signs in `event-sign`: the MD5 of the app key (the namespace), the body, and the secret (source:
integrations; its own document could not be confirmed). Its messages name an order, but no buyer: they are checked and
answered, and tell nothing of a person. Orders of the shop come as exports (`orders`), in the shape of
`order.orderDetail`: amounts in fen, buyers by `doudian_open_id`. The numbers of receivers are encrypted or masked
there.
"""

from datetime import datetime
from typing import Any

from gateway.channels.adapters import signing
from gateway.channels.adapters.orders import Course, Fields, Line, Order, completed, exported, heard, json_reply
from gateway.channels.adapters.people import account
from gateway.channels.adapters.reading import (
    inner,
    json_object,
    millis,
    money,
    objects,
    present,
    quantity,
    records,
    required,
    seconds,
    text,
)
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Told

_SENDER, _RECEIVER = "from_user_id", "to_user_id"
_EVENTS = {
    "im_receive_msg": ("Message Received", _SENDER),
    "im_send_msg": ("Message Sent", _RECEIVER),
    "im_enter_direct_msg": ("Conversation Started", _SENDER),
    "group_fans_event": ("Group Joined", _SENDER),
    "create_video": ("Content Shared", _SENDER),
    "authorize": ("Account Authorized", _SENDER),
    "unauthorize": ("Account Unauthorized", _SENDER),
}
_VOUCHERS = {
    "verify": "Voucher Redeemed",
    "verify_cancel": "Voucher Redemption Cancelled",
    "refund_success": "Voucher Refunded",
}
_PROPERTIES = {
    "message_type": "message_type",
    "text": "text",
    "conversation_short_id": "conversation_id",
    "scene_type": "scene_type",
    "objectId": "video_id",
    "item_id": "video_id",
    "share_id": "share_id",
}
_SHOP_CLOSED = ("4", "21", "22", "39")


def douyin(channel: Channel, callback: Callback) -> Told:
    """What a webhook, a message of the shop, or an export tells."""
    secret = channel.secrets.secret.encode()
    if signing.is_export(callback):
        return exported(channel, callback, _shop_order, _shop_buyer)
    if given := callback.header("event-sign"):
        signing.check(given, signing.digest("md5", channel.namespace.encode(), callback.body, secret))
        records(callback.body)
        return Told((), json_reply({"code": 0, "msg": "success"}))
    signing.check(callback.header("x-douyin-signature"), signing.digest("sha1", secret, callback.body))
    return _webhook(channel, callback)


def _webhook(channel: Channel, callback: Callback) -> Told:
    fields = json_object(callback.body)
    event, content = required(fields, "event"), inner(fields, "content")
    if event == "verify_webhook":
        return Told((), json_reply({"challenge": content.get("challenge")}))
    told = json_reply({"code": 0})
    if event == "life_trade_order_notify":
        return Told(_voucher_order(channel, fields, content), told)
    if event == "life_trade_certificate_notify":
        return Told(_voucher(channel, fields, content), told)
    return Told(_said(channel, callback, fields, content) if event in _EVENTS else (), told)


def _said(channel: Channel, callback: Callback, fields: Fields, content: Fields) -> list[Heard]:
    event = required(fields, "event")
    name, whose = _EVENTS[event]
    number = text(content.get("server_message_id")) or text(content.get("share_id")) or callback.header("msg-id")
    key = f"{event}:{number or signing.digest('sha256', callback.body)}"
    time = millis(content["create_time"], "create_time") if content.get("create_time") else None
    return _of(_person(channel, fields, whose), key, name, time, present(content, _PROPERTIES))


def _voucher_order(channel: Channel, fields: Fields, content: Fields) -> list[Heard]:
    order = inner(content, "order")
    if content.get("action") != "pay_success":
        return []
    number, paid = required(order, "order_id"), money(order.get("pay_amount"), "pay_amount", fen=True)
    time = seconds(order.get("pay_time") or content.get("msg_time"), "pay_time")
    properties = completed(Order(number, (), paid))
    return _of(_person(channel, fields, _SENDER), f"order:{number}:completed", "Order Completed", time, properties)


def _voucher(channel: Channel, fields: Fields, content: Fields) -> list[Heard]:
    voucher, action = inner(content, "certificate"), text(content.get("action"))
    if action not in _VOUCHERS:
        return []
    number, stamp = required(voucher, "certificate_id"), required(content, "msg_time")
    properties = {"certificate_id": number, **present(voucher, {"order_id": "order_id"})}
    key, time = f"certificate:{number}:{action}:{stamp}", seconds(stamp, "msg_time")
    return _of(_person(channel, fields, _SENDER), key, _VOUCHERS[action], time, properties)


def _of(
    people: list[Identifier], key: str, name: str, time: datetime | None, properties: dict[str, Any]
) -> list[Heard]:
    return [Heard(key, people, name, time, properties)] if people else []


def _person(channel: Channel, fields: Fields, whose: str) -> list[Identifier]:
    return account("douyin.open_id", channel.namespace, fields.get(whose))


def _shop_order(channel: Channel, fields: Fields) -> list[Heard]:
    shipping = money(fields.get("post_amount") or 0, "post_amount", fen=True)
    paid = money(fields.get("pay_amount"), "pay_amount", fen=True)
    lines = [_line(place, line) for place, line in objects(fields, "sku_order_list")]
    order = Order(required(fields, "order_id"), lines, paid, shipping)
    is_closed = required(fields, "order_status") in _SHOP_CLOSED
    place, pay, end = (_time(fields, name) for name in ("create_time", "pay_time", "update_time"))
    return heard(order, _shop_buyer(channel, fields), Course(place, pay, end, is_closed=is_closed))


def _line(place: str, line: Fields) -> Line:
    sku = text(line.get("code")) or text(line.get("sku_id")) or required(line, "product_id")
    count = quantity(line.get("item_num", 1), f"{place}.item_num")
    price = money(line.get("goods_price"), f"{place}.goods_price", fen=True)
    return Line(sku, count, price, text(line.get("product_name")))


def _time(fields: Fields, name: str) -> datetime | None:
    return seconds(fields[name], name) if fields.get(name) else None


def _shop_buyer(channel: Channel, fields: Fields) -> list[Identifier]:
    return account("douyin.open_id", channel.namespace, fields.get("doudian_open_id") or fields.get("open_id"))
