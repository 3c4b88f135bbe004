"""What refunds take back: in proportion, never more than was given, and the rest as debt."""

import asyncio
from itertools import permutations
from typing import Any

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed

from tests.service.incentive.rewarding import (
    Incentive,
    a_merge,
    a_paid_order,
    a_refund,
    an_event,
    new,
    on_order,
    points,
)

PARTLY, WHOLLY = campaign_pb2.Grant.STATE_PARTLY_REVERSED, campaign_pb2.Grant.STATE_REVERSED


@pytest.fixture
async def campaign_id(incentive: Incentive) -> str:
    """A thousand points for every order."""
    return await incentive.a_running_campaign(trigger=on_order(), reward=points(1_000))


async def spend(incentive: Incentive, profile_id: str, amount: int) -> None:
    from tests.service.incentive.ledgering import POSTED, a_transfer

    (outcome,) = await incentive.ledger.post(a_transfer(f"member/{profile_id}/available", "sys/redeemed", amount))
    assert outcome.result == POSTED


async def test_three_partial_refunds_take_back_cumulative_floors_and_all_in_the_end(
    incentive: Incentive, campaign_id: str
) -> None:
    await incentive.happen(paid := a_paid_order(profile_id := new(), 9_999))

    left = []
    for total in (3_333, 6_666, 9_999):
        await incentive.happen(a_refund(paid, total))
        left.append((await incentive.has(profile_id))[0])

    assert left == [667, 334, 0]
    (grant,) = await incentive.grants(profile_id)
    assert (grant.amount, grant.reversed_amount, grant.state) == (1_000, 1_000, WHOLLY)
    assert [told.amount for told in await incentive.told(RewardReversed)] == [333, 333, 334]
    assert await incentive.spent(campaign_id) == 0
    await incentive.ledger.check()


async def test_bud_04_a_refund_gives_the_budget_back_once_however_often_it_is_told(
    incentive: Incentive, campaign_id: str
) -> None:
    await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
    refund = a_refund(paid, 2_500)

    await asyncio.gather(*(incentive.happen(refund, refund) for _ in range(5)))

    assert await incentive.spent(campaign_id) == 750
    assert await incentive.has(profile_id) == (750, 0)
    (grant,) = await incentive.grants(profile_id)
    assert (grant.reversed_amount, grant.state) == (250, PARTLY)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_refunds_in_any_order_come_to_the_same(
    incentive: Incentive, campaign_id: str, order: tuple[int, ...]
) -> None:
    paid = a_paid_order(profile_id := new(), 10_000)
    facts = [paid, a_refund(paid, 1_000), a_refund(paid, 5_000)]

    for index in order:
        await incentive.happen(facts[index])

    assert await incentive.has(profile_id) == (500, 0)
    assert await incentive.spent(campaign_id) == 500
    await incentive.ledger.check()


async def test_cmp_02_an_order_that_is_refunded_before_it_is_known_to_be_paid_earns_nothing(
    incentive: Incentive, campaign_id: str
) -> None:
    paid = a_paid_order(profile_id := new(), 10_000)

    await incentive.happen(a_refund(paid, 10_000))
    await incentive.happen(paid)

    assert (await incentive.has(profile_id), await incentive.grants(profile_id)) == ((0, 0), [])
    assert await incentive.spent(campaign_id) == 0
    assert await incentive.denials(campaign_id) == [(profile_id, "ORDER_REFUNDED")]
    assert await incentive.told(RewardGranted) == []


async def test_payment_and_refund_at_once_leave_nothing_behind(incentive: Incentive, campaign_id: str) -> None:
    orders = [a_paid_order(new(), 10_000) for _ in range(20)]

    def both(paid: Any) -> list[Any]:
        return [incentive.happen(paid), incentive.happen(a_refund(paid, 10_000))]

    await asyncio.gather(*(happening for paid in orders for happening in both(paid)))

    assert [await incentive.has(paid.profile_id) for paid in orders] == [(0, 0)] * 20
    assert await incentive.spent(campaign_id) == 0
    await incentive.ledger.check()


async def test_led_16_what_is_spent_becomes_debt_and_later_earnings_pay_it_first(
    incentive: Incentive, campaign_id: str
) -> None:
    await incentive.a_running_campaign(reward=points(50))
    await incentive.happen(paid := a_paid_order(profile_id := new()))
    await spend(incentive, profile_id, 900)

    await incentive.happen(a_refund(paid, 10_000))
    assert await incentive.has(profile_id) == (0, 900)
    await incentive.happen(an_event(profile_id))
    assert await incentive.has(profile_id) == (0, 850)
    await incentive.happen(*(an_event(profile_id) for _ in range(18)))

    assert await incentive.has(profile_id) == (50, 0)
    await incentive.ledger.check()


async def test_led_19_buying_and_refunding_again_and_again_earns_nothing(
    incentive: Incentive, campaign_id: str
) -> None:
    profile_id = new()

    for _ in range(20):
        await incentive.happen(paid := a_paid_order(profile_id))
        await incentive.happen(a_refund(paid, 10_000))

    assert await incentive.has(profile_id) == (0, 0)
    assert await incentive.spent(campaign_id) == 0


async def test_the_refund_of_what_a_merged_profile_earned_is_taken_from_the_survivor(
    incentive: Incentive, campaign_id: str
) -> None:
    loser, survivor = new(), new()
    await incentive.happen(paid := a_paid_order(loser))
    await incentive.happen(a_merge(loser, survivor))
    await spend(incentive, survivor, 400)

    await incentive.happen(a_refund(paid, 5_000))
    assert await incentive.has(survivor) == (100, 0)
    await incentive.happen(a_refund(paid, 10_000))

    assert await incentive.has(survivor) == (0, 400)
    assert {told.profile_id for told in await incentive.told(RewardReversed)} == {survivor}
    await incentive.ledger.check()


async def test_a_reward_that_is_taken_back_in_full_gives_its_place_back(incentive: Incentive) -> None:
    await incentive.a_running_campaign(trigger=on_order(), reward=points(500), rewards_per_profile_max=1)
    profile_id = new()
    await incentive.happen(first := a_paid_order(profile_id))

    await incentive.happen(a_refund(first, 9_999))
    await incentive.happen(a_paid_order(profile_id))
    assert await incentive.has(profile_id) == (1, 0)  # 499 of 500 taken back: the place is still taken

    await incentive.happen(a_refund(first, 10_000))
    await incentive.happen(a_paid_order(profile_id))
    assert await incentive.has(profile_id) == (500, 0)


async def test_a_free_order_that_is_refunded_loses_its_reward(incentive: Incentive, campaign_id: str) -> None:
    await incentive.happen(paid := a_paid_order(profile_id := new(), net_minor=0))
    assert await incentive.has(profile_id) == (1_000, 0)

    await incentive.happen(a_refund(paid, 0))

    assert await incentive.has(profile_id) == (0, 0)


async def test_a_pause_does_not_keep_refunds_from_taking_back(incentive: Incentive, campaign_id: str) -> None:
    await incentive.happen(paid := a_paid_order(profile_id := new()))
    await incentive.pause(campaign_id)

    await incentive.happen(a_refund(paid, 10_000))

    assert await incentive.has(profile_id) == (0, 0)
