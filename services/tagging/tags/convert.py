"""Messages of people's tags, from and to what they mean."""

from bowen.profile.v1 import event_pb2
from bowen.profile.v1 import events_pb2 as profile_events
from bowen.tagging.v1 import taxonomy_pb2

from chassis.stamps import moment, stamp
from services.tagging.subjects.domain import NewFact
from services.tagging.tags.domain import BY_HAND, ProfileTag

Origin = taxonomy_pb2.ProfileTag.Origin

_NAMED = frozenset({event_pb2.EVENT_TYPE_TRACK, event_pb2.EVENT_TYPE_PAGE, event_pb2.EVENT_TYPE_SCREEN})


def origin_of(rule_id: str) -> taxonomy_pb2.ProfileTag.Origin.ValueType:
    """What set a tag."""
    return Origin.ORIGIN_MANUAL if rule_id == BY_HAND else Origin.ORIGIN_RULE


def tag_to_proto(tag: ProfileTag) -> taxonomy_pb2.ProfileTag:
    """A tag that a person has."""
    return taxonomy_pb2.ProfileTag(
        tag_id=tag.tag_id,
        key=tag.key,
        origin=origin_of(tag.rule_id),
        rule_id=tag.rule_id,
        operator=tag.operator,
        add_time=stamp(tag.add_time),
        expire_time=stamp(tag.expire_time) if tag.expire_time else None,
    )


def fact_from_event(event: profile_events.EventRecorded | profile_events.EventReassigned) -> NewFact | None:
    """What a person did, if the event says so: it is named."""
    if event.type not in _NAMED or not event.name:
        return None
    time = moment(event.timestamp)
    return NewFact(event.event_id, event.profile_id, event.name, time, event.properties or "{}")
