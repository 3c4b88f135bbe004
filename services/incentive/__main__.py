"""The incentive service: `python -m services.incentive [serve|migrate|dead-letters|replay EVENT_ID]`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from bowen.distribution.v1.events_pb2 import OrderDelivered, OrderPaid, OrderRefunded, TouchRecorded
from bowen.incentive.v1.audit_service_pb2_grpc import add_AuditServiceServicer_to_server
from bowen.incentive.v1.budget_service_pb2_grpc import add_BudgetServiceServicer_to_server
from bowen.incentive.v1.campaign_service_pb2_grpc import add_CampaignServiceServicer_to_server
from bowen.incentive.v1.coupon_batch_service_pb2_grpc import add_CouponBatchServiceServicer_to_server
from bowen.incentive.v1.coupon_order_service_pb2_grpc import add_CouponOrderServiceServicer_to_server
from bowen.incentive.v1.coupon_service_pb2_grpc import add_CouponServiceServicer_to_server
from bowen.incentive.v1.events_pb2 import MissionCompleted, PacketReturned, RewardGranted, RewardReversed
from bowen.incentive.v1.hold_service_pb2_grpc import add_HoldServiceServicer_to_server
from bowen.incentive.v1.ledger_service_pb2_grpc import add_LedgerServiceServicer_to_server
from bowen.incentive.v1.mission_service_pb2_grpc import add_MissionServiceServicer_to_server
from bowen.incentive.v1.packet_service_pb2_grpc import add_PacketServiceServicer_to_server
from bowen.incentive.v1.pot_service_pb2_grpc import add_PotServiceServicer_to_server
from bowen.incentive.v1.programme_service_pb2_grpc import add_ProgrammeServiceServicer_to_server
from bowen.incentive.v1.team_service_pb2_grpc import add_TeamServiceServicer_to_server
from bowen.incentive.v1.tier_service_pb2_grpc import add_TierServiceServicer_to_server
from bowen.profile.v1.events_pb2 import (
    EventRecorded,
    PersonalDataRequested,
    ProfileErased,
    ProfileMerged,
    ProfileUnmerged,
)
from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft

from chassis.command import command
from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.process import Process
from services.incentive.audiences import consumers as audiences
from services.incentive.audits.servicer import AuditServicer
from services.incentive.budgets.servicer import BudgetServicer
from services.incentive.campaigns import consumers as campaigns
from services.incentive.campaigns.servicer import CampaignServicer
from services.incentive.coupons import consumers as coupons
from services.incentive.coupons.servicer import CouponBatchServicer, CouponOrderServicer, CouponServicer
from services.incentive.holds import consumers as holding
from services.incentive.holds.servicer import HoldServicer
from services.incentive.ledger import consumers as ledger
from services.incentive.ledger.servicer import LedgerServicer, ProgrammeServicer
from services.incentive.missions import consumers as missions
from services.incentive.missions.servicer import MissionServicer
from services.incentive.packets.clients import Sender, payout_of
from services.incentive.packets.servicer import PacketServicer
from services.incentive.pots import consumers as pots
from services.incentive.pots.servicer import PotServicer
from services.incentive.privacy.consumers import of_the_living, on_personal_data_requested, on_profile_erased
from services.incentive.settings import Settings
from services.incentive.teams.servicer import TeamServicer
from services.incentive.tiers import consumers as tiers
from services.incentive.tiers.servicer import TierServicer

MIGRATIONS = Path(__file__).parent / "migrations"

BUDGETS_TEND_SECONDS = 1.0
BUDGETS_LOOK_SECONDS = 2.0
DAYS_SEAL_SECONDS = 60.0
LEDGER_PROVE_SECONDS = 60.0
TRANSFERS_PUBLISH_SECONDS = 1.0
HOLDS_EXPIRE_SECONDS = 1.0
PACKETS_SEND_SECONDS = 1.0
LOTS_SETTLE_SECONDS = 5.0
POTS_PAY_SECONDS = 1.0
TIERS_EXPIRE_SECONDS = 5.0
TOUCHES_FORGET_SECONDS = 3600.0
CODES_MAKE_SECONDS = 1.0
TEAMS_EXPIRE_SECONDS = 1.0
COUPONS_END_SECONDS = 5.0


async def assemble(process: Process[Settings]) -> None:
    """Put the service together."""
    db, clock = process.db, process.clock
    servicer = LedgerServicer(db, clock)
    process.resources.push_async_callback(servicer.close)
    process.server.add(add_LedgerServiceServicer_to_server, servicer)
    budgets = BudgetServicer(db, clock)
    process.resources.push_async_callback(budgets.close)
    process.server.add(add_BudgetServiceServicer_to_server, budgets)
    process.every(BUDGETS_TEND_SECONDS, "tend budgets", budgets.tend)
    process.every(BUDGETS_LOOK_SECONDS, "look at budgets", budgets.look)
    programmes = ProgrammeServicer(db, clock)
    process.server.add(add_ProgrammeServiceServicer_to_server, programmes)
    process.every(LOTS_SETTLE_SECONDS, "settle lots", programmes.settle)
    campaign_servicer = CampaignServicer(db, clock)
    process.server.add(add_CampaignServiceServicer_to_server, campaign_servicer)
    process.every(TOUCHES_FORGET_SECONDS, "forget old touches", campaign_servicer.forget_touches)
    coupon_servicer = CouponServicer(db, clock)
    process.resources.push_async_callback(coupon_servicer.close)
    process.server.add(add_CouponServiceServicer_to_server, coupon_servicer)
    process.every(COUPONS_END_SECONDS, "end revoked coupons", coupon_servicer.end_revoked)
    process.server.add(add_MissionServiceServicer_to_server, MissionServicer(db, clock))
    process.server.add(add_CouponOrderServiceServicer_to_server, CouponOrderServicer(db, clock))
    batches = CouponBatchServicer(db, clock)
    process.server.add(add_CouponBatchServiceServicer_to_server, batches)
    process.every(CODES_MAKE_SECONDS, "make coupon codes", batches.make)
    holds = HoldServicer(db, clock)
    process.server.add(add_HoldServiceServicer_to_server, holds)
    process.every(HOLDS_EXPIRE_SECONDS, "expire holds", holds.expire)
    settings = process.settings
    audits = AuditServicer(db, clock, time_zone=settings.audit_time_zone)
    process.server.add(add_AuditServiceServicer_to_server, audits)
    process.every(DAYS_SEAL_SECONDS, "seal past days", audits.seal)
    process.every(LEDGER_PROVE_SECONDS, "prove the ledger", audits.prove)
    if settings.publish_transfers:
        process.every(TRANSFERS_PUBLISH_SECONDS, "publish transfers", audits.publish)
    payout = payout_of(settings.payout, clock=clock, book=settings.payout_book, seed=settings.payout_seed)
    sender = Sender(db, clock, payout)
    process.server.add(add_PacketServiceServicer_to_server, PacketServicer(db, clock, sender))
    process.every(PACKETS_SEND_SECONDS, "send packets", sender.tend)
    pot_servicer = PotServicer(db, clock)
    process.server.add(add_PotServiceServicer_to_server, pot_servicer)
    process.every(POTS_PAY_SECONDS, "pay pots", pot_servicer.pay)
    teams = TeamServicer(db, clock)
    process.server.add(add_TeamServiceServicer_to_server, teams)
    process.every(TEAMS_EXPIRE_SECONDS, "expire teams", teams.expire)

    async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
        await holding.on_profile_unmerged(tx, batch)
        await tiers.on_profile_unmerged(tx, batch)

    consumer = process.consumer()
    consumer.on(ProfileErased, on_profile_erased)
    consumer.on(PersonalDataRequested, on_personal_data_requested)
    consumer.on(ProfileMerged, ledger.on_profile_merged)
    consumer.on(ProfileUnmerged, on_profile_unmerged)
    consumer.on(EventRecorded, of_the_living(campaigns.on_event_recorded))
    consumer.on(SegmentEntered, of_the_living(campaigns.on_segment_entered))
    consumer.on(OrderPaid, of_the_living(campaigns.on_order_paid))
    consumer.on(OrderDelivered, campaigns.on_order_delivered)
    consumer.on(OrderRefunded, campaigns.on_order_refunded)
    consumer.on(TouchRecorded, campaigns.on_touch_recorded)
    consumer.on(PacketReturned, campaigns.on_packet_returned)

    listener = process.consumer("incentive-audiences")
    listener.on(SegmentEntered, of_the_living(audiences.on_segment_entered))
    listener.on(SegmentLeft, audiences.on_segment_left)

    tills = process.consumer("incentive-coupons")
    tills.on(OrderPaid, coupons.on_order_paid)
    tills.on(OrderDelivered, coupons.on_order_delivered)
    tills.on(OrderRefunded, coupons.on_order_refunded)

    scorer = process.consumer("incentive-pots")
    scorer.on(EventRecorded, of_the_living(pots.on_event_recorded))
    scorer.on(OrderPaid, of_the_living(pots.on_order_paid))
    scorer.on(OrderRefunded, pots.on_order_refunded)

    tier_servicer = TierServicer(db, clock)
    process.server.add(add_TierServiceServicer_to_server, tier_servicer)
    process.every(TIERS_EXPIRE_SECONDS, "expire tiers", tier_servicer.evaluate_due)

    counter = process.consumer("incentive-missions")
    counter.on(EventRecorded, of_the_living(missions.on_event_recorded))
    counter.on(OrderPaid, of_the_living(missions.on_order_paid))
    counter.on(OrderRefunded, missions.on_order_refunded)
    counter.on(RewardGranted, of_the_living(missions.on_reward_granted))
    counter.on(RewardReversed, missions.on_reward_reversed)

    judge = process.consumer("incentive-tiers")
    judge.on(OrderPaid, of_the_living(tiers.on_order_paid))
    judge.on(OrderRefunded, tiers.on_order_refunded)
    judge.on(RewardGranted, tiers.on_reward_granted)
    judge.on(MissionCompleted, tiers.on_mission_completed)


def main() -> int:
    """Run the command that the command line names."""
    return command("incentive", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
