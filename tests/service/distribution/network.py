"""Distribution with all its real parts, and what a test says to it; valid unless the test says otherwise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bowen.distribution.v1 import commission_service_pb2 as cs
from bowen.distribution.v1 import events_pb2, order_pb2, partner_pb2, ripple_pb2
from bowen.distribution.v1 import order_service_pb2 as os_
from bowen.distribution.v1 import partner_service_pb2 as ps
from bowen.distribution.v1 import ripple_service_pb2 as rs
from bowen.distribution.v1.commission_service_pb2_grpc import CommissionServiceStub
from bowen.distribution.v1.order_service_pb2_grpc import OrderServiceStub
from bowen.distribution.v1.partner_service_pb2_grpc import PartnerServiceStub
from bowen.distribution.v1.ripple_service_pb2_grpc import RippleServiceStub
from bowen.incentive.v1 import ledger_pb2, ledger_service_pb2
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub, add_LedgerServiceServicer_to_server
from bowen.profile.v1 import event_pb2
from bowen.profile.v1 import events_pb2 as profile_events
from bowen.profile.v1.profile_service_pb2_grpc import ProfileServiceStub, add_ProfileServiceServicer_to_server
from google.protobuf.message import Message

from chassis import outbox
from chassis.caller import Call, Caller, acting
from chassis.client import Client, Retry
from chassis.clock import FixedClock
from chassis.consumer import Consumer, Delivery
from chassis.db import Database, Tx, driver
from chassis.ids import new_id
from chassis.nats import Nats
from chassis.outbox import Fact, Relay
from chassis.process import Process
from chassis.server import Server
from chassis.stamps import stamp
from services.distribution.__main__ import assemble
from services.distribution.settings import Settings
from services.incentive.ledger.servicer import LedgerServicer
from services.profile.identity.servicer import ProfileServicer
from tests.databases import patient
from tests.service.profile.vaults import a_vault
from tests.serving import TESTER
from tests.waiting import eventually

STORE, GUIDE, EMPLOYEE, KOC = (
    getattr(partner_pb2, f"PARTNER_ROLE_{name}") for name in ("STORE", "GUIDE", "EMPLOYEE", "KOC")
)
INACTIVE = partner_pb2.Partner.STATE_INACTIVE
HOUR = timedelta(hours=1)
FACTS = (
    events_pb2.OrderPaid, events_pb2.OrderDelivered, events_pb2.OrderRefunded, events_pb2.TouchRecorded,
    events_pb2.CommissionAccrued, events_pb2.CommissionReversed, events_pb2.ErasureConfirmed,
    events_pb2.PersonalDataProvided, events_pb2.TouchVoided, events_pb2.TouchRestored, events_pb2.OrderRecredited,
    events_pb2.OrderReassigned,
)  # fmt: skip


def a_line(net_minor: int = 9_999, line_no: int = 1, **fields: Any) -> order_pb2.OrderLine:
    return order_pb2.OrderLine(
        **{"line_no": line_no, "sku": f"sku-{line_no}", "quantity": 1, "gross_minor": net_minor} | fields
    )


def a_key(store_id: str = "", profile_id: str = "") -> Call:
    """A caller from outside with every scope of distribution."""
    names = ("partners", "ripples", "orders", "commissions")
    scopes = frozenset(f"distribution.{name}:{verb}" for name in names for verb in ("read", "write"))
    return Call(Caller("key:1", frozenset() if profile_id else scopes, store_id, profile_id))


@dataclass
class Network:
    """Talks to a running distribution, and to the profile service and the ledger behind it."""

    db: Database
    clock: FixedClock
    partners: PartnerServiceStub
    ripples: RippleServiceStub
    orders: OrderServiceStub
    commissions: CommissionServiceStub
    profiles: ProfileServiceStub
    ledger: LedgerServiceStub
    profile_db: Database
    profile_relay: Relay
    heard: list[Delivery[Any]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.clock.now()

    async def a_partner(self, role: Any = GUIDE, **fields: Any) -> partner_pb2.Partner:
        id_ = str(new_id())
        request = ps.CreatePartnerRequest(
            **{"request_id": id_, "role": role, "name": "P", "external_code": id_[-12:]} | fields
        )
        return (await self.partners.CreatePartner(request)).partner

    async def update(self, partner: partner_pb2.Partner, **fields: Any) -> partner_pb2.Partner:
        request = ps.UpdatePartnerRequest(request_id=str(new_id()), partner_id=partner.partner_id, **fields)
        return (await self.partners.UpdatePartner(request)).partner

    async def a_link(self, partner: partner_pb2.Partner | None = None, **fields: Any) -> ripple_pb2.ShareLink:
        sharer = {"sharer_partner_id": partner.partner_id} if partner else {}
        request = rs.CreateShareLinkRequest(
            **{"request_id": str(new_id()), "target_url": "https://mall.example/p/1"} | sharer | fields
        )
        return (await self.ripples.CreateShareLink(request)).share_link

    def a_touch(self, link: ripple_pb2.ShareLink, **fields: Any) -> ripple_pb2.Touch:
        return ripple_pb2.Touch(
            **{
                "touch_id": str(new_id()),
                "token": link.token,
                "visitor_id": f"v-{new_id()}",
                "touch_time": stamp(self.now()),
            }
            | fields
        )

    async def touch(self, link: ripple_pb2.ShareLink, **fields: Any) -> ripple_pb2.Touch:
        touch = self.a_touch(link, **fields)
        response = await self.ripples.RecordTouches(rs.RecordTouchesRequest(touches=[touch]))
        assert response.outcomes[0].result == rs.RecordTouchOutcome.RESULT_COUNTED
        return touch

    def a_row(
        self,
        *lines: order_pb2.OrderLine,
        paid: timedelta | None = None,
        delivered: timedelta | None = None,
        **fields: Any,
    ) -> os_.OrderRow:
        """An order placed now, by a member of its own; `paid` and `delivered` are how much later."""
        number = str(new_id())
        values = {
            "order_number": number,
            "source": "pos",
            "currency_code": "CNY",
            "place_time": stamp(self.now()),
            "buyer": a_member(number),
        }
        row = os_.OrderRow(**values | {"lines": lines or [a_line()]} | fields)
        if paid is not None:
            row.pay_time.CopyFrom(stamp(self.now() + paid))
        if delivered is not None:
            row.deliver_time.CopyFrom(stamp(self.now() + delivered))
        return row

    async def import_rows(self, *rows: os_.OrderRow) -> list[os_.ImportOrderOutcome]:
        return list((await self.orders.ImportOrders(os_.ImportOrdersRequest(rows=rows))).outcomes)

    async def imported(self, row: os_.OrderRow) -> order_pb2.Order:
        (outcome,) = await self.import_rows(row)
        assert not outcome.reason, outcome
        return await self.order(outcome.order_id)

    async def order(self, order_id: str) -> order_pb2.Order:
        return (await self.orders.GetOrder(os_.GetOrderRequest(order_id=order_id))).order

    async def pay(self, order: order_pb2.Order) -> order_pb2.Order:
        return (
            await self.orders.PayOrder(os_.PayOrderRequest(request_id=str(new_id()), order_id=order.order_id))
        ).order

    async def deliver(self, order: order_pb2.Order) -> order_pb2.Order:
        request = os_.DeliverOrderRequest(request_id=str(new_id()), order_id=order.order_id)
        return (await self.orders.DeliverOrder(request)).order

    async def refund(self, order: order_pb2.Order, **amounts: int) -> order_pb2.Order:
        """Refund lines, named `line_1=…`; none means all that is left."""
        lines = [order_pb2.RefundLine(line_no=int(name[5:]), amount_minor=amount) for name, amount in amounts.items()]
        request = os_.RefundOrderRequest(request_id=str(new_id()), order_id=order.order_id, lines=lines)
        return (await self.orders.RefundOrder(request)).order

    async def a_plan(self, *, parent_rate_bp: int = 0, start_time: datetime | None = None, **rates: int) -> Any:
        """A plan with rates by role, named in lower case."""
        named = [{"role": f"PARTNER_ROLE_{role.upper()}", "rate_bp": rate} for role, rate in rates.items()]
        request = cs.CreateCommissionPlanRequest(
            request_id=str(new_id()), name="plan", seller_rates=named, parent_rate_bp=parent_rate_bp,
            start_time=stamp(start_time or self.now() - timedelta(days=1)),
        )  # fmt: skip
        return (await self.commissions.CreateCommissionPlan(request)).plan

    async def commissions_of(self, order: order_pb2.Order) -> list[Any]:
        """By share: the seller's first."""
        response = await self.commissions.ListCommissions(cs.ListCommissionsRequest(order_id=order.order_id))
        return sorted(response.commissions, key=lambda commission: commission.share)

    async def posted(self) -> None:
        """Wait until nothing waits for the ledger."""

        async def done() -> bool:
            stats = await self.commissions.GetCommissionStats(cs.GetCommissionStatsRequest(currency_code="CNY"))
            return bool(stats.unposted_count == 0)

        await eventually(done)

    async def balance(self, partner: partner_pb2.Partner, kind: str = "available") -> int:
        account = f"partner/{partner.partner_id}/{kind}"
        request = ledger_service_pb2.GetAccountRequest(account=account, asset="commission.CNY")
        return int((await self.ledger.GetAccount(request)).account.balance)

    async def pay_out(self, partner: partner_pb2.Partner, amount: int) -> None:
        """Have a partner spend what it earned."""
        transfer = ledger_pb2.Transfer(
            transfer_id=str(new_id()), debit_account=f"partner/{partner.partner_id}/available",
            credit_account="sys/redeemed", asset="commission.CNY", amount=amount,
        )  # fmt: skip
        response = await self.ledger.PostTransfers(ledger_service_pb2.PostTransfersRequest(transfers=[transfer]))
        assert not response.outcomes[0].reason, response

    async def tell(self, *messages: Message) -> None:
        """Publish facts of the profile service, and wait until distribution has taken them in."""
        facts = [Fact(message, self.now()) for message in messages]
        await self.profile_db.transact(lambda tx: outbox.append(tx, facts))
        await eventually(lambda: self._taken([fact.event_id for fact in facts]))

    async def _taken(self, event_ids: list[UUID]) -> bool:
        rows = await self.rows("SELECT event_id FROM inbox WHERE event_id = ANY($1)", event_ids)
        return len(rows) == len(event_ids)

    async def rows(self, query: str, *values: Any) -> list[Any]:
        async with self.db.read() as tx:
            return list(await (await driver(tx)).fetch(query, *values))

    async def told(self, message_class: type[Message], count: int = 1) -> list[Any]:
        """The facts of a kind that distribution has told, once there are so many."""

        def found() -> list[Any]:
            return [item.event for item in self.heard if isinstance(item.event, message_class)]

        await eventually(lambda: len(found()) >= count)
        return found()


