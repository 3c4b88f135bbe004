"""Orders that trusted sources tell in the Segment e-commerce vocabulary."""

import json

import pytest
from bowen.distribution.v1 import order_pb2
from bowen.distribution.v1 import order_service_pb2 as os_
from bowen.profile.v1 import event_pb2

from chassis.errors import FailedPrecondition
from chassis.ids import new_id
from chassis.stamps import stamp
from gateway.channels import convert
from gateway.channels.domain import Callback, Kind
from tests.service.distribution.network import Network, an_event
from tests.unit.gateway import channel_fixtures as channels

COMPLETED = {
    "order_id": "W-1",
    "currency": "CNY",
    "discount": 10.01,
    "products": [
        {"product_id": "tea", "price": 19.99, "quantity": 2, "category": "drinks"},
        {"sku": "cup", "price": "60.02"},
    ],
}


def told(network: Network, name: str, properties: object, profile_id: str, **fields):
    return an_event(profile_id, name=name, properties=json.dumps(properties), timestamp=stamp(network.now()), **fields)


async def orders(network: Network, number: str = "W-1") -> list[order_pb2.Order]:
    return list((await network.orders.ListOrders(os_.ListOrdersRequest(order_number=number))).orders)


async def test_order_completed_is_an_order_placed_and_paid_once(network: Network):
    buyer = str(new_id())
    event = told(network, "Order Completed", COMPLETED, buyer)

    await network.tell(event, told(network, "Order Completed", COMPLETED, buyer))

    (order,) = await orders(network)
    assert (order.source, order.profile_id, order.state) == ("segment:mall", buyer, order_pb2.Order.STATE_PAID)
    assert [(line.sku, line.quantity, line.gross_minor, line.discount_minor) for line in order.lines] == [
        ("tea", 2, 3_998, 400),
        ("cup", 1, 6_002, 601),
    ]
    assert (order.pay_time, order.net_minor) == (event.timestamp, 8_999)


async def test_order_refunded_refunds_products_or_all_that_is_left(network: Network):
    buyer = str(new_id())
    one_cup = {"order_id": "W-1", "products": [{"product_id": "tea", "quantity": 1}]}
    await network.tell(told(network, "Order Completed", COMPLETED, buyer))

    await network.tell(told(network, "Order Refunded", one_cup, buyer))
    (part,) = await orders(network)
    await network.tell(told(network, "Order Refunded", {"order_id": "W-1"}, buyer))
    (whole,) = await orders(network)

    assert part.refunded_minor == (3_998 - 400) // 2
    assert whole.state == order_pb2.Order.STATE_REFUNDED


async def test_a_refund_that_comes_before_its_order_takes_effect_with_it(network: Network):
    buyer = str(new_id())

    await network.tell(told(network, "Order Refunded", {"order_id": "W-1"}, buyer))
    assert [row["reason"] for row in await network.rows("SELECT reason FROM order_rejection")] == ["ORDER_NOT_FOUND"]
    await network.tell(told(network, "Order Completed", COMPLETED, buyer))

    (order,) = await orders(network)
    assert order.state == order_pb2.Order.STATE_REFUNDED
    assert await network.rows("SELECT FROM order_rejection") == []


async def test_a_cancellation_takes_back_what_is_left_of_a_paid_order_once(network: Network):
    buyer = str(new_id())
    cancelled = told(network, "Order Cancelled", {"order_id": "W-1"}, buyer)
    refund = {"order_id": "W-1", "products": [{"product_id": "tea"}]}

    await network.tell(
        told(network, "Order Completed", COMPLETED, buyer), told(network, "Order Refunded", refund, buyer)
    )
    await network.tell(cancelled)
    await network.tell(cancelled, told(network, "Order Cancelled", {"order_id": "W-1"}, buyer))

    (order,) = await orders(network)
    assert (order.state, order.refunded_minor) == (order_pb2.Order.STATE_REFUNDED, order.net_minor)
    assert len(await network.rows("SELECT FROM refund")) == 2
    assert await network.rows("SELECT FROM order_rejection") == []


