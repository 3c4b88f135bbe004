"""Missions over gRPC, with the facts that they count: cases of spec value §3.3."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import mission_pb2
from bowen.incentive.v1 import mission_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import MissionCompleted, MissionReversed
from bowen.incentive.v1.mission_service_pb2_grpc import MissionServiceStub, add_MissionServiceServicer_to_server
from bowen.profile.v1.event_pb2 import TRUST_PUBLIC
from bowen.profile.v1.events_pb2 import ProcessingChanged

from chassis.caller import Call, Caller, acting
from chassis.client import Client
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.server import Server
from chassis.stamps import stamp
from people.restrictions import on_processing_changed
from services.incentive.missions import consumers
from services.incentive.missions.servicer import MissionServicer
from tests.service.incentive.ledgering import a_transfer, member
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, an_event, new
from tests.service.incentive.test_what_was_given import bounded

SHARED = "Drink Shared"
READ = frozenset({"incentive.missions:read"})
Occurrence = mission_pb2.MissionOccurrence
Mission = mission_pb2.Mission
Metric = mission_pb2.MissionMetric


@dataclass
class Missions:
    """Talks to missions, beside the service whose clock and ledger they have."""

    stub: MissionServiceStub
    incentive: Incentive

    async def create(self, **fields: Any) -> str:
        given = {
            "request_id": new(),
            "name": "Seven drinks",
            "metric": Metric(events=mission_pb2.MissionEvents(name=SHARED)),
            "target": 7,
            "asset": "points",
            "amount": 100,
            "budget": 10_000,
            "start_time": stamp(NOON - timedelta(hours=12)),
            "end_time": stamp(NOON + timedelta(days=30)),
        }
        response = await self.stub.CreateMission(pb.CreateMissionRequest(**given | fields))  # type: ignore[misc]
        return str(response.mission.mission_id)

    async def shared(self, *facts: Any) -> None:
        await self.incentive.happen(*facts, handler=consumers.on_event_recorded)

    async def paid(self, *facts: Any) -> None:
        await self.incentive.happen(*facts, handler=consumers.on_order_paid)

    async def refunded(self, *facts: Any) -> None:
        await self.incentive.happen(*facts, handler=consumers.on_order_refunded)

    async def progress(self, mission_id: str, profile_id: str) -> list[tuple[int, str, int]]:
        request = pb.GetMissionProgressRequest(mission_id=mission_id, profile_id=profile_id)
        response = await self.stub.GetMissionProgress(request)  # type: ignore[misc]
        return [
            (each.number, Occurrence.State.Name(each.state).removeprefix("STATE_"), each.progress)
            for each in response.occurrences
        ]

    async def get(self, mission_id: str) -> Mission:
        return (await self.stub.GetMission(pb.GetMissionRequest(mission_id=mission_id))).mission  # type: ignore[misc,no-any-return]


@pytest.fixture
async def missions(incentive: Incentive) -> AsyncIterator[Missions]:
    """Missions of an empty service, over gRPC."""
    async with a_missions(incentive) as missions:
        yield missions


@asynccontextmanager
async def a_missions(incentive: Incentive) -> AsyncIterator[Missions]:
    server = Server(listen="127.0.0.1:0", service="incentive", clock=incentive.clock)
    server.add(add_MissionServiceServicer_to_server, MissionServicer(incentive.db, incentive.clock))
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=30.0, forward_caller=True) as client:
        yield Missions(MissionServiceStub(client), incentive)
        await incentive.ledger.check()
    await server.stop(0)


def a_share(profile_id: str, sku: str = "latte", minutes: int = 0, **fields: Any) -> Any:
    at = stamp(NOON + timedelta(minutes=minutes))
    return an_event(profile_id, SHARED, properties=json.dumps({"sku": sku}), **{"timestamp": at} | fields)


def different() -> Metric:
    return Metric(events=mission_pb2.MissionEvents(name=SHARED, distinct="sku"))


def an_order(profile_id: str, *skus: str, order_id: str = "") -> distribution.OrderPaid:
    """Somebody bought one of each for ten yuan."""
    order_id = order_id or new()
    order = order_pb2.Order(
        order_id=order_id,
        profile_id=profile_id,
        net_minor=1_000 * len(skus),
        currency_code="CNY",
        pay_time=stamp(NOON),
        lines=[
            order_pb2.OrderLine(line_no=number, sku=sku, quantity=1, gross_minor=1_000, net_minor=1_000)
            for number, sku in enumerate(skus, start=1)
        ],
    )
    return distribution.OrderPaid(order_id=order_id, profile_id=profile_id, order=order, pay_time=stamp(NOON))


def refund_of(paid: distribution.OrderPaid, *line_numbers: int) -> distribution.OrderRefunded:
    """All refunds of an order until now: these lines came back."""
    order = order_pb2.Order()
    order.CopyFrom(paid.order)
    for line in order.lines:
        if line.line_no in line_numbers:
            line.refunded_minor = line.net_minor
    order.refunded_minor = sum(line.refunded_minor for line in order.lines)
    return distribution.OrderRefunded(
        refund_id=new(), order_id=paid.order_id, profile_id=paid.profile_id, order=order, refund_time=stamp(NOON)
    )


async def test_cmp_07_seven_times_the_same_item_are_not_seven_different_items(missions: Missions):
    mission_id, same, various = await missions.create(metric=different()), new(), new()

    await missions.shared(*(a_share(same, "latte", minute) for minute in range(7)))
    await missions.shared(*(a_share(various, f"drink {minute}", minute) for minute in range(7)))

    assert await missions.progress(mission_id, same) == [(1, "OPEN", 1)]
    assert await missions.progress(mission_id, various) == [(1, "REWARDED", 7)]
    assert (await missions.incentive.has(same), await missions.incentive.has(various)) == ((0, 0), (100, 0))


@pytest.mark.parametrize(("rollback", "state", "points"), [(True, "REVERSED", 0), (False, "REWARDED", 100)])
async def test_cmp_08_a_refund_after_completion_takes_back_or_leaves(missions: Missions, rollback, state, points):
    metric = Metric(orders=Metric.ORDER_MEASURE_PRODUCTS)
    mission_id = await missions.create(metric=metric, target=3, rollback_after_completion=rollback)
    buyer = new()
    paid = an_order(buyer, "a", "b", "c")

    await missions.paid(paid)
    assert await missions.incentive.has(buyer) == (100, 0)
    await missions.refunded(refund_of(paid, 2))
    await missions.refunded(refund_of(paid, 2))

    assert await missions.progress(mission_id, buyer) == [(1, state, 2)]
    assert await missions.incentive.has(buyer) == (points, 0)
    assert (await missions.get(mission_id)).spent == points
    assert len(await missions.incentive.told(MissionReversed)) == (1 if rollback else 0)


async def test_cmp_08_what_was_spent_of_a_reward_that_is_taken_back_is_owed(missions: Missions):
    metric = Metric(orders=Metric.ORDER_MEASURE_ORDERS)
    await missions.create(metric=metric, target=1, rollback_after_completion=True)
    buyer = new()
    paid = an_order(buyer, "a")
    await missions.paid(paid)
    spending = a_transfer(member(profile_id=buyer), "sys/redeemed", 60)
    await missions.incentive.ledger.post(spending)

    await missions.refunded(refund_of(paid, 1))

    assert await missions.incentive.has(buyer) == (0, 60)


async def test_cmp_09_fifteen_events_are_two_occurrences_of_seven_and_one_more(missions: Missions):
    mission_id = await missions.create(recurrence=Mission.RECURRENCE_ON_COMPLETION)
    sharer = new()

    for start in (0, 10):
        await missions.shared(*(a_share(sharer, minutes=start + minute) for minute in range(10 if start == 0 else 5)))

    assert await missions.progress(mission_id, sharer) == [(1, "REWARDED", 7), (2, "REWARDED", 7), (3, "OPEN", 1)]
    assert await missions.incentive.has(sharer) == (200, 0)
    assert [each.number for each in await missions.incentive.told(MissionCompleted)] == [1, 2]


async def test_after_a_kept_completion_the_next_begins_at_the_true_count(missions: Missions):
    metric = Metric(orders=Metric.ORDER_MEASURE_ORDERS)
    mission_id = await missions.create(metric=metric, target=2, recurrence=Mission.RECURRENCE_ON_COMPLETION)
    buyer = new()
    orders = [an_order(buyer, "a") for _ in range(5)]
    await missions.paid(*orders[:2])
    await missions.refunded(refund_of(orders[1], 1))

    await missions.paid(*orders[2:4])
    short = await missions.progress(mission_id, buyer)
    await missions.paid(orders[4])

    assert [(number, state) for number, state, _ in short] == [(1, "REWARDED"), (2, "OPEN")]
    done = await missions.progress(mission_id, buyer)
    assert [(number, state) for number, state, _ in done[:2]] == [(1, "REWARDED"), (2, "REWARDED")]
    assert done[2:] == [(3, "OPEN", 0)]
    assert await missions.incentive.has(buyer) == (200, 0)


async def test_one_fact_that_comes_five_times_at_once_counts_once(missions: Missions):
    mission_id, sharer = await missions.create(target=2), new()
    first, second = a_share(sharer), a_share(sharer, minutes=1)

    await asyncio.gather(*(missions.shared(fact) for fact in [first, second] * 5))

    assert await missions.progress(mission_id, sharer) == [(1, "REWARDED", 2)]
    assert await missions.incentive.has(sharer) == (100, 0)


async def test_a_refund_that_comes_before_its_payment_counts(missions: Missions):
    mission_id = await missions.create(metric=Metric(orders=Metric.ORDER_MEASURE_NET_MINOR), target=2_000)
    buyer = new()
    paid = an_order(buyer, "a", "b")

    await missions.refunded(refund_of(paid, 1))
    await missions.paid(paid)

    assert await missions.progress(mission_id, buyer) == [(1, "OPEN", 1_000)]


async def test_two_profiles_that_are_one_person_come_to_the_target_together(missions: Missions):
    mission_id, one, other = await missions.create(), new(), new()
    await missions.shared(*(a_share(one, minutes=minute) for minute in range(4)))
    await missions.incentive.happen(a_merge(one, other))

    await missions.shared(*(a_share(other, minutes=minute) for minute in range(10, 13)))

    assert await missions.progress(mission_id, one) == [(1, "REWARDED", 7)]
    assert await missions.incentive.has(other) == (100, 0)


async def test_pipl_47_who_is_only_stored_gets_nothing_and_what_they_did_is_kept(missions: Missions):
    mission_id, person = await missions.create(target=2, recurrence=Mission.RECURRENCE_ON_COMPLETION), new()
    restricted = ProcessingChanged(profile_id=person, version=1, is_restricted=True)
    await missions.incentive.happen(restricted, handler=on_processing_changed)

    await missions.shared(*(a_share(person, "latte", minute) for minute in range(2)))

    assert await missions.incentive.has(person) == (0, 0)
    lifted = ProcessingChanged(profile_id=person, version=2)
    await missions.incentive.happen(lifted, handler=on_processing_changed)
    await missions.shared(a_share(person, "latte", 3))
    assert [state for _, state, _ in await missions.progress(mission_id, person)] == ["REWARDED", "OPEN"]
    assert await missions.incentive.has(person) == (100, 0)


async def test_what_the_budget_cannot_pay_is_completed_unpaid(missions: Missions):
    mission_id = await missions.create(target=1, budget=150)
    first, second = new(), new()

    await missions.shared(a_share(first), a_share(second))

    states = {(await missions.progress(mission_id, each))[0][1] for each in (first, second)}
    assert states == {"REWARDED", "UNPAID"}
    assert (await missions.get(mission_id)).spent == 100


async def test_what_the_programmes_bounds_keep_back_is_not_told_as_earned(missions: Missions):
    await bounded(missions.incentive, balance_max=30)
    await missions.create(target=1)

    await missions.shared(a_share(profile_id := new()))

    assert [(fact.amount, fact.number) for fact in await missions.incentive.told(MissionCompleted)] == [(30, 1)]
    assert await missions.incentive.has(profile_id) == (30, 0)


async def test_a_paused_mission_counts_nothing_and_goes_on_taking_back(missions: Missions):
    metric = Metric(orders=Metric.ORDER_MEASURE_ORDERS)
    mission_id = await missions.create(metric=metric, target=1, rollback_after_completion=True)
    buyer, other = new(), new()
    paid = an_order(buyer, "a")
    await missions.paid(paid)

    await missions.stub.PauseMission(pb.PauseMissionRequest(request_id=new(), mission_id=mission_id))  # type: ignore[misc]
    await missions.paid(an_order(other, "a"))
    await missions.refunded(refund_of(paid, 1))
    await missions.stub.ResumeMission(pb.ResumeMissionRequest(request_id=new(), mission_id=mission_id))  # type: ignore[misc]

    assert await missions.progress(mission_id, other) == []
    assert await missions.progress(mission_id, buyer) == [(1, "REVERSED", 0)]
    assert await missions.incentive.has(buyer) == (0, 0)


async def test_only_facts_in_time_that_fulfil_the_condition_and_are_to_be_trusted_count(missions: Missions):
    when = json.dumps({"attr": {"path": "properties.sku", "op": "eq", "value": "latte"}})
    mission_id, sharer = await missions.create(when=when), new()

    await missions.shared(
        a_share(sharer, "latte"),
        a_share(sharer, "tea"),
        a_share(sharer, "latte", trust=TRUST_PUBLIC),
        a_share(sharer, "latte", minutes=30 * 24 * 60),
        a_share(sharer, "latte", minutes=-12 * 60 - 1),
    )

    assert await missions.progress(mission_id, sharer) == [(1, "OPEN", 1)]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("metric", {"metric": Metric()}),
        ("metric.events.name", {"metric": Metric(events=mission_pb2.MissionEvents())}),
        ("end_time", {"end_time": stamp(NOON - timedelta(hours=12))}),
        ("budget", {"amount": 500, "budget": 499}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
        ("when", {"when": "{"}),
        ("period", {"recurrence": Mission.RECURRENCE_ON_EXPIRATION}),
        (
            "recurrence",
            {
                "activation": Mission.ACTIVATION_FIXED_SCHEDULE,
                "recurrence": Mission.RECURRENCE_ON_COMPLETION,
                "period": Mission.PERIOD_DAY,
            },
        ),
    ],
)
async def test_what_does_not_fit_together_is_refused_by_field(missions: Missions, field, fields):
    with pytest.raises(InvalidArgument) as refusal:
        await missions.create(**fields)

    assert [name for name, _ in refusal.value.violations] == [field]


async def test_who_may_see_what(missions: Missions):
    mission_id, me, other = await missions.create(), new(), new()

    with acting(Call(Caller("shopper", READ, profile_id=me))):
        assert await missions.progress(mission_id, me) == []
        with pytest.raises(PermissionDenied):
            await missions.progress(mission_id, other)
    with acting(Call(Caller("store", READ, store_id=new()))), pytest.raises(PermissionDenied):
        await missions.get(mission_id)
    with pytest.raises(NotFound):
        await missions.get(new())


async def test_missions_are_listed_page_by_page(missions: Missions):
    made = [await missions.create() for _ in range(3)]

    first = await missions.stub.ListMissions(pb.ListMissionsRequest(page_size=2))  # type: ignore[misc]
    request = pb.ListMissionsRequest(page_size=2, page_token=first.next_page_token)
    second = await missions.stub.ListMissions(request)  # type: ignore[misc]

    assert [each.mission_id for each in (*first.missions, *second.missions)] == made
    assert second.next_page_token == ""
