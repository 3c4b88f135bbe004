"""What the ledger does about facts of others."""

from collections.abc import Sequence

from bowen.profile.v1.events_pb2 import ProfileMerged

from chassis.consumer import Delivery
from chassis.db import Tx
from logic.redirects import Edge
from services.incentive.ledger import operations
from services.incentive.subjects import store as subjects


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[ProfileMerged]]) -> None:
    """Move the loser's value to the survivor, and redirect the loser, whatever the order in which merges arrive."""
    await subjects.hold_merges(tx)
    for delivery in batch:
        merged = delivery.event
        edge = Edge(merged.merge_id, merged.loser_id, merged.survivor_id)
        if await subjects.insert_merge(tx, edge):
            await operations.merge_people(tx, edge, now=delivery.now)