async def test_a_cancellation_before_payment_closes_the_order_and_credits_nobody(network: Network):
    buyer, teller = str(new_id()), str(new_id())
    placed = await network.imported(network.a_row(order_number="W-2", source=f"segment:{teller}"))

    await network.tell(told(network, "Order Cancelled", {"order_id": "W-2"}, buyer, source_id=teller))
    await network.tell(told(network, "Order Cancelled", {"order_id": "W-1"}, buyer, trust=event_pb2.TRUST_PUBLIC))

    (order,) = await orders(network, "W-2")
    assert (order.order_id, order.state) == (placed.order_id, order_pb2.Order.STATE_CANCELLED)
    assert not order.HasField("attribution")
    with pytest.raises(FailedPrecondition):
        await network.pay(placed)
    assert await network.rows("SELECT FROM order_rejection") == []


async def test_what_cannot_be_an_order_is_kept_with_its_reason_and_stops_nobody(network: Network):
    buyer = str(new_id())
    broken = {**COMPLETED, "order_id": "W-2", "products": [{"product_id": "tea", "price": 19.999}]}
    other = {**COMPLETED, "products": [{"product_id": "tea", "price": 1}], "discount": 0}

    await network.tell(
        told(network, "Order Completed", broken, buyer),
        told(network, "Order Completed", ["no object"], buyer),
        told(network, "Order Completed", COMPLETED, buyer),
        told(network, "Order Completed", other, buyer),
    )

    rows = await network.rows("SELECT reason, detail, order_number FROM order_rejection")
    assert {(row["reason"], row["order_number"]) for row in rows} == {
        ("ORDER_INVALID", "W-2"),
        ("ORDER_INVALID", ""),
        ("ORDER_NUMBER_REUSED", "W-1"),
    }
    assert "products[0].price must have at most 2 decimal places in CNY" in {row["detail"] for row in rows}
    assert len(await orders(network)) == 1
    assert await network.rows("SELECT FROM dead_letter") == []


async def test_a_key_that_stands_in_a_browser_makes_no_orders(network: Network):
    await network.tell(told(network, "Order Completed", COMPLETED, str(new_id()), trust=event_pb2.TRUST_PUBLIC))

    assert await orders(network) == []


def from_channel(buyer: str, kind: Kind, callback: Callback):
    """The events of a channel's callback, as profile would pass them on."""
    for each in channels.told(kind, callback).heard:
        event = convert.event_of(channels.channel_of(kind), each, channels.NOON)
        yield an_event(
            buyer, name=event.name, properties=event.properties, timestamp=event.original_time,
            source_id=event.source_id, message_id=event.message_id,
        )  # fmt: skip


async def test_a_receipt_is_an_order_and_what_comes_back_is_given_back_to_the_fen(network: Network):
    buyer = str(new_id())

    for record in (channels.SALE, channels.REFUND, channels.REFUND):
        await network.tell(*from_channel(buyer, Kind.POS, channels.export(record)))

    (order,) = await orders(network, "S17-2-000042")
    assert (order.net_minor, order.refunded_minor) == (6_000, 1_950)
    assert order.source == f"segment:{channels.CHANNEL.channel_id}"


async def test_a_refund_of_a_part_of_a_trade_leaves_the_rest_of_it(network: Network):
    buyer = str(new_id())

    for callback in (channels.taobao(channels.TAOBAO_TRADE), channels.export(channels.TAOBAO_REFUNDED)):
        await network.tell(*from_channel(buyer, Kind.TAOBAO, callback))

    (order,) = await orders(network, "192345")
    assert (order.state, order.net_minor, order.refunded_minor) == (order_pb2.Order.STATE_PAID, 3_800, 550)
