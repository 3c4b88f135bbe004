"""The whole service over gRPC with its consumers' handlers, and facts that are valid unless a test says otherwise."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from bowen.distribution.v1 import events_pb2 as distribution
from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import campaign_pb2, coupon_pb2, events_pb2, ledger_service_pb2
from bowen.incentive.v1 import campaign_service_pb2 as campaigns_pb
from bowen.incentive.v1 import coupon_service_pb2 as coupons_pb
from bowen.incentive.v1.campaign_service_pb2_grpc import CampaignServiceStub, add_CampaignServiceServicer_to_server
from bowen.incentive.v1.coupon_batch_service_pb2_grpc import (
    CouponBatchServiceStub,
    add_CouponBatchServiceServicer_to_server,
)
from bowen.incentive.v1.coupon_order_service_pb2_grpc import (
    CouponOrderServiceStub,
    add_CouponOrderServiceServicer_to_server,
)
from bowen.incentive.v1.coupon_service_pb2_grpc import CouponServiceStub, add_CouponServiceServicer_to_server
from bowen.incentive.v1.flag_service_pb2_grpc import FlagServiceStub, add_FlagServiceServicer_to_server
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub, add_LedgerServiceServicer_to_server
from bowen.incentive.v1.programme_service_pb2_grpc import (
    ProgrammeServiceStub,
    add_ProgrammeServiceServicer_to_server,
)
from bowen.profile.v1 import event_pb2
from bowen.profile.v1 import events_pb2 as profile
from bowen.tagging.v1 import events_pb2 as tagging
from bowen.wire.v1 import envelope_pb2
from google.protobuf.message import Message

from chassis.client import Client
from chassis.clock import FixedClock
from chassis.consumer import Delivery
from chassis.db import Database, Tx, driver
from chassis.errors import Conflict, QuotaExceeded
from chassis.ids import new_id
from chassis.server import Server
from chassis.stamps import stamp
from services.incentive import listeners
from services.incentive.audiences import consumers as audience_consumers
from services.incentive.campaigns import consumers
from services.incentive.campaigns.servicer import CampaignServicer
from services.incentive.coupons.servicer import CouponBatchServicer, CouponOrderServicer, CouponServicer
from services.incentive.flags import consumers as flag_consumers
from services.incentive.flags.servicer import FlagServicer
from services.incentive.ledger.servicer import LedgerServicer, ProgrammeServicer
from tests.databases import patient
from tests.service.incentive.ledgering import Ledger

Handler = Callable[..., Awaitable[None]]
T = TypeVar("T")

HANDLERS: dict[type[Message], Handler | tuple[Handler, ...]] = {
    profile.ProfileMerged: listeners.on_profile_merged,
    profile.ProfileUnmerged: listeners.on_profile_unmerged,
    profile.EventReassigned: flag_consumers.on_event_reassigned,
    distribution.OrderReassigned: flag_consumers.on_order_reassigned,
    distribution.TouchVoided: flag_consumers.on_touch_voided,
    distribution.TouchRestored: flag_consumers.on_touch_restored,
    events_pb2.RewardGranted: flag_consumers.on_reward_changed,
    profile.EventRecorded: consumers.on_event_recorded,
    tagging.SegmentEntered: consumers.on_segment_entered,
    tagging.SegmentLeft: audience_consumers.on_segment_left,
    distribution.OrderPaid: consumers.on_order_paid,
    distribution.OrderDelivered: consumers.on_order_delivered,
    distribution.TouchRecorded: consumers.on_touch_recorded,
    distribution.OrderRefunded: (consumers.on_order_refunded, consumers.on_refund_answered),
    events_pb2.PacketReturned: consumers.on_packet_returned,
}
ATTEMPTS_MAX = 20
NOON = datetime.fromisoformat("2026-06-20T04:00:00+00:00")


def new() -> str:
    return str(new_id())


def an_event(profile_id: str, name: str = "Product Shared", **fields: Any) -> profile.EventRecorded:
    """Somebody shared a product at noon."""
    defaults = {"event_id": new(), "timestamp": stamp(NOON), "trust": event_pb2.TRUST_SERVER}
    return profile.EventRecorded(profile_id=profile_id, name=name, **defaults | fields)


def an_entry(profile_id: str, segment_id: str) -> tagging.SegmentEntered:
    """Somebody entered a segment at noon."""
    return tagging.SegmentEntered(entry_id=new(), segment_id=segment_id, profile_id=profile_id, enter_time=stamp(NOON))


def a_paid_order(profile_id: str, net_minor: int = 10_000, order_id: str = "", at: datetime = NOON) -> Any:
    """Somebody paid at noon."""
    order_id = order_id or new()
    order = order_pb2.Order(order_id=order_id, profile_id=profile_id, net_minor=net_minor, currency_code="CNY")
    return distribution.OrderPaid(order_id=order_id, profile_id=profile_id, order=order, pay_time=stamp(at))


def a_refund(paid: Any, total_minor: int, **fields: str) -> Any:
    """The refund that brought the refunded amount of an order to a total."""
    order = order_pb2.Order()
    order.CopyFrom(paid.order)
    order.refunded_minor = total_minor
    return distribution.OrderRefunded(
        **{"refund_id": new()} | fields,
        order_id=paid.order_id,
        profile_id=paid.profile_id,
        order=order,
        refund_time=stamp(NOON),
    )


def a_merge(loser_id: str, survivor_id: str) -> profile.ProfileMerged:
    """Two profiles turned out to be one person."""
    return profile.ProfileMerged(merge_id=new(), loser_id=loser_id, survivor_id=survivor_id, merge_time=stamp(NOON))


def an_undoing(merge: profile.ProfileMerged, *restored_from_ids: str) -> profile.ProfileUnmerged:
    """They were two after all."""
    return profile.ProfileUnmerged(
        merge_id=merge.merge_id,
        survivor_id=merge.survivor_id,
        restored_id=merge.loser_id,
        remaining_id=merge.survivor_id,
        restored_from_ids=restored_from_ids,
    )


def a_campaign(**fields: Any) -> campaigns_pb.CreateCampaignRequest:
    """Ten points for every shared product, out of a million, on the day around noon."""
    defaults = {
        "request_id": new(),
        "name": "Share and earn",
        "trigger": campaign_pb2.Trigger(event_name="Product Shared"),
        "reward": campaign_pb2.Reward(asset="points", fixed=10),
        "budget": 1_000_000,
        "start_time": stamp(NOON - timedelta(hours=12)),
        "end_time": stamp(NOON + timedelta(hours=12)),
    }
    return campaigns_pb.CreateCampaignRequest(**defaults | fields)


def on_order(net_minor_min: int = 0) -> campaign_pb2.Trigger:
    return campaign_pb2.Trigger(order_paid=campaign_pb2.OrderPaidTrigger(net_minor_min=net_minor_min))


def points(fixed: int) -> campaign_pb2.Reward:
    return campaign_pb2.Reward(asset="points", fixed=fixed)


def a_template(**fields: Any) -> coupons_pb.CreateCouponTemplateRequest:
    """A hundred coupons of ten yuan, good until the end of June."""
    defaults = {
        "request_id": new(),
        "name": "Ten off",
        "value_minor": 1_000,
        "currency_code": "CNY",
        "stock": 100,
        "last_day": "2026-06-30",
    }
    return coupons_pb.CreateCouponTemplateRequest(**defaults | fields)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do it again while a lock or a connection takes too long on a busy machine."""
    for _ in range(ATTEMPTS_MAX):
        try:
            return await work()
        except (Conflict, QuotaExceeded):
            continue
    raise AssertionError("conflicts without end")


