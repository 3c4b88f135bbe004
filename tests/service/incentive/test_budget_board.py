"""What the board tells of held rewards and of first purchases: spec value §2.7, BG-05."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from bowen.incentive.v1 import budget_pb2, campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb

from chassis.clock import FixedClock
from tests.service.incentive.budgeting import PROGRAMME, Replica, replicas
from tests.service.incentive.campaigning import gives, of_orders, terms, void
from tests.service.incentive.rewarding import (
    NOON,
    Incentive,
    a_merge,
    a_paid_order,
    a_refund,
    an_event,
    an_incentive,
    new,
)
from tests.service.incentive.test_gifts import delivery

DAY = timedelta(days=1)
LATER = campaign_pb2.Maturity(base=campaign_pb2.Maturity.BASE_DELIVERED)
Line = budget_pb2.BudgetLine


@pytest.fixture
def url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("incentive")


@pytest.fixture
async def incentive(url: str, clock: FixedClock) -> AsyncIterator[Incentive]:
    async with an_incentive(url, clock) as incentive:
        yield incentive


@pytest.fixture
async def pod(url: str, clock: FixedClock) -> AsyncIterator[Replica]:
    """Budgets beside the campaigns."""
    async with replicas(url, clock) as (pod,):
        yield pod


async def campaign(incentive: Incentive, said: campaign_pb2.CampaignTerms, parent_id: str) -> str:
    request = pb.CreateCampaignRequest(
        request_id=new(), name="Share and earn", terms=said, budget=1_000_000, parent_budget_id=parent_id
    )
    created = (await incentive.campaigns.CreateCampaign(request)).campaign  # type: ignore[misc]
    await incentive.start(created.campaign_id)
    return str(created.budget_id)


async def line(pod: Replica, budget_id: str) -> Line:
    await pod.servicer.tend()
    return (await pod.board(budget_id)).total


def held(shown: Line) -> tuple[int, int, int, int]:
    return shown.held_grants, shown.held_amount, shown.hold_rate_bp, shown.hold_amount_rate_bp


def first(shown: Line) -> tuple[int, int | None]:
    cost = shown.cost_per_first_purchase if shown.HasField("cost_per_first_purchase") else None
    return shown.first_purchases, cost


async def test_bg_05_what_waits_for_its_delivery_is_the_hold_rate_of_its_budget_and_of_those_above(
    incentive: Incentive, pod: Replica
) -> None:
    programme = await pod.create(10_000_000, kind=PROGRAMME)
    budget = await campaign(incentive, of_orders(gives(rate=1_000, maturity=LATER)), programme)
    prompt = await campaign(incentive, terms(gives(fixed=1_000)), programme)
    assert held(await line(pod, budget)) == (0, 0, 0, 0)

    one, two, three = (a_paid_order(new(), 10_000) for _ in range(3))
    await incentive.happen(one, two, three)
    await incentive.happen(an_event(new()))
    assert held(await line(pod, budget)) == (3, 3_000, 10_000, 10_000)
    assert held(await line(pod, programme)) == (3, 3_000, 7_500, 7_500)
    assert held(await line(pod, prompt)) == (0, 0, 0, 0)

    await incentive.happen(delivery(one, DAY), delivery(one, DAY))
    await incentive.happen(a_refund(two, 4_000))
    assert held(await line(pod, budget)) == (2, 1_600, 6_666, 6_153)  # of 3 grants, and of 2,600 that are left
    await incentive.happen(a_refund(two, 10_000))
    (grant,) = await incentive.grants(three.profile_id)
    await void(incentive, grant.grant_id)
    await incentive.happen(delivery(two, DAY), delivery(three, DAY))

    assert held(await line(pod, budget)) == (0, 0, 0, 0)
    assert held(await line(pod, programme)) == (0, 0, 0, 0)


async def test_bg_05_a_first_purchase_has_a_cost_where_a_reward_came_before_it_or_with_it(
    incentive: Incentive, pod: Replica
) -> None:
    programme = await pod.create(10_000_000, kind=PROGRAMME)
    shares = await campaign(incentive, terms(gives(fixed=30)), programme)
    orders = await campaign(incentive, of_orders(gives(fixed=10)), programme)
    sharer, idler, buyer, regular, other = (new() for _ in range(5))
    await incentive.happen(an_event(sharer), an_event(idler), an_event(regular))
    await incentive.happen(a_merge(other, regular))
    assert first(await line(pod, shares)) == (0, None)

    both = a_paid_order(sharer), a_paid_order(sharer)  # one person's first purchase is one
    await incentive.happen(*both, returned := a_paid_order(buyer))
    await incentive.happen(both[0])

    assert first(await line(pod, shares)) == (1, 90)
    assert first(await line(pod, orders)) == (2, 15)
    assert first(await line(pod, programme)) == (2, 60)  # 90 + 30 for two, of whom one was rewarded twice
    await incentive.happen(a_refund(returned, 10_000))
    assert first(await line(pod, orders)) == (1, 20)
    await incentive.happen(a_paid_order(buyer, at=NOON + DAY / 4))  # the first that is kept
    await incentive.happen(a_paid_order(other), a_paid_order(regular))
    assert first(await line(pod, orders)) == (3, 17)
    assert first(await line(pod, shares)) == (2, 45)


async def test_two_first_purchases_at_once_are_one(incentive: Incentive, pod: Replica) -> None:
    budget = await campaign(incentive, of_orders(gives(fixed=10)), await pod.create(10_000_000, kind=PROGRAMME))
    buyers = [new() for _ in range(10)]

    await asyncio.gather(*(incentive.happen(a_paid_order(each)) for each in buyers * 2))

    assert first(await line(pod, budget)) == (10, 20)
    async with asyncio.TaskGroup() as replicas_:
        for _ in range(3):
            replicas_.create_task(pod.servicer.tend())
    assert first(await line(pod, budget)) == (10, 20)
