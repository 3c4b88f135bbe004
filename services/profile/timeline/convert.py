"""Events of a timeline, as the contract writes them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from bowen.profile.v1 import event_pb2, profile_service_pb2

from chassis.stamps import moment, stamp
from services.profile.timeline.domain import HAPPENING, OWN, Event, Filter, Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_to_proto(event: Event, profile_id: UUID) -> event_pb2.Event:
    """The event, under the id that its person has now."""
    message = event_pb2.Event(
        event_id=str(event.event_id),
        message_id=event.message_id,
        profile_id=str(profile_id),
        type=event_pb2.EventType.ValueType(event.type),
        name=event.name,
        source_id=event.source_id if event.type != HAPPENING else "",
        service=OWN if event.type != HAPPENING else event.source_id,
        properties=event.properties,
        context=event.context,
        timestamp=stamp(event.timestamp),
        original_time=stamp(event.original_time),
        receive_time=stamp(event.receive_time),
    )
    if event.sent_time is not None:
        message.sent_time.FromDatetime(event.sent_time)
    return message


def filter_from_proto(request: profile_service_pb2.ListProfileEventsRequest) -> Filter:
    """Which events are wanted."""
    return Filter(
        request.name,
        moment(request.start_time) if request.HasField("start_time") else None,
        moment(request.end_time) if request.HasField("end_time") else None,
        request.service,
        tuple(request.types),
        request.source_id,
    )


def position_to_key(event: Event) -> list[str | int]:
    """The sort key of a page's last event."""
    return [(event.timestamp - _EPOCH) // _MICROSECOND, str(event.event_id)]


def position_from_key(key: list[str | int]) -> Position:
    """The place that a sort key stands for."""
    return Position(_EPOCH + int(key[0]) * _MICROSECOND, UUID(str(key[1])))
