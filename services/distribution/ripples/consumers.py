"""What ripples learn from others."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.profile.v1 import events_pb2

from chassis.consumer import Delivery
from chassis.db import Tx
from services.distribution.ripples import operations, store
from services.distribution.ripples.convert import VISITOR_ID_LENGTH_MAX


async def on_people_changed(tx: Tx, profile_ids: Sequence[UUID], now: datetime) -> None:
    """Void visits that turned out to be the sharers' own, and restore those that are not after all."""
    await operations.turn_touches(tx, profile_ids, now=now)


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[events_pb2.EventRecorded]]) -> None:
    """Learn which devices are whose, so that visits of a device count as visits of a person."""
    events = (item.event for item in batch if 1 <= len(item.event.anonymous_id) <= VISITOR_ID_LENGTH_MAX)
    await store.learn_visitors(tx, {(UUID(event.profile_id), event.anonymous_id) for event in events})


async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[events_pb2.EventReassigned]]) -> None:
    """Learn whose the device is that told of an event which is another person's than was told."""
    events = (item.event for item in batch if 1 <= len(item.event.anonymous_id) <= VISITOR_ID_LENGTH_MAX)
    await store.learn_visitors(tx, {(UUID(event.profile_id), event.anonymous_id) for event in events})
