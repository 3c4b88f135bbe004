"""What flags hear of others, and of rewards that come and go."""

from collections.abc import Sequence
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderReassigned, TouchRestored, TouchVoided
from bowen.incentive.v1.events_pb2 import CouponIssued, RewardGranted, RewardReversed
from bowen.profile.v1.events_pb2 import EventReassigned, ProfileMerged, ProfileUnmerged

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.incentive.flags import operations

Reward = RewardGranted | RewardReversed | CouponIssued


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[ProfileMerged]]) -> None:
    """Flag what one person got twice, and from themselves. The redirects are there already."""
    people = {each for item in batch for each in (item.event.loser_id, item.event.survivor_id)}
    await operations.look(tx, people, batch[0].now)


async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
    """Clear what two people got once each. The redirects are undone already."""
    people = {each for item in batch for each in (item.event.restored_id, item.event.survivor_id)}
    people |= {each for item in batch for each in item.event.restored_from_ids}
    await operations.look(tx, people, batch[0].now)


async def on_reward_changed(tx: Tx, batch: Sequence[Delivery[Reward]]) -> None:
    """Look at people whose rewards came or went while they were merged."""
    await operations.look_at_merged(tx, {item.event.profile_id for item in batch}, batch[0].now)


async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[EventReassigned]]) -> None:
    """Flag what was given for events that are another person's."""
    owners = [(UUID(e.event_id), e.profile_id, moment(e.reassign_time)) for e in (item.event for item in batch)]
    people = {each for item in batch for each in (item.event.profile_id, item.event.from_profile_id)}
    await operations.assign(tx, owners, people, batch[0].now)


async def on_order_reassigned(tx: Tx, batch: Sequence[Delivery[OrderReassigned]]) -> None:
    """Flag what was given for orders that are another person's."""
    owners = [(UUID(e.order_id), e.profile_id, moment(e.reassign_time)) for e in (item.event for item in batch)]
    people = {each for item in batch for each in (item.event.profile_id, item.event.from_profile_id)}
    await operations.assign(tx, owners, people, batch[0].now)


async def on_touch_voided(tx: Tx, batch: Sequence[Delivery[TouchVoided]]) -> None:
    """Flag what sharers got for their own visits."""
    turned = [(UUID(item.event.touch.touch_id), True, moment(item.event.void_time)) for item in batch]
    sharers = {item.event.sharer_profile_id for item in batch} - {""}
    await operations.turn_touches(tx, turned, sharers, batch[0].now)


async def on_touch_restored(tx: Tx, batch: Sequence[Delivery[TouchRestored]]) -> None:
    """Clear what sharers got for visits that were not their own after all."""
    turned = [(UUID(item.event.touch.touch_id), False, moment(item.event.restore_time)) for item in batch]
    sharers = {item.event.sharer_profile_id for item in batch} - {""}
    await operations.turn_touches(tx, turned, sharers, batch[0].now)
