"""What incentive serves, and what it does by itself while it serves."""

from bowen.incentive.v1.audit_service_pb2_grpc import add_AuditServiceServicer_to_server
from bowen.incentive.v1.budget_service_pb2_grpc import add_BudgetServiceServicer_to_server
from bowen.incentive.v1.campaign_service_pb2_grpc import add_CampaignServiceServicer_to_server
from bowen.incentive.v1.coupon_batch_service_pb2_grpc import add_CouponBatchServiceServicer_to_server
from bowen.incentive.v1.coupon_order_service_pb2_grpc import add_CouponOrderServiceServicer_to_server
from bowen.incentive.v1.coupon_service_pb2_grpc import add_CouponServiceServicer_to_server
from bowen.incentive.v1.flag_service_pb2_grpc import add_FlagServiceServicer_to_server
from bowen.incentive.v1.hold_service_pb2_grpc import add_HoldServiceServicer_to_server
from bowen.incentive.v1.ledger_service_pb2_grpc import add_LedgerServiceServicer_to_server
from bowen.incentive.v1.mission_service_pb2_grpc import add_MissionServiceServicer_to_server
from bowen.incentive.v1.packet_service_pb2_grpc import add_PacketServiceServicer_to_server
from bowen.incentive.v1.pot_service_pb2_grpc import add_PotServiceServicer_to_server
from bowen.incentive.v1.programme_service_pb2_grpc import add_ProgrammeServiceServicer_to_server
from bowen.incentive.v1.team_service_pb2_grpc import add_TeamServiceServicer_to_server
from bowen.incentive.v1.tier_service_pb2_grpc import add_TierServiceServicer_to_server

from chassis.process import Process
from people.erasures import erased_among
from services.incentive.audiences.clients import ASK_SECONDS_MAX, Copier
from services.incentive.audits.servicer import AuditServicer
from services.incentive.budgets.servicer import BudgetServicer
from services.incentive.campaigns.servicer import CampaignServicer
from services.incentive.coupons.servicer import CouponBatchServicer, CouponOrderServicer, CouponServicer
from services.incentive.flags.servicer import FlagServicer
from services.incentive.holds.servicer import HoldServicer
from services.incentive.ledger.servicer import LedgerServicer, ProgrammeServicer
from services.incentive.missions.servicer import MissionServicer
from services.incentive.packets.clients import Sender, payout_of
from services.incentive.packets.servicer import PacketServicer
from services.incentive.pots.servicer import PotServicer
from services.incentive.settings import Settings
from services.incentive.teams.servicer import TeamServicer
from services.incentive.tiers.servicer import TierServicer

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
AUDIENCES_COPY_SECONDS = 1.0
WEBHOOKS_CALL_SECONDS = 1.0


def serve(process: Process[Settings]) -> None:
    """Add every servicer, with what it does again and again; those above come last."""
    for add in (_ledger, _audits, _budgets, _payments, _coupons, _goals, _shared, _campaigns):
        add(process)


def _ledger(process: Process[Settings]) -> None:
    ledger, programmes = LedgerServicer(process.db, process.clock), ProgrammeServicer(process.db, process.clock)
    process.resources.push_async_callback(ledger.close)
    process.server.add(add_LedgerServiceServicer_to_server, ledger)
    process.server.add(add_ProgrammeServiceServicer_to_server, programmes)
    process.every(LOTS_SETTLE_SECONDS, "settle lots", programmes.settle)


def _audits(process: Process[Settings]) -> None:
    audits = AuditServicer(process.db, process.clock, time_zone=process.settings.audit_time_zone)
    process.server.add(add_AuditServiceServicer_to_server, audits)
    process.every(DAYS_SEAL_SECONDS, "seal past days", audits.seal)
    process.every(LEDGER_PROVE_SECONDS, "prove the ledger", audits.prove)
    if process.settings.publish_transfers:
        process.every(TRANSFERS_PUBLISH_SECONDS, "publish transfers", audits.publish)


def _budgets(process: Process[Settings]) -> None:
    budgets = BudgetServicer(process.db, process.clock)
    process.resources.push_async_callback(budgets.close)
    process.server.add(add_BudgetServiceServicer_to_server, budgets)
    process.every(BUDGETS_TEND_SECONDS, "tend budgets", budgets.tend)
    process.every(BUDGETS_LOOK_SECONDS, "look at budgets", budgets.look)


def _payments(process: Process[Settings]) -> None:
    """Holds, and cash packets through the deployment's provider."""
    db, clock, settings = process.db, process.clock, process.settings
    holds = HoldServicer(db, clock)
    process.server.add(add_HoldServiceServicer_to_server, holds)
    process.every(HOLDS_EXPIRE_SECONDS, "expire holds", holds.expire)
    payout = payout_of(settings.payout, clock=clock, book=settings.payout_book, seed=settings.payout_seed)
    sender = Sender(db, clock, payout)
    process.server.add(add_PacketServiceServicer_to_server, PacketServicer(db, clock, sender))
    process.every(PACKETS_SEND_SECONDS, "send packets", sender.tend)


def _coupons(process: Process[Settings]) -> None:
    db, clock = process.db, process.clock
    coupons, batches = CouponServicer(db, clock), CouponBatchServicer(db, clock)
    process.resources.push_async_callback(coupons.close)
    process.server.add(add_CouponServiceServicer_to_server, coupons)
    process.server.add(add_CouponOrderServiceServicer_to_server, CouponOrderServicer(db, clock))
    process.server.add(add_CouponBatchServiceServicer_to_server, batches)
    process.every(COUPONS_END_SECONDS, "end revoked coupons", coupons.end_revoked)
    process.every(CODES_MAKE_SECONDS, "make coupon codes", batches.make)


def _goals(process: Process[Settings]) -> None:
    """Missions and tiers."""
    tiers = TierServicer(process.db, process.clock)
    process.server.add(add_TierServiceServicer_to_server, tiers)
    process.every(TIERS_EXPIRE_SECONDS, "expire tiers", tiers.evaluate_due)
    process.server.add(add_MissionServiceServicer_to_server, MissionServicer(process.db, process.clock))


def _shared(process: Process[Settings]) -> None:
    """Pots and teams."""
    pots, teams = PotServicer(process.db, process.clock), TeamServicer(process.db, process.clock)
    process.server.add(add_PotServiceServicer_to_server, pots)
    process.every(POTS_PAY_SECONDS, "pay pots", pots.pay)
    process.server.add(add_TeamServiceServicer_to_server, teams)
    process.every(TEAMS_EXPIRE_SECONDS, "expire teams", teams.expire)


def _campaigns(process: Process[Settings]) -> None:
    campaigns = CampaignServicer(process.db, process.clock)
    process.server.add(add_CampaignServiceServicer_to_server, campaigns)
    process.server.add(add_FlagServiceServicer_to_server, FlagServicer(process.db, process.clock))
    process.every(TOUCHES_FORGET_SECONDS, "forget old touches", campaigns.forget_touches)
    process.every(WEBHOOKS_CALL_SECONDS, "call webhooks", campaigns.call_webhooks)
    tagging = process.client(process.settings.tagging_target, timeout_s=ASK_SECONDS_MAX)
    copier = Copier(process.db, tagging, process.clock, erased_among)
    process.every(AUDIENCES_COPY_SECONDS, "copy audiences", copier.copy)
