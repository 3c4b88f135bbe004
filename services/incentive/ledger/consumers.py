"""What the ledger does about facts of others."""

from collections.abc import Sequence

from bowen.profile.v1.events_pb2 import ProfileMerged

from chassis.consumer import Delivery
from chassis.db import Tx
from services.incentive.ledger import operations
from services.incentive.subjects import store as subjects


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[ProfileMerged]]) -> None:
    """Move the loser's value to the survivor, and redirect the loser, whatever the order in which merges arrive."""
    await subjects.hold_merges(tx)
    for delivery in batch:
        merged = delivery.event
        survivor_id = await subjects.resolve(tx, merged.survivor_id)
        if survivor_id == merged.loser_id:
            continue
        await operations.merge_accounts(
            tx, loser_id=merged.loser_id, survivor_id=survivor_id, merge_id=merged.merge_id, now=delivery.now
        )
        await subjects.save_merge(tx, loser_id=merged.loser_id, survivor_id=survivor_id, merge_id=merged.merge_id)
