"""What others are told about events."""

from collections.abc import Sequence
from datetime import datetime

from bowen.profile.v1 import event_pb2, events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.profile.timeline.domain import Event


async def event_recorded(tx: Tx, events: Sequence[Event], *, now: datetime) -> None:
    """Tell which events were stored, and whom they are about."""
    await append(tx, [Fact(_event_recorded(event), now, event.event_id) for event in events])


def _event_recorded(event: Event) -> events_pb2.EventRecorded:
    return events_pb2.EventRecorded(
        event_id=str(event.event_id),
        message_id=event.message_id,
        profile_id=str(event.profile_id),
        type=event_pb2.EventType.ValueType(event.type),
        name=event.name,
        source_id=event.source_id,
        trust=event_pb2.Trust.ValueType(event.trust),
        anonymous_id=event.anonymous_id,
        properties=event.properties,
        timestamp=stamp(event.timestamp),
        receive_time=stamp(event.receive_time),
    )
