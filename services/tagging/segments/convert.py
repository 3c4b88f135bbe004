"""Messages of segments, from and to what they mean."""

from bowen.tagging.v1 import segment_pb2

from chassis.stamps import stamp
from services.tagging.segments.domain import Entry, Member, ProfileSegment, Segment


def segment_to_proto(segment: Segment) -> segment_pb2.Segment:
    """A segment."""
    return segment_pb2.Segment(
        segment_id=segment.segment_id,
        name=segment.name,
        expression=segment.expression,
        member_count=segment.member_count,
        create_time=stamp(segment.create_time),
    )


def member_to_proto(member: Member) -> segment_pb2.SegmentMember:
    """A person in a segment."""
    return segment_pb2.SegmentMember(profile_id=member.profile_id, enter_time=stamp(member.enter_time))


def entry_to_proto(entry: Entry) -> segment_pb2.SegmentEntry:
    """A stay that has not ended."""
    return segment_pb2.SegmentEntry(
        entry_id=entry.entry_id, profile_id=entry.profile_id, enter_time=stamp(entry.enter_time)
    )


def membership_to_proto(membership: ProfileSegment) -> segment_pb2.SegmentMembership:
    """A segment that a person is in."""
    return segment_pb2.SegmentMembership(
        segment_id=membership.segment_id, name=membership.name, enter_time=stamp(membership.enter_time)
    )
