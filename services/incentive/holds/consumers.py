"""What holds do about facts of others."""

from collections.abc import Sequence

from bowen.profile.v1.events_pb2 import ProfileUnmerged

from chassis.consumer import Delivery
from chassis.db import Tx
from logic.redirects import Edge
from services.incentive.holds import operations


async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
    """Give people who are two again what is left of theirs, and what they have set aside."""
    for delivery in batch:
        undone = delivery.event
        edge = Edge(undone.merge_id, undone.restored_id, undone.survivor_id)
        await operations.part(tx, edge, undone.restored_from_ids, delivery.now)
