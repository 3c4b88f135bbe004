"""What tagging tells of segments, as turns."""

from uuid import UUID

from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft
from bowen.tagging.v1.segment_pb2 import SegmentEntry

from chassis.stamps import moment
from services.incentive.audiences.domain import Turn


def turn_of_entered(event: SegmentEntered) -> Turn:
    """Somebody entered."""
    return Turn(UUID(event.segment_id), event.profile_id, UUID(event.entry_id), enter_time=moment(event.enter_time))


def turn_of_left(event: SegmentLeft) -> Turn:
    """Somebody left."""
    began = moment(event.enter_time) if event.HasField("enter_time") else None
    return Turn(UUID(event.segment_id), event.profile_id, UUID(event.entry_id), began, moment(event.leave_time))


def turn_of_entry(segment_id: UUID, entry: SegmentEntry) -> Turn:
    """Somebody is there."""
    return Turn(segment_id, entry.profile_id, UUID(entry.entry_id), enter_time=moment(entry.enter_time))
