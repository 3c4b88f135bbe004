"""What missions do about facts of others."""

from collections.abc import Sequence
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderPaid, OrderReassigned, OrderRefunded
from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed
from bowen.profile.v1.events_pb2 import EventReassigned, EventRecorded

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.incentive.missions import convert, operations


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
    """Count what people do."""
    deeds = [deed for item in batch if (deed := convert.deed_of_event(item.event))]
    if deeds:
        await operations.count(tx, deeds, now=batch[0].now)


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """Count what people buy."""
    await _count_orders(tx, batch)


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Count what people do not keep no longer. A refund tells the whole order: it may come before the payment."""
    await _count_orders(tx, batch)


async def _count_orders(tx: Tx, batch: Sequence[Delivery[OrderPaid]] | Sequence[Delivery[OrderRefunded]]) -> None:
    found = (convert.purchase_of_order(item.event.order, item.event.profile_id) for item in batch)
    if purchases := [purchase for purchase in found if purchase]:
        await operations.count(tx, purchases, now=batch[0].now)


async def on_reward_granted(tx: Tx, batch: Sequence[Delivery[RewardGranted]]) -> None:
    """Count what campaigns give of missions."""
    if pushes := [convert.push_of_grant(item.event) for item in batch if item.event.mission_id]:
        await operations.push(tx, pushes, now=batch[0].now)


async def on_reward_reversed(tx: Tx, batch: Sequence[Delivery[RewardReversed]]) -> None:
    """Count what campaigns take back no longer. That may be told before the grant."""
    if pushes := [convert.push_of_reversal(item.event) for item in batch if item.event.mission_id]:
        await operations.push(tx, pushes, now=batch[0].now)


async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[EventReassigned]]) -> None:
    """Have events count for who they turned out to be of, the latest telling holding."""
    told = sorted((item.event for item in batch), key=lambda event: moment(event.reassign_time))
    owners = {UUID(event.event_id): event.profile_id for event in told}
    await operations.give(tx, owners, now=batch[0].now)


async def on_order_reassigned(tx: Tx, batch: Sequence[Delivery[OrderReassigned]]) -> None:
    """Have orders count for who they turned out to be of, the latest telling holding."""
    told = sorted((item.event for item in batch), key=lambda event: moment(event.reassign_time))
    owners = {UUID(event.order_id): event.profile_id for event in told}
    await operations.give(tx, owners, now=batch[0].now)
