"""What is told of one order in two transactions at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from bowen.distribution.v1 import commission_pb2, order_pb2

from chassis.consumer import Delivery
from chassis.db import Tx, driver
from chassis.ids import new_id
from services.distribution.commission import operations as commission
from services.distribution.orders.consumers import OrderEvents
from services.distribution.orders.operations import Terms
from tests.service.distribution.network import HOUR, Network, a_merge
from tests.service.distribution.test_order_events import COMPLETED, orders, told
from tests.waiting import eventually

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def take_in(tx: Tx, network: Network, event: Any) -> None:
    """What a replica does about an event, in a transaction that the test ends."""
    handler = OrderEvents(Terms(timedelta(days=30), commission.follow))
    await handler.on_event_recorded(tx, [Delivery(new_id(), event, network.now(), network.now())])


async def while_held(
    network: Network, hold: Callable[[Tx], Awaitable[Any]], other: Callable[[], Awaitable[Any]], then: Any = None
) -> Any:
    """Begin `other` in a transaction's presence, do `then` once both have met, and end the transaction."""
    others: list[asyncio.Future[Any]] = []

    async def met() -> bool:
        return others[0].done() or bool(await network.rows(WAITING))

    async def work(tx: Tx) -> None:
        await hold(tx)
        others.append(asyncio.ensure_future(other()))
        await eventually(met)
        if then:
            await then()

    await network.db.transact(work)
    return await others[0]


@pytest.mark.parametrize("names", [("Order Refunded", "Order Completed"), ("Order Completed", "Order Refunded")])
async def test_a_refund_told_at_the_same_moment_as_its_order_takes_effect(network: Network, names: tuple[str, str]):
    buyer = str(new_id())
    properties = {"Order Refunded": {"order_id": "W-1"}, "Order Completed": COMPLETED}
    first, second = (told(network, name, properties[name], buyer) for name in names)

    await while_held(
        network,
        lambda tx: take_in(tx, network, first),
        lambda: network.db.transact(lambda tx: take_in(tx, network, second)),
    )

    (order,) = await orders(network)
    assert order.state == order_pb2.Order.STATE_REFUNDED
    assert await network.rows("SELECT FROM order_rejection") == []


async def test_an_order_told_again_while_its_buyer_is_merged_is_the_same_order(network: Network):
    loser, survivor = str(new_id()), str(new_id())
    event = told(network, "Order Completed", COMPLETED, loser)
    await network.tell(event)

    merging = Merging(network, loser, survivor)
    await while_held(
        network, hold_orders, lambda: network.db.transact(lambda tx: take_in(tx, network, event)), merging.begin
    )
    await merging.task

    assert [dict(row) for row in await network.rows("SELECT reason FROM order_rejection")] == []


async def test_nobody_earns_on_an_order_that_proves_to_be_their_own_while_it_is_paid(network: Network):
    await network.a_plan(guide=500, start_time=network.now() - HOUR)
    order = await network.imported(network.a_row())
    seller = await network.a_partner(profile_id=str(new_id()))
    await network.touch(await network.a_link(seller), profile_id=order.profile_id)

    merging = Merging(network, order.profile_id, seller.profile_id)
    await while_held(network, hold_orders, lambda: network.pay(order), merging.begin)
    await merging.task

    assert (await network.order(order.order_id)).attribution.void_reason == "SELF_PURCHASE"
    assert {item.state for item in await network.commissions_of(order)} == {commission_pb2.Commission.STATE_VOIDED}


class Merging:
    """A merge that is told, and has to wait for payments that are under way."""

    def __init__(self, network: Network, loser_id: str, survivor_id: str) -> None:
        self._network, self._merge = network, a_merge(loser_id, survivor_id)

    async def begin(self) -> None:
        self.task = asyncio.ensure_future(self._network.tell(self._merge))


async def hold_orders(tx: Tx) -> None:
    await (await driver(tx)).execute("SELECT FROM orders FOR UPDATE")
