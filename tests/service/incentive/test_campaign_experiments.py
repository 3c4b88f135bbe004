"""Arms, the holdout and what they came to: spec value §1C RW-10."""

from datetime import timedelta
from typing import Any

from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb

from chassis.stamps import stamp
from tests.service.incentive.campaigning import gives, refusals, running, terms
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_paid_order, a_refund, an_event, new

ARMS = [campaign_pb2.Arm(name="low", weight=1), campaign_pb2.Arm(name="high", weight=1)]


async def read(incentive: Incentive, campaign_id: str) -> Any:
    return await incentive.campaigns.GetExperiment(pb.GetExperimentRequest(campaign_id=campaign_id))  # type: ignore[misc]


async def test_people_are_parted_for_good_and_the_holdout_gets_nothing_and_a_row(incentive: Incentive) -> None:
    experiment = campaign_pb2.Experiment(holdout_bp=2_000, arms=ARMS)
    said = terms(gives(fixed=1, arm="low"), gives(fixed=100, arm="high"), experiment=experiment)
    campaign_id = await running(incentive, said)
    people = [new() for _ in range(200)]

    await incentive.happen(*map(an_event, people))
    await incentive.happen(*map(an_event, people))

    amounts = [(await incentive.has(each))[0] for each in people]
    assert set(amounts) == {0, 2, 200}
    held = amounts.count(0)
    assert 15 <= held <= 70  # 40 expected; twelve sigma would be less
    assert await refusals(incentive, campaign_id=campaign_id, page_size=200) == [("HOLDOUT", 0)] * min(2 * held, 200)
    found = await read(incentive, campaign_id)
    assert [(arm.arm, arm.people, arm.cost) for arm in found.arms] == [
        ("high", amounts.count(200), 200 * amounts.count(200)),
        ("low", amounts.count(2), 2 * amounts.count(2)),
    ]
    assert (found.holdout.arm, found.holdout.people, found.holdout.cost) == ("(holdout)", held, 0)


async def test_the_holdout_is_the_same_in_all_campaigns(incentive: Incentive) -> None:
    experiment = campaign_pb2.Experiment(holdout_bp=2_000)
    first = await running(incentive, terms(experiment=experiment))
    second = await running(incentive, terms(experiment=experiment))
    await incentive.happen(*(an_event(new()) for _ in range(50)))

    rows = await incentive.rows(
        "SELECT campaign_id::text, array_agg(profile_id::text ORDER BY profile_id) FROM exposure "
        "WHERE arm = '(holdout)' GROUP BY campaign_id"
    )

    assert {campaign_id for campaign_id, _ in rows} == {first, second}
    assert rows[0][1] == rows[1][1]


async def test_an_experiment_holds_out_one_in_twenty_unless_told_otherwise(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms(experiment=campaign_pb2.Experiment()))

    campaign = await incentive.campaign(campaign_id)

    assert (campaign.terms.experiment.holdout_bp, campaign.terms.experiment.outcome_days) == (500, 30)


async def test_rw_10_buyers_are_counted_after_they_were_judged_and_each_more_has_a_price(incentive: Incentive) -> None:
    experiment = campaign_pb2.Experiment(holdout_bp=5_000, outcome_days=7)
    campaign_id = await running(incentive, terms(gives(fixed=10), experiment=experiment))
    people = [new() for _ in range(120)]
    await incentive.happen(*map(an_event, people))
    treated = [each for each in people if (await incentive.has(each))[0]]
    held = [each for each in people if each not in treated]
    hour, week = timedelta(hours=1), timedelta(days=7)

    buyers = treated[: len(treated) // 2]
    await incentive.happen(*(a_paid_order(each, 5_000, at=NOON + hour) for each in buyers))
    await incentive.happen(a_paid_order(held[0], 5_000, at=NOON + hour))
    await incentive.happen(  # before, too late, and given back
        a_paid_order(held[1], at=NOON - hour),
        a_paid_order(held[2], at=NOON + week),
        returned := a_paid_order(held[3], at=NOON + hour),
    )
    await incentive.happen(a_refund(returned, 10_000))

    found = await read(incentive, campaign_id)
    (arm,) = found.arms
    assert (arm.people, arm.buyers, arm.net_minor, arm.cost) == (
        len(treated), len(buyers), 5_000 * len(buyers), 10 * len(treated),
    )  # fmt: skip
    assert (found.holdout.people, found.holdout.buyers) == (len(held), 1)
    assert arm.uplift_low_ppm < arm.uplift_ppm < arm.uplift_high_ppm
    assert arm.told_apart
    uplift = len(buyers) / len(treated) - 1 / len(held)
    assert abs(arm.uplift_ppm - uplift * 1e6) <= 1
    assert abs(arm.cost_per_incremental_buyer - 10 / uplift) <= 1
    low, high = arm.cost_per_incremental_buyer_low, arm.cost_per_incremental_buyer_high
    assert low <= arm.cost_per_incremental_buyer <= high


async def test_first_purchases_have_a_price_of_their_own(incentive: Incentive) -> None:
    experiment = campaign_pb2.Experiment(holdout_bp=5_000, outcome_days=7)
    campaign_id = await running(incentive, terms(gives(fixed=10), experiment=experiment))
    people = [new() for _ in range(60)]
    hour = timedelta(hours=1)
    await incentive.happen(returned := a_paid_order(people[0], at=NOON - hour))
    await incentive.happen(a_refund(returned, 10_000))  # who gave all back has bought nothing
    regulars = people[1::3]
    former = {each: new() for each in regulars[::2]}  # some bought as somebody else, who turned out to be them
    await incentive.happen(*(a_paid_order(former.get(each, each), at=NOON - hour) for each in regulars))
    for each, other in former.items():
        await incentive.happen(a_merge(other, each))
    await incentive.happen(*map(an_event, people))

    await incentive.happen(*(a_paid_order(each, 5_000, at=NOON + hour) for each in people))

    treated = [each for each in people if (await incentive.has(each))[0]]
    first = [each for each in treated if each not in regulars]
    found = await read(incentive, campaign_id)
    (arm,) = found.arms
    assert (arm.buyers, arm.first_buyers) == (len(treated), len(first))
    assert found.holdout.first_buyers == len(people) - len(regulars) - len(first)
    assert arm.cost_per_first_purchase == round(10 * len(treated) / len(first))
    uplift = len(first) / len(treated) - found.holdout.first_buyers / found.holdout.people
    assert arm.incremental_first_buyers_milli == round(uplift * len(treated) * 1_000)
    assert arm.cost_per_incremental_first_purchase == (round(10 / uplift) if uplift > 0 else 0)


async def test_a_merged_person_counts_once_in_the_arm_of_the_first_time(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms(experiment=campaign_pb2.Experiment(holdout_bp=100)))
    one, other = new(), new()
    await incentive.happen(an_event(one, timestamp=stamp(NOON - timedelta(hours=1))), an_event(other))

    await incentive.happen(a_merge(one, other))
    found = await read(incentive, campaign_id)

    assert sum(arm.people for arm in found.arms) + found.holdout.people == 1


async def test_a_campaign_without_an_experiment_has_nothing_to_read(incentive: Incentive) -> None:
    found = await read(incentive, await running(incentive, terms()))

    assert list(found.arms) == []
