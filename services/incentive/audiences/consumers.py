"""What audiences do about facts of tagging."""

from collections.abc import Sequence

from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft

from chassis.consumer import Delivery
from chassis.db import Tx
from services.incentive.audiences import convert, store


async def on_segment_entered(tx: Tx, batch: Sequence[Delivery[SegmentEntered]]) -> None:
    """Count people in."""
    await store.save_turns(tx, [convert.turn_of_entered(delivery.event) for delivery in batch])


async def on_segment_left(tx: Tx, batch: Sequence[Delivery[SegmentLeft]]) -> None:
    """Count people out."""
    await store.save_turns(tx, [convert.turn_of_left(delivery.event) for delivery in batch])
