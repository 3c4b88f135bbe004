"""Campaigns that bring missions forward: spec value §2.3, effects and their inverses."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from bowen.incentive.v1 import campaign_pb2, mission_pb2
from bowen.incentive.v1.events_pb2 import MissionCompleted, MissionReversed, RewardGranted, RewardReversed

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from services.incentive.missions import consumers
from tests.service.incentive.campaigning import draft, of_orders, publish, running, void
from tests.service.incentive.rewarding import NOON, Incentive, a_paid_order, a_refund, new
from tests.service.incentive.test_missions import Metric, Missions, missions

__all__ = ["missions"]


def forward(mission_id: str, progress: int) -> campaign_pb2.Effect:
    return campaign_pb2.Effect(mission=campaign_pb2.MissionEffect(mission_id=mission_id, progress=progress))


async def listen(incentive: Incentive) -> None:
    """Missions are told what campaigns have given and taken back so far, all of it once more."""
    await tell(incentive, *await incentive.told(RewardGranted))
    await tell(incentive, *await incentive.told(RewardReversed))


async def tell(incentive: Incentive, *facts: Any) -> None:
    for fact in facts:
        given = isinstance(fact, RewardGranted)
        handler = consumers.on_reward_granted if given else consumers.on_reward_reversed
        await incentive.happen(fact, handler=handler)


async def test_a_campaign_brings_a_mission_forward_and_a_refund_takes_it_back(missions: Missions) -> None:
    incentive, profile_id = missions.incentive, new()
    mission_id = await missions.create(target=7, rollback_after_completion=True)
    campaign_id = await running(incentive, of_orders(forward(mission_id, 4)))

    await incentive.happen(first := a_paid_order(profile_id))
    await listen(incentive)
    assert await missions.progress(mission_id, profile_id) == [(1, "OPEN", 4)]
    await incentive.happen(a_paid_order(profile_id))
    await listen(incentive)
    assert await missions.progress(mission_id, profile_id) == [(1, "REWARDED", 8)]
    assert (await incentive.has(profile_id))[0] == 100

    grant = (await incentive.grants(profile_id))[-1]
    assert (grant.mission_id, grant.amount, grant.asset) == (mission_id, 4, "")
    assert await incentive.spent(campaign_id) == 0
    await incentive.happen(a_refund(first, 5_000))
    await listen(incentive)
    assert await missions.progress(mission_id, profile_id) == [(1, "REVERSED", 6)]
    await void(incentive, grant.grant_id)
    await listen(incentive)
    assert await missions.progress(mission_id, profile_id) == [(1, "REVERSED", 4)]
    assert (await incentive.has(profile_id))[0] == 0
    assert [len(await incentive.told(kind)) for kind in (MissionCompleted, MissionReversed)] == [1, 1]
    await incentive.ledger.check()


async def test_progress_is_the_same_in_whatever_order_it_is_told(missions: Missions) -> None:
    incentive, mission_ids = missions.incentive, []
    for order in permutations(range(3)):
        profile_id, mission_id = new(), await missions.create(target=7)
        mission_ids.append(mission_id)
        campaign_id = await running(incentive, of_orders(forward(mission_id, 5)))
        await incentive.happen(paid := a_paid_order(profile_id))
        for total in (4_000, 6_000):
            await incentive.happen(a_refund(paid, total))
        await incentive.pause(campaign_id)
        kinds = [*await incentive.told(RewardGranted), *await incentive.told(RewardReversed)]
        facts = [fact for fact in kinds if fact.mission_id == mission_id]

        await tell(incentive, *(facts[index] for index in order), facts[order[0]])

        assert await missions.progress(mission_id, profile_id) == [(1, "OPEN", 2)]


@pytest.mark.parametrize("metric", [None, Metric(orders=Metric.ORDER_MEASURE_PRODUCTS)])
async def test_a_mission_that_is_not_there_or_counts_different_things_cannot_be_brought_forward(
    missions: Missions, metric: mission_pb2.MissionMetric | None
) -> None:
    mission_id = await missions.create(metric=metric) if metric else new()
    campaign_id = await draft(missions.incentive, of_orders(forward(mission_id, 1)))

    with pytest.raises(InvalidArgument) as refused:
        await publish(missions.incentive, campaign_id)

    assert [field for field, _ in refused.value.violations] == ["terms.effects[0].mission.mission_id"]


async def test_a_mission_that_is_over_takes_no_progress(missions: Missions) -> None:
    incentive, profile_id = missions.incentive, new()
    over = await missions.create(end_time=stamp(NOON - timedelta(hours=1)))
    await running(incentive, of_orders(forward(over, 3)))

    await incentive.happen(a_paid_order(profile_id))
    await listen(incentive)

    assert [each for each in await missions.progress(over, profile_id) if each[2]] == []
