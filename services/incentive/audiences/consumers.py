"""What audiences do about facts of tagging."""

from collections.abc import Sequence
from uuid import UUID

from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.incentive.audiences import domain, store
from services.incentive.audiences.domain import Turn


async def on_segment_entered(tx: Tx, batch: Sequence[Delivery[SegmentEntered]]) -> None:
    """Count people in."""
    turns = [
        Turn(UUID(e.segment_id), e.profile_id, UUID(e.entry_id), enter_time=moment(e.enter_time))
        for e in (item.event for item in batch)
    ]
    await store.save_turns(tx, domain.last_turns(turns))


async def on_segment_left(tx: Tx, batch: Sequence[Delivery[SegmentLeft]]) -> None:
    """Count people out."""
    turns = [
        Turn(UUID(e.segment_id), e.profile_id, UUID(e.entry_id), leave_time=moment(e.leave_time))
        for e in (item.event for item in batch)
    ]
    await store.save_turns(tx, domain.last_turns(turns))
