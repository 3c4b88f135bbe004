"""What tagging tells others about people."""

from collections.abc import Sequence

from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft, TagAdded, TagRemoved
from google.protobuf.message import Message

from chassis import outbox
from chassis.db import Tx
from chassis.outbox import Fact
from chassis.stamps import stamp
from services.tagging.tags.convert import origin_of
from services.tagging.tags.domain import StayChange, TagChange


async def judged(tx: Tx, changes: Sequence[TagChange | StayChange]) -> None:
    """Tell of tags and stays that began and ended, in order."""
    await outbox.append(tx, [Fact(_message(change), change.time) for change in changes])


def _message(change: TagChange | StayChange) -> Message:
    return _tag_message(change) if isinstance(change, TagChange) else _stay_message(change)


def _tag_message(change: TagChange) -> Message:
    if change.added:
        return TagAdded(
            profile_id=change.profile_id,
            tag_id=change.tag_id,
            key=change.key,
            origin=origin_of(change.rule_id),
            rule_id=change.rule_id,
            add_time=stamp(change.time),
        )
    return TagRemoved(
        profile_id=change.profile_id, tag_id=change.tag_id, key=change.key, remove_time=stamp(change.time)
    )


def _stay_message(change: StayChange) -> Message:
    if change.entered:
        return SegmentEntered(
            entry_id=change.entry_id,
            segment_id=change.segment_id,
            profile_id=change.profile_id,
            enter_time=stamp(change.time),
        )
    return SegmentLeft(
        entry_id=change.entry_id,
        segment_id=change.segment_id,
        profile_id=change.profile_id,
        leave_time=stamp(change.time),
        enter_time=stamp(change.enter_time),
    )
