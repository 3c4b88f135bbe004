"""What subjects learn from others."""

from collections.abc import Sequence
from uuid import UUID

from bowen.profile.v1 import events_pb2

from chassis.consumer import Delivery
from chassis.db import Tx
from services.distribution.subjects import store


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[events_pb2.ProfileMerged]]) -> None:
    """Redirect the losers, whatever the order in which merges arrive."""
    merges = [(UUID(item.event.loser_id), UUID(item.event.survivor_id)) for item in batch]
    await store.merge(tx, merges)
