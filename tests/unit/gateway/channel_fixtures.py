"""What platforms and exporting systems send, as published or as the adapters document it, signed as they do.

Real ids are replaced. `SIGNED[kind]` has one callback of each kind that tells of somebody.
"""

import hashlib
import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from gateway.channels.adapters import ADAPTERS, signing
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Kind, Secrets, Told

NOON = datetime(2026, 6, 20, 4, tzinfo=UTC)
"""Of Beijing, when everything in here happens."""

NEXT_NOON = datetime(2026, 6, 21, 4, tzinfo=UTC)
PHONE = Identifier("phone", "", "13912345678", verified=False)
SECRET = "token"
CHANNEL = Channel(UUID(int=7), Kind.POS, "ours", "tills", NOON, secrets=Secrets(SECRET))
NAMESPACES = MappingProxyType(
    {
        Kind.DOUYIN: "client-key",
        Kind.XIAOHONGSHU: "xhs-app",
        Kind.TAOBAO: "group-1/shop-1",
        Kind.JD: "jd-shop",
        Kind.WEIBO: "weibo-app",
        Kind.POS: "tills",
        Kind.CALL_CENTRE: "calls",
    }
)

DOUYIN_MESSAGE = {
    "event": "im_receive_msg",
    "client_key": "client-key",
    "from_user_id": "shopper-open-id",
    "to_user_id": "brand-open-id",
    "log_id": "2026062012000001",
    "content": json.dumps(
        {
            "conversation_short_id": "conversation-1",
            "server_message_id": "message-1",
            "conversation_type": 1,
            "create_time": 1781928000123,
            "message_type": "text",
            "text": "有货吗",
            "user_infos": [{"open_id": "shopper-open-id", "nick_name": "小明"}],
        }
    ),
}
DOUYIN_VOUCHERS = {
    "event": "life_trade_order_notify",
    "client_key": "client-key",
    "from_user_id": "shopper-open-id",
    "content": json.dumps(
        {
            "action": "pay_success",
            "msg_time": 1781928001,
            "order": {
                "order_id": "8001",
                "pay_amount": 19901,
                "original_amount": 29900,
                "account_id": "123",
                "create_time": 1781927990,
                "pay_time": 1781928000,
            },
        }
    ),
}
DOUYIN_SHOP_NOTICE = [{"tag": "101", "msg_id": "1", "data": '{"p_id": 4781, "shop_id": 99, "pay_amount": 2500}'}]
DOUYIN_SHOP_ORDER = {
    "order": {
        "order_id": "6917",
        "order_status": 2,
        "doudian_open_id": "shop-open-id",
        "create_time": 1781927990,
        "pay_time": 1781928000,
        "update_time": 1781928100,
        "pay_amount": 4600,
        "post_amount": 600,
        "mask_post_receiver": {"name": "张**"},
        "sku_order_list": [
            {"product_id": 3001, "sku_id": 17, "code": "TEA", "product_name": "茶", "item_num": 2, "goods_price": 1990},
            {"product_id": 3002, "sku_id": 18, "code": "", "product_name": "杯", "item_num": 1, "goods_price": 520},
        ],
    }
}
XHS_NOTICE = [
    {
        "msgTag": "msg_fulfillment_status_change",
        "sellerId": "seller",
        "data": '{"orderId":"P768291112062421411","orderStatus":4,"updateTime":1781928000421}',
    }
]
XHS_ORDER = {
    "order": {
        "orderId": "P768291112062421411",
        "orderStatus": 4,
        "userId": "xhs-user",
        "createdTime": 1781927990000,
        "paidTime": 1781928000000,
        "updateTime": 1781928100000,
        "totalPayAmount": 1600,
        "totalShippingFree": 600,
        "openAddressId": "open-address",
        "skuList": [
            {"skuId": "s-1", "erpcode": "TEA", "skuName": "茶", "skuQuantity": 3, "totalPaidAmount": 1000},
        ],
    }
}
TAOBAO_PAID = {
    "id": 4160600490938325004,
    "topic": "taobao_trade_TradeBuyerPay",
    "pub_app_key": "12497914",
    "pub_time": "2026-06-20 12:00:01",
    "content": '{"buyer_nick":"t***1","buyer_open_uid":"AAG-uid","payment":"44.00","tid":192345,"oid":192345,'
    '"seller_nick":"我们的店","type":"guarantee_trade","modified":"2026-06-20 12:00:00"}',
}
TAOBAO_REFUNDED = {
    "topic": "taobao_refund_RefundSuccess",
    "pub_app_key": "12497914",
    "pub_time": "2026-06-21 12:00:01",
    "content": {
        "buyer_open_uid": "AAG-uid",
        "refund_fee": "5.50",
        "refund_id": 731,
        "tid": 192345,
        "oid": 192346,
        "modified": "2026-06-21 12:00:00",
    },
}
TAOBAO_TRADE: dict[str, Any] = {
    "trade_fullinfo_get_response": {
        "trade": {
            "tid": 192345,
            "status": "WAIT_SELLER_SEND_GOODS",
            "created": "2026-06-20 11:59:00",
            "pay_time": "2026-06-20 12:00:00",
            "payment": "44.00",
            "post_fee": "6.00",
            "discount_fee": "0.00",
            "buyer_nick": "t***1",
            "ouid": "o-uid",
            "omid": "om-id",
            "buyer_open_uid": "AAG-uid",
            "app_key": "12497914",
            "receiver_mobile": "13912345678",
            "orders": {
                "order": [
                    {"oid": 1, "num_iid": 2001, "outer_sku_id": "TEA", "title": "茶", "price": "19.90", "num": 2},
                    {"oid": 2, "num_iid": 2002, "title": "杯", "price": "5.20", "num": 1},
                ]
            },
        }
    }
}
JD_ORDER: dict[str, Any] = {
    "order": {
        "order_id": "111200001",
        "order_state": "WAIT_SELLER_STOCK_OUT",
        "order_total_price": "45.00",
        "order_seller_price": "42.00",
        "order_payment": "38.00",
        "balance_used": "4.00",
        "freight_price": "6.00",
        "seller_discount": "3.00",
        "order_start_time": "2026-06-20 11:59:00",
        "payment_confirm_time": "2026-06-20 12:00:00",
        "modified": "2026-06-20 12:00:10",
        "pin": "jd_5f2***",
        "open_id_buyer": "jd-open-id",
        "xid_buyer": "jd-xid",
        "consignee_info": {"fullname": "张**", "mobile": "13912345678", "telephone": ""},
        "item_info_list": [
            {"sku_id": "71", "outer_sku_id": "TEA", "sku_name": "茶", "jd_price": "19.90", "item_total": "2"},
            {"sku_id": "72", "sku_name": "杯", "jd_price": "5.20", "item_total": "1"},
        ],
    }
}
WEIBO_FOLLOWED = {
    "type": "event",
    "receiver_id": 1902538057,
    "sender_id": 2489518277,
    "created_at": "Mon Jul 16 18:09:20 +0800 2012",
    "text": "关注事件消息",
    "data": {"subtype": "follow"},
}
WEIBO_SAID = {
    "type": "text",
    "receiver_id": 1902538057,
    "sender_id": 2489518277,
    "created_at": "Mon Jul 16 18:09:20 +0800 2012",
    "text": "有货吗",
    "data": {},
}
SALE: dict[str, Any] = {
    "type": "sale",
    "receipt_no": "S17-2-000042",
    "time": "2026-06-20T12:00:00+08:00",
    "store": "store-17",
    "till": "2",
    "cashier": "c-9",
    "currency": "CNY",
    "member": {"member_no": "M-1", "phone": "13912345678", "phone_verified": True},
    "lines": [
        {"sku": "tea", "name": "Tea", "category": "drinks", "quantity": 2, "price": "19.90"},
        {"sku": "nuts", "quantity": "0.535", "amount": 21.40},
    ],
    "discount": "1.20",
    "total": "60.00",
}
REFUND: dict[str, Any] = {
    "type": "refund",
    "receipt_no": "S17-2-000043",
    "original_receipt_no": "S17-2-000042",
    "time": "2026-06-21T12:00:00+08:00",
    "store": "store-17",
    "member": {"member_no": "M-1"},
    "lines": [{"sku": "tea", "quantity": 1, "amount": "19.50"}],
}
CALL: dict[str, Any] = {
    "call_id": "c-1",
    "direction": "inbound",
    "number": "139 1234 5678",
    "start_time": "2026-06-20T12:00:00+08:00",
    "answered": True,
    "duration_seconds": 93,
    "agent": "a-7",
    "queue": "orders",
    "line": "4008001000",
}


