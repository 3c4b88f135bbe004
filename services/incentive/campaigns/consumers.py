"""What campaigns do about facts of others.

The switch is held first: whoever held something else while waiting for it could wait for one who waits for them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderDelivered, OrderPaid, OrderRefunded, TouchRecorded
from bowen.incentive.v1.events_pb2 import PacketReturned
from bowen.profile.v1.events_pb2 import EventRecorded
from bowen.tagging.v1.events_pb2 import SegmentEntered

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from people.erasures import hold_erasures
from services.incentive.campaigns import store
from services.incentive.campaigns.convert import facts
from services.incentive.campaigns.domain import Kind, Occasion, PaidOrder
from services.incentive.campaigns.operations import granted, inviting, returning, rewarding

T = TypeVar("T")


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
    """Reward what people do. Those who register are given their inviter first."""
    await store.hold_switch(tx)
    signups = _known(facts.signup_of_event, batch)
    if signups:
        await inviting.register(tx, signups)
    await _reward(tx, Kind.EVENT, _known(facts.occasion_of_event, batch))


async def on_segment_entered(tx: Tx, batch: Sequence[Delivery[SegmentEntered]]) -> None:
    """Reward what people become."""
    await _reward(tx, Kind.SEGMENT, [facts.occasion_of_entry(item) for item in batch])


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """Reward what people buy."""
    await store.hold_switch(tx)
    occasions = _known(facts.occasion_of_paid, batch)
    paid = {item.event.order_id: item.event for item in batch if item.event.profile_id}
    await rewarding.pay(tx, [_paid(event) for event in paid.values()], occasions)


def _paid(event: OrderPaid) -> PaidOrder:
    return PaidOrder(UUID(event.order_id), event.profile_id, event.order.net_minor, moment(event.pay_time))


async def on_order_delivered(tx: Tx, batch: Sequence[Delivery[OrderDelivered]]) -> None:
    """Give what was promised for the delivery, and reward what people have in their hands."""
    await hold_erasures(tx)
    await store.hold_switch(tx)
    deliveries = {UUID(item.event.order_id): moment(item.event.deliver_time) for item in batch}
    promised = await granted.note_delivered(tx, deliveries)
    await _reward(tx, Kind.DELIVERY, _known(facts.occasion_of_delivered, batch))
    await granted.post_delivered(tx, promised, deliveries)  # accounts last: rewards hold budgets before them


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Take back what people did not keep buying."""
    await hold_erasures(tx)
    await store.hold_switch(tx)
    await returning.refund(tx, [facts.refund_from_proto(item) for item in batch])


async def on_refund_answered(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Give what campaigns answer to refunds with.

    In a transaction of its own: what is taken back holds accounts, and what is given begins with budgets.
    """
    await _reward(tx, Kind.REFUND, _known(facts.occasion_of_refunded, batch))


async def on_packet_returned(tx: Tx, batch: Sequence[Delivery[PacketReturned]]) -> None:
    """Return the grants behind packets that did not stay with their people."""
    comebacks = {UUID(item.event.grant_id): facts.comeback_of(item.event) for item in batch if item.event.grant_id}
    if comebacks:
        await returning.return_packets(tx, comebacks)


async def on_touch_recorded(tx: Tx, batch: Sequence[Delivery[TouchRecorded]]) -> None:
    """Remember whose share was followed, and reward those who shared."""
    await hold_erasures(tx)
    await store.save_touches(tx, _known(facts.touch_of, batch))
    await _reward(tx, Kind.CLICK, _known(facts.occasion_of_touch, batch))


async def _reward(tx: Tx, kind: Kind, occasions: Sequence[Occasion]) -> None:
    if occasions:
        await rewarding.reward(tx, kind, occasions)


def _known(read: Callable[[Delivery[Any]], T | None], batch: Iterable[Delivery[Any]]) -> list[T]:
    """What is made of those deliveries that something can be made of."""
    return [made for item in batch if (made := read(item)) is not None]
