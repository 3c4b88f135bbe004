"""What incentive hears of others: one durable consumer per capability, so that none waits for another."""

from collections.abc import Mapping, Sequence
from typing import Any

from bowen.distribution.v1.events_pb2 import (
    OrderDelivered,
    OrderPaid,
    OrderReassigned,
    OrderRefunded,
    TouchRecorded,
    TouchRestored,
    TouchVoided,
)
from bowen.incentive.v1.events_pb2 import CouponIssued, MissionCompleted, PacketReturned, RewardGranted, RewardReversed
from bowen.profile.v1.events_pb2 import (
    EventReassigned,
    EventRecorded,
    PersonalDataRequested,
    ProcessingChanged,
    ProfileErased,
    ProfileMerged,
    ProfileUnmerged,
)
from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.process import Process
from people.privacy import Handler, of_the_living
from people.restrictions import on_processing_changed
from services.incentive.audiences import consumers as audiences
from services.incentive.campaigns import consumers as campaigns
from services.incentive.coupons import consumers as coupons
from services.incentive.flags import consumers as flags
from services.incentive.holds import consumers as holds
from services.incentive.ledger import consumers as ledger
from services.incentive.missions import consumers as missions
from services.incentive.pots import consumers as pots
from services.incentive.privacy.consumers import on_personal_data_requested, on_profile_erased
from services.incentive.settings import Settings
from services.incentive.teams import consumers as teams
from services.incentive.tiers import consumers as tiers


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[ProfileMerged]]) -> None:
    """Value moves, then what one person should not have of it is flagged."""
    await ledger.on_profile_merged(tx, batch)
    await flags.on_profile_merged(tx, batch)


async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
    """Value goes back first, then levels, which are judged by it; flags come last of all rows."""
    await holds.on_profile_unmerged(tx, batch)
    await tiers.on_profile_unmerged(tx, batch)
    await flags.on_profile_unmerged(tx, batch)


CONSUMERS: Mapping[str, Mapping[type[Any], Handler | tuple[Handler, ...]]] = {
    "": {
        ProfileErased: on_profile_erased,
        PersonalDataRequested: on_personal_data_requested,
        ProcessingChanged: of_the_living(on_processing_changed),
        ProfileMerged: on_profile_merged,
        ProfileUnmerged: on_profile_unmerged,
        EventRecorded: of_the_living(campaigns.on_event_recorded),
        SegmentEntered: of_the_living(campaigns.on_segment_entered),
        OrderPaid: of_the_living(campaigns.on_order_paid),
        OrderDelivered: campaigns.on_order_delivered,
        OrderRefunded: (campaigns.on_order_refunded, of_the_living(campaigns.on_refund_answered)),
        TouchRecorded: campaigns.on_touch_recorded,
        PacketReturned: campaigns.on_packet_returned,
    },
    "incentive-flags": {
        EventReassigned: of_the_living(flags.on_event_reassigned),
        OrderReassigned: of_the_living(flags.on_order_reassigned),
        TouchVoided: flags.on_touch_voided,
        TouchRestored: flags.on_touch_restored,
        RewardGranted: of_the_living(flags.on_reward_changed),
        RewardReversed: of_the_living(flags.on_reward_changed),
        CouponIssued: of_the_living(flags.on_reward_changed),
    },
    "incentive-audiences": {
        SegmentEntered: of_the_living(audiences.on_segment_entered),
        SegmentLeft: of_the_living(audiences.on_segment_left),
    },
    "incentive-coupons": {
        OrderPaid: coupons.on_order_paid,
        OrderDelivered: coupons.on_order_delivered,
        OrderRefunded: coupons.on_order_refunded,
    },
    "incentive-pots": {
        EventRecorded: of_the_living(pots.on_event_recorded),
        EventReassigned: of_the_living(pots.on_event_reassigned),
        OrderReassigned: of_the_living(pots.on_order_reassigned),
        OrderPaid: of_the_living(pots.on_order_paid),
        OrderRefunded: pots.on_order_refunded,
    },
    "incentive-teams": {OrderRefunded: teams.on_order_refunded},
    "incentive-missions": {
        EventRecorded: of_the_living(missions.on_event_recorded),
        EventReassigned: of_the_living(missions.on_event_reassigned),
        OrderReassigned: of_the_living(missions.on_order_reassigned),
        OrderPaid: of_the_living(missions.on_order_paid),
        OrderRefunded: of_the_living(missions.on_order_refunded),
        RewardGranted: of_the_living(missions.on_reward_granted),
        RewardReversed: missions.on_reward_reversed,
    },
    "incentive-tiers": {
        OrderPaid: of_the_living(tiers.on_order_paid),
        OrderReassigned: of_the_living(tiers.on_order_reassigned),
        OrderRefunded: of_the_living(tiers.on_order_refunded),
        RewardGranted: of_the_living(tiers.on_reward_granted),
        MissionCompleted: of_the_living(tiers.on_mission_completed),
    },
}
"""Handlers by the consumer's name, which is the service's own where it is empty. Of several the next is called after
the one before, each in a transaction of its own."""


def listen(process: Process[Settings]) -> None:
    """Have every consumer hear what it is for."""
    for name, handlers in CONSUMERS.items():
        consumer = process.consumer(name)
        for message_class, each in handlers.items():
            consumer.on(message_class, *(each if isinstance(each, tuple) else (each,)))
