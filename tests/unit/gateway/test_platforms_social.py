"""What Douyin and Weibo send of messages, followers and vouchers, and what we hear of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway.channels.adapters import ADAPTERS
from gateway.channels.domain import Callback, Identifier, Kind, Secrets
from gateway.channels.errors import SignatureInvalid
from tests.unit.gateway import channel_fixtures as sent
from tests.unit.gateway.channel_fixtures import NOON, heard, lines_of, told


def test_douyin_proves_the_address_by_a_challenge():
    proof = {"event": "verify_webhook", "client_key": "", "content": {"challenge": 12345}}

    answer = told(Kind.DOUYIN, sent.douyin(proof))

    assert (answer.heard, json.loads(answer.reply.body)) == ((), {"challenge": 12345})


def test_douyin_tells_of_a_message_to_the_brand():
    event = heard(Kind.DOUYIN, sent.douyin(sent.DOUYIN_MESSAGE, **{"msg-id": "of this delivery"}))

    assert event.identifiers == [Identifier("douyin.open_id", "client-key", "shopper-open-id")]
    assert (event.name, event.key) == ("Message Received", "im_receive_msg:message-1")
    assert event.time == datetime.fromtimestamp(1781928000.123, UTC)
    assert event.properties["text"] == "有货吗"


def test_douyin_tells_of_the_customer_whom_the_brand_answered():
    event = heard(Kind.DOUYIN, sent.douyin(sent.DOUYIN_MESSAGE | {"event": "im_send_msg"}))

    assert (event.name, event.identifiers[0].value) == ("Message Sent", "brand-open-id")


def test_douyin_repeats_a_message_without_a_number_under_its_msg_id():
    allowed = {"event": "authorize", "from_user_id": "open", "content": {"scopes": ["user_info"]}, "log_id": "1"}

    first, again = (sent.douyin(allowed | {"log_id": log}, **{"msg-id": "m-1"}) for log in ("1", "2"))

    assert heard(Kind.DOUYIN, first).key == heard(Kind.DOUYIN, again).key == "authorize:m-1"


def test_an_order_of_vouchers_on_douyin_is_an_order_in_yuan():
    event = heard(Kind.DOUYIN, sent.douyin(sent.DOUYIN_VOUCHERS))

    assert (event.name, event.key, event.time) == ("Order Completed", "order:8001:completed", NOON)
    assert event.properties["total"] == Decimal("199.01")
    assert event.properties["products"] == []


def test_a_notice_that_names_no_buyer_is_answered_and_tells_nothing():
    nobody = sent.DOUYIN_VOUCHERS | {"from_user_id": ""}

    shop = told(Kind.DOUYIN, sent.douyin_shop(sent.DOUYIN_SHOP_NOTICE))
    xhs = told(Kind.XIAOHONGSHU, sent.xiaohongshu(sent.XHS_NOTICE))

    assert [shop.heard, xhs.heard, told(Kind.DOUYIN, sent.douyin(nobody)).heard] == [(), (), []]
    assert json.loads(shop.reply.body)["code"] == 0
    assert json.loads(xhs.reply.body)["success"] is True
    for kind, notice in ((Kind.DOUYIN, sent.douyin_shop([{}], "x")), (Kind.XIAOHONGSHU, sent.xiaohongshu([{}], "x"))):
        with pytest.raises(SignatureInvalid):
            told(kind, notice)


def test_a_voucher_of_douyin_is_redeemed_and_given_back_as_itself_not_as_its_order():
    content = {"msg_time": 1781928000, "certificate": {"order_id": "8001", "certificate_id": "c-1", "account_id": "1"}}
    message = {"event": "life_trade_certificate_notify", "from_user_id": "open"}

    redeemed, refunded = (
        heard(Kind.DOUYIN, sent.douyin(message | {"content": json.dumps(content | {"action": action})}))
        for action in ("verify", "refund_success")
    )

    assert (redeemed.name, refunded.name) == ("Voucher Redeemed", "Voucher Refunded")
    assert redeemed.properties == {"certificate_id": "c-1", "order_id": "8001"}


def test_the_money_of_a_voucher_comes_back_by_an_export():
    refund = {"refund_id": "R", "order_id": "8001", "amount": "99.50", "time": "2026-06-21T12:00:00+08:00"}

    event = heard(Kind.DOUYIN, sent.export({"refund": refund | {"open_id": "shopper-open-id"}}))

    assert event.identifiers == [Identifier("douyin.open_id", "client-key", "shopper-open-id")]
    assert event.properties == {"order_id": "8001", "currency": "CNY", "total": Decimal("99.50")}


def test_an_order_of_a_douyin_shop_is_exact_to_the_fen():
    event = heard(Kind.DOUYIN, sent.export(sent.DOUYIN_SHOP_ORDER))

    assert event.identifiers == [Identifier("douyin.open_id", "client-key", "shop-open-id")]
    assert lines_of(event.properties) == [("TEA", 2, Decimal("19.90")), ("18", 1, Decimal("5.20"))]
    assert (event.properties["revenue"], event.properties["shipping"]) == (Decimal("40.00"), Decimal("6.00"))
    assert event.properties["discount"] == Decimal("5.00")


def test_weibo_tells_of_a_follower():
    event = heard(Kind.WEIBO, sent.weibo(sent.WEIBO_FOLLOWED))

    assert event.identifiers == [Identifier("weibo.uid", "weibo-app", "2489518277")]
    assert (event.name, event.time) == ("Channel Followed", datetime(2012, 7, 16, 10, 9, 20, tzinfo=UTC))
    assert told(Kind.WEIBO, sent.weibo(sent.WEIBO_FOLLOWED)).reply.body == b""


def test_weibo_proves_the_address_with_the_published_signature():
    """The example of the platform's guide: the sorted parts of `xyz123xyz`, `1397022061823` and `57155157`."""
    channel = replace(sent.channel_of(Kind.WEIBO), secrets=Secrets("xyz123xyz"))
    query = {"timestamp": "1397022061823", "nonce": "57155157", "echostr": "KeyDMwtf672"}
    query["signature"] = "90e4c22c90a58f26526c2dd5b6c56c8822edeaa1"

    assert ADAPTERS[Kind.WEIBO](channel, Callback("GET", query, {}, b"")).reply.body == b"KeyDMwtf672"


def test_weibo_tells_of_messages_codes_and_menus_and_of_nothing_that_is_not_published():
    scanned = sent.WEIBO_FOLLOWED | {"data": {"subtype": "scan_follow", "key": "store-17", "ticket": "T"}}
    clicked = sent.WEIBO_FOLLOWED | {"data": {"subtype": "click", "key": "offers"}}

    assert heard(Kind.WEIBO, sent.weibo(scanned)).properties == {"scene": "store-17", "ticket": "T"}
    assert heard(Kind.WEIBO, sent.weibo(clicked)).properties == {"menu_key": "offers"}
    assert heard(Kind.WEIBO, sent.weibo(sent.WEIBO_SAID)).properties == {"message_type": "text", "text": "有货吗"}
    assert told(Kind.WEIBO, sent.weibo(sent.WEIBO_FOLLOWED | {"type": "dance"})).heard == []
