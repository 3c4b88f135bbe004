"""What orders of Xiaohongshu, Taobao and JD are to us, and whom they name."""

import json
from dataclasses import replace
from decimal import Decimal

from gateway.channels.adapters import ADAPTERS
from gateway.channels.domain import Identifier, Kind
from tests.unit.gateway import channel_fixtures as sent
from tests.unit.gateway.channel_fixtures import NEXT_NOON, NOON, PHONE, changed, heard, lines_of, told

TRADE = ("trade_fullinfo_get_response", "trade")


def test_an_order_of_xiaohongshu_has_the_prices_that_add_up_to_what_was_paid():
    event = heard(Kind.XIAOHONGSHU, sent.export(sent.XHS_ORDER))

    assert event.identifiers == [Identifier("xhs.open_id", "xhs-app", "xhs-user")]
    assert (event.name, event.time) == ("Order Completed", NOON)
    assert lines_of(event.properties) == [("TEA", 2, Decimal("3.33")), ("TEA", 1, Decimal("3.34"))]
    assert (event.properties["revenue"], event.properties["discount"]) == (Decimal("10.00"), 0)


def test_an_order_that_was_closed_after_it_was_paid_is_refunded_and_one_before_is_cancelled():
    paid = told(Kind.XIAOHONGSHU, sent.export(changed(sent.XHS_ORDER, "order", orderStatus=8))).heard
    unpaid = told(Kind.XIAOHONGSHU, sent.export(changed(sent.XHS_ORDER, "order", orderStatus=9, paidTime=0))).heard

    assert [event.name for event in paid] == ["Order Completed", "Order Refunded"]
    assert [event.name for event in unpaid] == ["Order Cancelled"]
    assert paid[1].properties == {"order_id": "P768291112062421411"}


def test_a_trade_of_taobao_names_the_buyer_in_the_shop_the_group_and_the_application():
    event = heard(Kind.TAOBAO, sent.taobao(sent.TAOBAO_TRADE))

    assert event.identifiers == [
        Identifier("taobao.omid", "group-1", "om-id"),
        Identifier("taobao.ouid", "shop-1", "o-uid"),
        Identifier("taobao.open_uid", "12497914", "AAG-uid"),
        PHONE,
    ]
    assert (event.name, event.time, event.key) == ("Order Completed", NOON, "order:192345:completed")
    assert lines_of(event.properties) == [("TEA", 2, Decimal("19.90")), ("2002", 1, Decimal("5.20"))]
    assert (event.properties["revenue"], event.properties["discount"]) == (Decimal("38.00"), Decimal("7.00"))


def test_a_line_that_was_given_up_before_the_trade_was_paid_takes_no_part_of_its_discount():
    lines = sent.TAOBAO_TRADE["trade_fullinfo_get_response"]["trade"]["orders"]["order"]
    given_up = {"oid": 3, "num_iid": 2003, "price": "99.00", "num": 1, "status": "TRADE_CLOSED_BY_TAOBAO"}
    orders = {"order": [*lines, given_up]}

    event = heard(Kind.TAOBAO, sent.taobao(changed(sent.TAOBAO_TRADE, *TRADE, orders=orders)))

    assert [sku for sku, _, _ in lines_of(event.properties)] == ["TEA", "2002"]
    assert event.properties["discount"] == Decimal("7.00")


def test_a_shop_outside_a_group_knows_no_omid():
    channel = replace(sent.channel_of(Kind.TAOBAO), namespace="shop-2")

    (event,) = ADAPTERS[Kind.TAOBAO](channel, sent.taobao(sent.TAOBAO_TRADE)).heard

    assert [(each.type, each.namespace) for each in event.identifiers[:1]] == [("taobao.ouid", "shop-2")]


def test_messages_of_taobao_tell_of_a_payment_and_of_a_refund_of_a_part():
    paid, refunded = told(Kind.TAOBAO, sent.export([sent.TAOBAO_PAID, sent.TAOBAO_REFUNDED])).heard

    assert paid.identifiers == [Identifier("taobao.open_uid", "12497914", "AAG-uid")]
    assert (paid.name, paid.properties["revenue"], paid.time) == ("Order Completed", Decimal("44.00"), NOON)
    assert (refunded.name, refunded.key, refunded.time) == ("Order Refunded", "refund:731", NEXT_NOON)
    assert refunded.properties == {"order_id": "192345", "currency": "CNY", "total": Decimal("5.50")}


def test_a_message_of_taobao_about_something_else_tells_nothing():
    answer = told(Kind.TAOBAO, sent.export({"topic": "taobao_item_ItemAdd", "content": "{}"}))

    assert (answer.heard, json.loads(answer.reply.body)) == ([], {"taken": 0, "skipped": 1})


def test_what_names_no_person_on_taobao_is_not_heard_as_one():
    """Spec people §3.1: `oaid` is an address, `buyer_nick` changes, a protected number is lent."""
    lent = [{"oaid": "address"}, {"privacy_protection": True}, {"receiver_mobile": "18877771111-123"},
            {"receiver_mobile": "138****8000"}]  # fmt: skip
    for fields in lent:
        trade = changed(sent.TAOBAO_TRADE, *TRADE, **fields)

        event = heard(Kind.TAOBAO, sent.taobao(trade))

        assert {each.type for each in event.identifiers} == {"taobao.omid", "taobao.ouid", "taobao.open_uid"}


def test_an_order_of_jd_is_what_was_paid_less_freight():
    event = heard(Kind.JD, sent.export(sent.JD_ORDER))

    assert event.identifiers == [
        Identifier("jd.open_id", "jd-shop", "jd-open-id"),
        Identifier("jd.open_id", "xid/jd-shop", "jd-xid"),
        PHONE,
    ]
    assert (event.properties["revenue"], event.properties["total"]) == (Decimal("36.00"), Decimal("42.00"))
    assert event.properties["discount"] == Decimal("9.00")


def test_an_order_of_jd_without_a_time_of_payment_is_placed():
    event = heard(Kind.JD, sent.export(changed(sent.JD_ORDER, "order", payment_confirm_time="0001-01-01 00:00:00")))

    assert (event.name, event.key) == ("Order Placed", "order:111200001:placed")


def test_a_refund_is_exported_in_our_shape_with_the_platforms_buyer():
    refund = {"refund_id": "R-1", "order_id": "111200001", "amount": "12.50", "time": "2026-06-21T12:00:00+08:00",
              "sku": "TEA", "open_id_buyer": "jd-open-id"}  # fmt: skip

    event = heard(Kind.JD, sent.export({"refund": refund}))

    assert (event.name, event.key, event.time) == ("Order Refunded", "refund:R-1", NEXT_NOON)
    assert event.properties["products"] == [{"product_id": "TEA", "amount": Decimal("12.50")}]
