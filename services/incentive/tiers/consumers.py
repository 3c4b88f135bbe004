"""What tiers do about facts of others, and of campaigns and missions, which let people earn."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderPaid, OrderReassigned, OrderRefunded
from bowen.incentive.v1.events_pb2 import MissionCompleted, RewardGranted
from bowen.profile.v1.events_pb2 import ProfileUnmerged

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.incentive.tiers import convert, operations, store


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """Count what people buy."""
    await _count_orders(tx, [item.event for item in batch], batch[0].now)


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Count what people do not keep no longer. Nobody falls before their time is over."""
    await _count_orders(tx, [item.event for item in batch], batch[0].now)


async def on_order_reassigned(tx: Tx, batch: Sequence[Delivery[OrderReassigned]]) -> None:
    """Count orders for who they turned out to be of, the latest telling holding; nobody falls before it is time."""
    told = sorted((item.event for item in batch), key=lambda event: moment(event.reassign_time))
    owners = {UUID(event.order_id): event.profile_id for event in told}
    await operations.evaluate(tx, await store.give_steps(tx, owners), batch[0].now)


async def _count_orders(tx: Tx, told: Iterable[OrderPaid | OrderRefunded], now: datetime) -> None:
    orders = [(event.order, event.profile_id) for event in told]
    programmes = await store.find_counting(tx, currency_codes={order.currency_code for order, _ in orders} - {""})
    if steps := convert.steps_of(orders, programmes):
        await operations.count(tx, steps, now=now)


async def on_reward_granted(tx: Tx, batch: Sequence[Delivery[RewardGranted]]) -> None:
    """Let those rise who earned."""
    await _earned(tx, [(item.event.asset, item.event.profile_id) for item in batch], batch[0].now)


async def on_mission_completed(tx: Tx, batch: Sequence[Delivery[MissionCompleted]]) -> None:
    """Let those rise who earned."""
    await _earned(tx, [(item.event.asset, item.event.profile_id) for item in batch], batch[0].now)


async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
    """Let people who are two again stand where each stands. Their redirects are undone already."""
    ids = {each for item in batch for each in (item.event.restored_id, item.event.remaining_id)}
    await operations.part(tx, ids, batch[0].now)


async def _earned(tx: Tx, earners: Sequence[tuple[str, str]], now: datetime) -> None:
    programmes = await store.find_counting(tx, assets={asset for asset, _ in earners} - {""})
    members = {
        (programme.programme_id, profile_id)
        for programme in programmes
        for asset, profile_id in earners
        if asset == programme.metric.asset
    }
    await operations.evaluate(tx, members, now)
