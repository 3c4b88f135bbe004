"""What pots do about facts of others."""

from collections.abc import Sequence
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderPaid, OrderReassigned, OrderRefunded
from bowen.profile.v1.events_pb2 import EventReassigned, EventRecorded

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.incentive.pots import convert, operations, store


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
    """Have what people do score."""
    points = [point for item in batch if (point := convert.point_of_event(item.event))]
    if points:
        await operations.score_events(tx, points)


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """Have what people buy score."""
    points = [points for item in batch if (points := convert.points_of_payment(item.event))]
    if points:
        await operations.score_orders(tx, points)


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Have what people did not keep score no more, and take away what was won with it."""
    points = [points for item in batch if (points := convert.points_of_refund(item.event))]
    if points:
        await operations.refund_orders(tx, points, batch[-1].now)


async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[EventReassigned]]) -> None:
    """Have events score for who they turned out to be of, the latest telling holding."""
    told = sorted((item.event for item in batch), key=lambda event: moment(event.reassign_time))
    owners = {UUID(event.event_id): event.profile_id for event in told}
    await store.give_points(tx, owners)


async def on_order_reassigned(tx: Tx, batch: Sequence[Delivery[OrderReassigned]]) -> None:
    """Have orders score for who they turned out to be of, the latest telling holding."""
    told = sorted((item.event for item in batch), key=lambda event: moment(event.reassign_time))
    owners = {UUID(event.order_id): event.profile_id for event in told}
    await store.give_points(tx, owners)
