"""What pots do about facts of others."""

from collections.abc import Sequence

from bowen.profile.v1.events_pb2 import EventRecorded

from chassis.consumer import Delivery
from chassis.db import Tx
from services.incentive.pots import convert, store


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
    """Have what people do score."""
    points = [point for item in batch if (point := convert.point_of_event(item.event))]
    if points:
        await store.score(tx, points)