def channel_of(kind: Kind) -> Channel:
    """A channel of ours on a platform."""
    return replace(CHANNEL, kind=kind, namespace=NAMESPACES[kind])


def posted(body: bytes, headers: dict[str, str] | None = None, query: dict[str, str] | None = None) -> Callback:
    return Callback("POST", query or {}, headers or {}, body)


def export(record: object, secret: str = SECRET) -> Callback:
    """An export of the brand's own systems; text is sent as it is."""
    body = record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()
    return posted(body, {"x-bowen-signature": signing.sign(secret, body)})


def douyin(message: object, secret: str = SECRET, **headers: str) -> Callback:
    body = json.dumps(message).encode()
    signature = hashlib.sha1(secret.encode() + body).hexdigest()
    return posted(body, {"x-douyin-signature": signature, **headers})


def douyin_shop(messages: object, secret: str = SECRET) -> Callback:
    body = json.dumps(messages).encode()
    return posted(body, {"event-sign": hashlib.md5(b"client-key" + body + secret.encode()).hexdigest()})


def xiaohongshu(messages: object, secret: str = SECRET) -> Callback:
    path = f"/v1/channels/{CHANNEL.channel_id}/callback"
    signature = hashlib.md5(f"{path}?app-key=key&timestamp=1781928000{secret}".encode()).hexdigest()
    headers = {"app-key": "key", "timestamp": "1781928000", "sign": signature}
    return posted(json.dumps(messages).encode(), headers)


