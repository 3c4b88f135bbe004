"""What subjects learn from others."""

from collections.abc import Sequence
from uuid import UUID

from bowen.profile.v1 import events_pb2

from chassis.consumer import Delivery
from chassis.db import Tx
from logic.redirects import Edge
from services.distribution.subjects import store


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[events_pb2.ProfileMerged]]) -> list[UUID]:
    """Redirect the losers, whatever the order in which merges arrive. Returns all ids of the people concerned."""
    await store.hold_merges(tx)
    for item in batch:
        await store.merge(tx, Edge(item.event.merge_id, item.event.loser_id, item.event.survivor_id))
    return await store.everybody(tx, {each for item in batch for each in (item.event.loser_id, item.event.survivor_id)})


async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[events_pb2.ProfileUnmerged]]) -> list[UUID]:
    """Let people who are two again stand for themselves, with all that was told of their ids.

    Returns all ids of the people concerned.
    """
    await store.hold_merges(tx)
    for item in batch:
        edge = Edge(item.event.merge_id, item.event.restored_id, item.event.survivor_id)
        await store.unmerge(tx, edge, item.event.restored_from_ids)
    people = {each for item in batch for each in (item.event.restored_id, item.event.survivor_id)}
    return await store.everybody(tx, people | {each for item in batch for each in item.event.restored_from_ids})
