"""What campaigns do about facts of others."""

from collections.abc import Sequence

from bowen.distribution.v1.events_pb2 import OrderPaid, OrderRefunded
from bowen.profile.v1.events_pb2 import EventRecorded
from bowen.tagging.v1.events_pb2 import SegmentEntered

from chassis.consumer import Delivery
from chassis.db import Tx
from services.incentive.campaigns import convert, operations
from services.incentive.campaigns.domain import Kind


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
    """Reward what people do."""
    occasions = [occasion for item in batch if (occasion := convert.occasion_of_event(item.event, item.now))]
    if occasions:
        await operations.reward(tx, Kind.EVENT, occasions)


async def on_segment_entered(tx: Tx, batch: Sequence[Delivery[SegmentEntered]]) -> None:
    """Reward what people become."""
    occasions = [convert.occasion_of_entry(item.event, item.now) for item in batch]
    await operations.reward(tx, Kind.SEGMENT, occasions)


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """Reward what people buy."""
    occasions = [occasion for item in batch if (occasion := convert.occasion_of_order(item.event, item.now))]
    if occasions:
        await operations.reward(tx, Kind.ORDER, occasions)


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Take back what people did not keep buying."""
    refunds = [convert.refund_from_proto(item.event, item.now) for item in batch]
    await operations.refund(tx, refunds)