def taobao(record: object, secret: str = SECRET) -> Callback:
    """As the platform calls services of sellers: signed over a header, the query and the body."""
    body = json.dumps(record).encode()
    query = {"app_key": "12497914", "method": "ours.trade.push", "timestamp": "2026-06-20 12:00:01"}
    ordered = "app_key12497914methodours.trade.pushtimestamp2026-06-20 12:00:01traceid-7"
    signature = hashlib.md5(secret.encode() + ordered.encode() + body + secret.encode()).hexdigest().upper()
    return posted(body, {"top-sign-list": "traceid", "traceid": "-7"}, query | {"sign": signature})


def weibo(message: object, secret: str = SECRET, method: str = "POST", **query: str) -> Callback:
    signature = hashlib.sha1("".join(sorted([secret, "1397022061823", "57155157"])).encode()).hexdigest()
    signed = {"timestamp": "1397022061823", "nonce": "57155157", "signature": signature}
    return Callback(method, signed | query, {}, json.dumps(message).encode())


SIGNED = MappingProxyType(
    {
        Kind.DOUYIN: douyin(DOUYIN_MESSAGE),
        Kind.XIAOHONGSHU: export(XHS_ORDER),
        Kind.TAOBAO: taobao(TAOBAO_TRADE),
        Kind.JD: export(JD_ORDER),
        Kind.WEIBO: weibo(WEIBO_FOLLOWED),
        Kind.POS: export(SALE),
        Kind.CALL_CENTRE: export(CALL),
    }
)


def told(kind: Kind, callback: Callback) -> Told:
    return ADAPTERS[kind](channel_of(kind), callback)


def heard(kind: Kind, callback: Callback) -> Heard:
    (only,) = told(kind, callback).heard
    return only


def changed(record: dict[str, Any], *path: str, **fields: Any) -> dict[str, Any]:
    """A copy of a record with other fields somewhere in it."""
    record = deepcopy(record)
    place = record
    for name in path:
        place = place[name]
    place.update(fields)
    return record


def lines_of(properties: Any) -> list[tuple[str, int, Decimal]]:
    return [(product["product_id"], product["quantity"], product["price"]) for product in properties["products"]]