async def _handed(handler: Handler, deliveries: Sequence[Delivery[Any]], tx: Tx) -> None:
    await handler(tx, deliveries)


@dataclass
class Incentive:
    """Talks to the service, and hands facts to its consumers."""

    db: Database
    clock: FixedClock
    ledger: Ledger
    campaigns: CampaignServiceStub
    coupons: CouponServiceStub
    orders: CouponOrderServiceStub
    batches: CouponBatchServiceStub
    maker: CouponBatchServicer
    ender: CouponServicer
    target: str
    programmes: ProgrammeServiceStub
    flags: FlagServiceStub

    async def happen(self, *facts: Message, handler: Handler | None = None) -> None:
        """Facts of one type arrive in one batch, and again after an outage or a conflict, as from the consumer."""
        deliveries = [Delivery(new_id(), fact, NOON, self.clock.now()) for fact in facts]
        handlers = handler or HANDLERS[type(facts[0])]
        for each in handlers if isinstance(handlers, tuple) else (handlers,):
            await patiently(partial(self.db.transact, partial(_handed, each, deliveries)))

    async def a_running_campaign(self, **fields: Any) -> str:
        created = await self.campaigns.CreateCampaign(a_campaign(**fields))  # type: ignore[misc]
        campaign_id = str(created.campaign.campaign_id)
        await self.start(campaign_id)
        return campaign_id

    async def start(self, campaign_id: str) -> None:
        await self.campaigns.StartCampaign(  # type: ignore[misc]
            campaigns_pb.StartCampaignRequest(request_id=new(), campaign_id=campaign_id)
        )

    async def pause(self, campaign_id: str) -> None:
        await self.campaigns.PauseCampaign(  # type: ignore[misc]
            campaigns_pb.PauseCampaignRequest(request_id=new(), campaign_id=campaign_id)
        )

    async def campaign(self, campaign_id: str) -> campaign_pb2.Campaign:
        request = campaigns_pb.GetCampaignRequest(campaign_id=campaign_id)
        return (await self.campaigns.GetCampaign(request)).campaign  # type: ignore[misc,no-any-return]

    async def spent(self, campaign_id: str) -> int:
        return (await self.campaign(campaign_id)).spent

    async def grants(self, profile_id: str) -> list[campaign_pb2.Grant]:
        request = campaigns_pb.ListProfileGrantsRequest(profile_id=profile_id)
        return list((await self.campaigns.ListProfileGrants(request)).grants)  # type: ignore[misc]

    async def has(self, profile_id: str) -> tuple[int, int]:
        """What a person has available and owes, in points."""
        request = ledger_service_pb2.GetProfileBalancesRequest(profile_id=profile_id)
        lines = (await self.ledger.stub.GetProfileBalances(request)).balances  # type: ignore[misc]
        return next(((line.available, line.debt) for line in lines if line.asset == "points"), (0, 0))

    async def denials(self, campaign_id: str) -> list[tuple[str, str]]:
        return await self.rows("SELECT profile_id::text, reason FROM grant_refusal WHERE campaign_id = $1", campaign_id)

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        async with self.db.read() as tx:
            return [tuple(row) for row in await (await driver(tx)).fetch(query, *arguments)]

    async def told(self, message_class: type[Message]) -> list[Any]:
        """The facts of one type that wait in the outbox."""
        kind = message_class.DESCRIPTOR.name
        batches = await self.rows("SELECT payload FROM outbox ORDER BY outbox_id")
        events = [event for (payload,) in batches for event in envelope_pb2.EventBatch.FromString(payload).events]
        wanted = "".join(f".{part.lower()}" for part in _words(kind))
        return [
            message_class.FromString(event.payload) for event in events if event.type.replace("_", ".").endswith(wanted)
        ]

    async def a_template(self, **fields: Any) -> str:
        created = await self.coupons.CreateCouponTemplate(a_template(**fields))  # type: ignore[misc]
        return str(created.coupon_template.template_id)

    async def issue(
        self, template_id: str, profile_id: str = "", request_id: str = "", **traits: str
    ) -> coupon_pb2.Coupon:
        request = coupons_pb.IssueCouponRequest(
            request_id=request_id or new(), template_id=template_id, profile_id=profile_id or new(), **traits
        )
        return (await self.coupons.IssueCoupon(request)).coupon  # type: ignore[misc,no-any-return]

    async def redeem(self, code: str, order: str = "A-17", minor: int = 5_000, request_id: str = "") -> Any:
        request = coupons_pb.RedeemCouponRequest(
            request_id=request_id or new(), code=code, order_reference=order, order_minor=minor
        )
        return (await self.coupons.RedeemCoupon(request)).coupon  # type: ignore[misc]

    async def template(self, template_id: str) -> coupon_pb2.CouponTemplate:
        request = coupons_pb.GetCouponTemplateRequest(template_id=template_id)
        return (await self.coupons.GetCouponTemplate(request)).coupon_template  # type: ignore[misc,no-any-return]

    async def coupons_of(self, profile_id: str) -> Sequence[coupon_pb2.Coupon]:
        request = coupons_pb.ListProfileCouponsRequest(profile_id=profile_id)
        return list((await self.coupons.ListProfileCoupons(request)).coupons)  # type: ignore[misc]