def a_member(number: str) -> order_pb2.Buyer:
    return order_pb2.Buyer(identifier=order_pb2.BuyerIdentifier(type="member_no", value=number, verified=True))


def an_event(profile_id: str, **fields: Any) -> profile_events.EventRecorded:
    """An event of a trusted source."""
    values = {
        "event_id": str(new_id()),
        "message_id": str(new_id()),
        "profile_id": profile_id,
        "source_id": "mall",
        "type": event_pb2.EVENT_TYPE_TRACK,
        "trust": event_pb2.TRUST_SERVER,
    }
    return profile_events.EventRecorded(**values | fields)


def a_merge(loser_id: str, survivor_id: str) -> profile_events.ProfileMerged:
    return profile_events.ProfileMerged(merge_id=str(new_id()), loser_id=loser_id, survivor_id=survivor_id)


@asynccontextmanager
async def a_network(fresh_database: Callable[[str], str], nats: Nats, clock: FixedClock) -> AsyncIterator[Network]:
    """A running distribution with a profile service and a ledger, each with an empty database."""
    async with AsyncExitStack() as stack:
        dbs = {name: patient(fresh_database(name)) for name in ("distribution", "profile", "incentive")}
        for db in dbs.values():
            stack.push_async_callback(db.close)
        for name in ("profile", "distribution"):
            await nats.ensure_stream(name)
        ledger = LedgerServicer(dbs["incentive"], clock)
        behind = Server(listen="127.0.0.1:0", service="behind", clock=clock)
        behind.add(add_LedgerServiceServicer_to_server, ledger)
        people = ProfileServicer(dbs["profile"], clock, await a_vault(dbs["profile"]))
        behind.add(add_ProfileServiceServicer_to_server, people)
        target = f"127.0.0.1:{await behind.start()}"
        stack.push_async_callback(ledger.close)
        stack.push_async_callback(behind.stop, 0)
        process = await stack.enter_async_context(_process(dbs["distribution"], nats, clock, target))
        client = await stack.enter_async_context(_client(process.server.port))
        other = await stack.enter_async_context(_client(int(target.rpartition(":")[2])))
        relay = Relay(dbs["profile"], nats)
        network = Network(
            dbs["distribution"], clock, PartnerServiceStub(client), RippleServiceStub(client), OrderServiceStub(client),
            CommissionServiceStub(client), ProfileServiceStub(other), LedgerServiceStub(other), dbs["profile"], relay,
        )  # fmt: skip
        await stack.enter_async_context(_running(relay.run()))
        await stack.enter_async_context(_running(_listener(network, nats, dbs["profile"]).run()))
        with acting(Call(TESTER)):
            yield network


def _client(port: int) -> Client:
    return Client.connect(
        f"127.0.0.1:{port}", name="tester", timeout_s=30.0, retry=Retry(attempts=1), forward_caller=True
    )


def _listener(network: Network, nats: Nats, db: Database) -> Consumer:
    """Hears what distribution tells."""
    consumer = Consumer(nats, db, name="listener", clock=network.clock)

    async def hear(tx: Tx, batch: Any) -> None:
        network.heard += batch

    for message_class in FACTS:
        consumer.on(message_class, hear)
    return consumer


@asynccontextmanager
async def _process(db: Database, nats: Nats, clock: FixedClock, target: str) -> AsyncIterator[Process[Settings]]:
    settings = Settings(
        database_url="",
        listen="127.0.0.1:0",
        profile_target=target,
        incentive_target=target,
        public_url="https://b.example",
    )
    server = Server(listen="127.0.0.1:0", service="distribution", clock=clock)
    process = Process("distribution", settings, nats, server=server, db=db, clock=clock)
    async with process.resources:
        await assemble(process)
        await server.start()
        stop = asyncio.Event()
        serving = asyncio.create_task(process.serve(stop))
        try:
            yield process
        finally:
            stop.set()
            await serving


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
