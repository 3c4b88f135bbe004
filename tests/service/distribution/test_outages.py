"""What happens while others are away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from bowen.distribution.v1 import order_service_pb2 as os_
from bowen.distribution.v1.order_service_pb2_grpc import OrderServiceStub, add_OrderServiceServicer_to_server
from bowen.incentive.v1 import ledger_service_pb2
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceServicer, add_LedgerServiceServicer_to_server

from chassis.client import Client, Retry
from chassis.clock import FixedClock
from chassis.db import Database, Tx
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Unavailable
from chassis.ids import new_id
from services.distribution.commission import operations
from services.distribution.commission.clients import Poster
from services.distribution.commission.domain import Plan
from services.distribution.orders.clients import Buyers
from services.distribution.orders.domain.order import Draft, History, Line, RefundAsk, Row
from services.distribution.orders.operations import Terms, import_rows
from services.distribution.orders.servicer import OrderServicer
from services.distribution.partners.domain import Partner, PartnerState, Role
from services.distribution.partners.operations import create_partner
from suite.embedded import free_port
from tests.service.distribution.network import Network, a_line, a_member
from tests.serving import serving
from tests.waiting import eventually

WINDOW = timedelta(days=7)
Outcome = ledger_service_pb2.TransferOutcome


class Ledger(LedgerServiceServicer):
    """Idempotent by transfer id; loses answers, refuses ids, and refuses whole calls, as told."""

    def __init__(self) -> None:
        self.posted: dict[str, int] = {}
        self.calls = 0
        self.lose_answers = 0
        self.refuse = ""
        self.malformed = ""

    async def PostTransfers(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if any(self.malformed and item.transfer_id.endswith(self.malformed) for item in request.transfers):
            raise InvalidArgument("transfers[0].transfer_id", "is not liked")
        outcomes = [self._post(item) for item in request.transfers]
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("gone before it answered")
        return ledger_service_pb2.PostTransfersResponse(outcomes=outcomes)

    def _post(self, item: Any) -> Any:
        if self.refuse and item.transfer_id.endswith(self.refuse):
            return Outcome(transfer_id=item.transfer_id, result=Outcome.RESULT_REFUSED, reason="TRANSFER_INVALID")
        replayed = item.transfer_id in self.posted
        self.posted.setdefault(item.transfer_id, item.amount)
        return Outcome(transfer_id=item.transfer_id, result=Outcome.RESULT_POSTED, replayed=replayed)


@pytest.fixture
async def db(fresh_database: Callable[[str], str]) -> AsyncIterator[Database]:
    database = Database.open(fresh_database("distribution"))
    yield database
    await database.close()


async def sold(db: Database, clock: FixedClock, count: int = 3) -> None:
    """Orders of one guide, each paid, delivered and refunded by half."""
    now = clock.advance(1)
    guide = Partner(new_id(), Role.GUIDE, "G", str(new_id()), None, None, PartnerState.ACTIVE, None, now, now)
    plan = Plan(new_id(), "plan", {Role.GUIDE: 1_000}, 0, 3_000, now, now)
    history = History(now, now, (RefundAsk("r", ((1, 500),), now),))

    async def work(tx: Tx) -> None:
        await create_partner(tx, guide)
        await operations.create_plan(tx, plan)
        drafts = (
            Draft("pos", str(new_id()), new_id(), None, guide.partner_id, "CNY", (Line(1, "s", "", 1, 1_000, 0),), now)
            for _ in range(count)
        )
        await import_rows(tx, [Row(draft, history) for draft in drafts], Terms(WINDOW, operations.follow))

    await db.transact(work)


@asynccontextmanager
async def posting(db: Database, ledger: Any, clock: FixedClock, posters: int = 1) -> AsyncIterator[list[Poster]]:
    async with serving("incentive", clock, (add_LedgerServiceServicer_to_server, ledger)) as client:
        yield [Poster(db, client, clock) for _ in range(posters)]


async def states(db: Database) -> dict[str, int]:
    async with db.read() as tx:
        rows = (await tx.exec_driver_sql("SELECT transfer_id, state FROM posting")).all()
    return dict(tuple(row) for row in rows)


async def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_posted_twice(db, clock):
    await sold(db, clock)
    ledger = Ledger()
    ledger.lose_answers = 1

    async with posting(db, ledger, clock) as (poster,):
        with pytest.raises(Unavailable):
            await poster.drain()
        assert set((await states(db)).values()) == {1}
        await poster.drain()

    assert set((await states(db)).values()) == {2}
    assert sorted(ledger.posted.values()) == [50, 50, 50, 100, 100, 100]


async def test_the_poster_outlives_an_outage_of_the_ledger(db, clock):
    ledger = Ledger()
    ledger.lose_answers = 3

    async with posting(db, ledger, clock) as (poster,):
        running = asyncio.create_task(poster.run())
        await sold(db, clock)
        await eventually(lambda: ledger.calls >= 4)
        await eventually(lambda: _all_posted(db))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _all_posted(db: Database) -> bool:
    return set((await states(db)).values()) == {2}


async def test_several_posters_post_each_movement_once_and_in_order(db, clock):
    for _ in range(8):
        await sold(db, clock, count=2)
    ledger = Ledger()

    async with posting(db, ledger, clock, posters=4) as posters:
        while set((await states(db)).values()) != {2}:
            await asyncio.gather(*(poster.drain() for poster in posters))

    order = list(ledger.posted)
    assert len(order) == 32
    for transfer_id in order:
        if "/reverse/" in transfer_id:
            assert order.index(transfer_id.split("/reverse/")[0] + "/accrue") < order.index(transfer_id)


async def test_a_movement_that_the_ledger_refuses_for_good_stands_aside_and_stops_nobody(db, clock):
    await sold(db, clock)
    ledger = Ledger()
    first = next(iter(await states(db)))
    ledger.refuse = first

    async with posting(db, ledger, clock) as (poster,):
        await poster.drain()

    assert (await states(db)).pop(first) == 3
    assert len(ledger.posted) == 5


async def test_a_movement_for_which_the_ledger_refuses_the_whole_call_is_found(db, clock):
    await sold(db, clock)
    ledger = Ledger()
    first = next(iter(await states(db)))
    ledger.malformed = first

    async with posting(db, ledger, clock) as (poster,):
        await poster.drain()

    assert (await states(db)).pop(first) == 3
    assert len(ledger.posted) == 5


async def test_an_order_waits_for_nobody_when_profiles_cannot_be_resolved(db, clock):
    nowhere = Client.connect(f"127.0.0.1:{free_port()}", name="distribution", retry=Retry(attempts=1))
    servicer = OrderServicer(db, clock, terms=Terms(WINDOW, operations.follow), buyers=Buyers(nowhere))
    request = os_.PlaceOrderRequest(
        request_id="r", order_number="A-1", source="pos", currency_code="CNY", buyer=a_member("m"), lines=[a_line()]
    )

    async with nowhere, serving("distribution", clock, (add_OrderServiceServicer_to_server, servicer)) as client:
        with pytest.raises(Unavailable):
            await OrderServiceStub(client).PlaceOrder(request)


async def test_com_02_a_plan_above_its_cap_and_a_second_plan_of_one_start_are_refused(network: Network):
    await network.a_plan(guide=1_000)

    with pytest.raises(FailedPrecondition) as above:
        await network.a_plan(guide=2_900, parent_rate_bp=500)
    with pytest.raises(AlreadyExists, match="PLAN_START_EXISTS"):
        await network.a_plan(guide=1_000)

    assert above.value.reason == "PAYOUT_ABOVE_CAP"