def _words(name: str) -> list[str]:
    starts = [index for index, letter in enumerate(name) if letter.isupper()]
    return [name[start:end] for start, end in zip(starts, [*starts[1:], len(name)], strict=True)]


@asynccontextmanager
async def an_incentive(url: str, clock: FixedClock) -> AsyncIterator[Incentive]:
    """The service on a database, served on a free port."""
    db = patient(url)
    ledger = LedgerServicer(db, clock)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=clock, concurrency_max=5_000)
    server.add(add_LedgerServiceServicer_to_server, ledger)
    server.add(add_ProgrammeServiceServicer_to_server, ProgrammeServicer(db, clock))
    server.add(add_CampaignServiceServicer_to_server, CampaignServicer(db, clock))
    server.add(add_FlagServiceServicer_to_server, FlagServicer(db, clock))
    coupons = CouponServicer(db, clock)
    server.add(add_CouponServiceServicer_to_server, coupons)
    server.add(add_CouponOrderServiceServicer_to_server, CouponOrderServicer(db, clock))
    maker = CouponBatchServicer(db, clock)
    server.add(add_CouponBatchServiceServicer_to_server, maker)
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=30.0, forward_caller=True) as client:
        yield Incentive(
            db,
            clock,
            Ledger(LedgerServiceStub(client), db),
            CampaignServiceStub(client),
            CouponServiceStub(client),
            CouponOrderServiceStub(client),
            CouponBatchServiceStub(client),
            maker,
            coupons,
            f"127.0.0.1:{port}",
            ProgrammeServiceStub(client),
            FlagServiceStub(client),
        )
    await server.stop(0)
    await ledger.close()
    await coupons.close()
    await db.close()
