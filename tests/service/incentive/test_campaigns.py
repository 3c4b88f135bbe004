"""Campaigns over gRPC, facts through the consumers' handlers: cases of spec value §3.3."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import RewardGranted
from bowen.profile.v1 import event_pb2

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import stamp
from tests.service.incentive.rewarding import (
    NOON,
    Incentive,
    a_campaign,
    a_merge,
    a_paid_order,
    an_entry,
    an_event,
    an_incentive,
    new,
    on_order,
    points,
)


async def test_a_named_event_earns_the_fixed_reward(incentive: Incentive) -> None:
    campaign_id, profile_id = await incentive.a_running_campaign(), new()

    await incentive.happen(event := an_event(profile_id), an_event(profile_id, "Product Viewed"))

    (grant,) = await incentive.grants(profile_id)
    assert (grant.campaign_id, grant.cause, grant.amount) == (campaign_id, event.event_id, 10)
    assert grant.state == campaign_pb2.Grant.STATE_GRANTED
    assert await incentive.has(profile_id) == (10, 0)
    assert await incentive.spent(campaign_id) == 10
    (told,) = await incentive.told(RewardGranted)
    assert (told.grant_id, told.profile_id, told.amount) == (grant.grant_id, profile_id, 10)
    await incentive.ledger.check()


async def test_an_entry_into_the_segment_earns_and_into_another_does_not(incentive: Incentive) -> None:
    segment_id, one, other = new(), new(), new()
    await incentive.a_running_campaign(trigger=campaign_pb2.Trigger(segment_id=segment_id))

    await incentive.happen(an_entry(one, segment_id), an_entry(other, new()))

    assert (await incentive.has(one), await incentive.has(other)) == ((10, 0), (0, 0))


async def test_an_order_earns_basis_points_of_its_net_amount_rounded_down(incentive: Incentive) -> None:
    reward = campaign_pb2.Reward(asset="points", order_rate_bp=333)
    await incentive.a_running_campaign(trigger=on_order(net_minor_min=10_000), reward=reward)
    enough, too_small = new(), new()

    await incentive.happen(a_paid_order(enough, 10_001), a_paid_order(too_small, 9_999))

    assert (await incentive.has(enough), await incentive.has(too_small)) == ((333, 0), (0, 0))


async def test_every_running_campaign_answers_and_drafts_and_paused_ones_do_not(incentive: Incentive) -> None:
    await incentive.a_running_campaign(reward=points(1))
    await incentive.a_running_campaign(reward=points(20))
    await incentive.campaigns.CreateCampaign(a_campaign(reward=points(300)))  # type: ignore[misc]
    await incentive.pause(await incentive.a_running_campaign(reward=points(4000)))
    profile_id = new()

    await incentive.happen(an_event(profile_id))

    assert await incentive.has(profile_id) == (21, 0)


async def test_cmp_01_one_fact_delivered_five_times_at_once_earns_once(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign(trigger=on_order())
    paid = a_paid_order(profile_id := new())

    await asyncio.gather(*(incentive.happen(paid, paid) for _ in range(5)))
    await incentive.happen(paid)

    assert len(await incentive.grants(profile_id)) == 1
    assert (await incentive.has(profile_id), await incentive.spent(campaign_id)) == ((10, 0), 10)


@pytest.mark.parametrize(
    ("offset", "earned"),
    [
        (timedelta(hours=-12, milliseconds=-1), 0),
        (timedelta(hours=-12), 10),
        (timedelta(hours=12, milliseconds=-1), 10),
        (timedelta(hours=12), 0),
    ],
)
async def test_cmp_04_a_fact_is_judged_when_it_happened_not_when_it_arrived(
    incentive: Incentive, offset: timedelta, earned: int
) -> None:
    await incentive.a_running_campaign()
    incentive.clock.advance(14 * 3600)  # the campaign ended two hours ago

    await incentive.happen(an_event(profile_id := new(), timestamp=stamp(NOON + offset)))

    assert await incentive.has(profile_id) == (earned, 0)


async def test_cmp_06_a_budget_that_cannot_pay_in_full_pays_nothing_and_says_so(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign(budget=13)
    first, second = new(), new()

    await incentive.happen(an_event(first), an_event(second))

    assert (await incentive.has(first), await incentive.has(second)) == ((10, 0), (0, 0))
    assert await incentive.spent(campaign_id) == 10
    assert await incentive.denials(campaign_id) == [(second, "BUDGET_EXHAUSTED")]


async def test_bud_01_a_campaign_spends_its_budget_to_the_last_reward_under_any_concurrency(
    fresh_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = fresh_database("incentive")
    async with an_incentive(url, clock) as one, an_incentive(url, clock) as two:
        campaign_id = await one.a_running_campaign(budget=500, reward=points(7))

        await asyncio.gather(*(replica.happen(*(an_event(new()) for _ in range(5))) for replica in (one, two) * 20))

        assert await one.spent(campaign_id) == 497
        assert await one.ledger.balance(f"issuer/{campaign_id}") == -497
        assert len(await one.denials(campaign_id)) == 200 - 71
        await two.ledger.check()


async def test_a_refused_fact_stays_refused_when_it_comes_again(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign(budget=10, trigger=on_order())
    await incentive.happen(a_paid_order(new()))

    await incentive.happen(paid := a_paid_order(profile_id := new()))
    await incentive.happen(paid)

    assert await incentive.denials(campaign_id) == [(profile_id, "BUDGET_EXHAUSTED")]


async def test_nobody_gets_more_rewards_than_one_person_may_however_many_facts_come_at_once(
    incentive: Incentive,
) -> None:
    campaign_id, profile_id = await incentive.a_running_campaign(rewards_per_profile_max=3), new()

    await asyncio.gather(*(incentive.happen(an_event(profile_id), an_event(new())) for _ in range(10)))

    assert await incentive.has(profile_id) == (30, 0)
    assert await incentive.denials(campaign_id) == [(profile_id, "PERSON_LIMIT")] * 7


async def test_merged_profiles_are_one_person_to_the_limit(incentive: Incentive) -> None:
    await incentive.a_running_campaign(rewards_per_profile_max=3)
    loser, survivor = new(), new()
    await incentive.happen(an_event(loser), an_event(loser), an_event(survivor))

    await incentive.happen(a_merge(loser, survivor))
    await incentive.happen(an_event(loser), an_event(survivor))

    assert await incentive.has(survivor) == await incentive.has(loser) == (30, 0)
    assert {grant.profile_id for grant in await incentive.grants(loser)} == {survivor}
    assert len(await incentive.grants(survivor)) == 3


async def test_grants_that_race_a_merge_keep_the_limit_that_either_order_allows(incentive: Incentive) -> None:
    await incentive.a_running_campaign(rewards_per_profile_max=2)
    loser, survivor = new(), new()

    await asyncio.gather(
        *(incentive.happen(an_event(profile_id)) for profile_id in (loser, survivor) * 4),
        incentive.happen(a_merge(loser, survivor)),
        *(incentive.happen(an_event(profile_id)) for profile_id in (loser, survivor) * 4),
    )
    await incentive.happen(an_event(loser), an_event(survivor))

    rewards = len(await incentive.grants(survivor))
    assert 2 <= rewards <= 4  # each profile's own before they were one person
    assert await incentive.has(survivor) == (10 * rewards, 0)
    assert await incentive.rows("SELECT sum(rewards) FROM claimant") == [(rewards,)]
    await incentive.ledger.check()


async def test_after_the_answer_to_a_pause_nothing_is_given_and_a_start_resumes(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign()
    stream = [asyncio.create_task(incentive.happen(an_event(new()))) for _ in range(60)]
    await stream[5]

    await incentive.pause(campaign_id)

    spent = await incentive.spent(campaign_id)
    await asyncio.gather(*stream)
    await incentive.happen(an_event(late := new()))
    assert await incentive.spent(campaign_id) == spent
    assert await incentive.denials(campaign_id) == []
    await incentive.start(campaign_id)
    await incentive.happen(an_event(late))
    assert await incentive.has(late) == (10, 0)


async def test_events_that_a_browser_claims_count_as_well(incentive: Incentive) -> None:
    await incentive.a_running_campaign()

    await incentive.happen(an_event(profile_id := new(), trust=event_pb2.TRUST_PUBLIC))

    assert await incentive.has(profile_id) == (10, 0)


async def test_a_draft_can_be_started_twice_but_not_paused(incentive: Incentive) -> None:
    created = await incentive.campaigns.CreateCampaign(a_campaign())  # type: ignore[misc]
    campaign_id = created.campaign.campaign_id
    assert created.campaign.state == campaign_pb2.Campaign.STATE_DRAFT

    with pytest.raises(FailedPrecondition) as refusal:
        await incentive.pause(campaign_id)
    await incentive.start(campaign_id)
    await incentive.start(campaign_id)

    assert (refusal.value.reason, refusal.value.metadata["state"]) == ("CAMPAIGN_NOT_RUNNING", "DRAFT")
    assert (await incentive.campaign(campaign_id)).state == campaign_pb2.Campaign.STATE_RUNNING
    await incentive.pause(campaign_id)
    await incentive.pause(campaign_id)
    assert (await incentive.campaign(campaign_id)).state == campaign_pb2.Campaign.STATE_PAUSED


async def test_a_campaign_that_is_not_there_is_not_found(incentive: Incentive) -> None:
    for attempt in (incentive.campaign, incentive.start, incentive.pause):
        with pytest.raises(NotFound) as refusal:
            await attempt(new())
        assert refusal.value.reason == "CAMPAIGN_NOT_FOUND"


async def test_what_was_created_is_what_is_read_and_listed(incentive: Incentive) -> None:
    request = a_campaign(trigger=on_order(500), rewards_per_profile_max=7)
    request.reward.CopyFrom(campaign_pb2.Reward(asset="points", order_rate_bp=250))
    created = (await incentive.campaigns.CreateCampaign(request)).campaign  # type: ignore[misc]
    again = (await incentive.campaigns.CreateCampaign(request)).campaign  # type: ignore[misc]
    second = (await incentive.campaigns.CreateCampaign(a_campaign())).campaign  # type: ignore[misc]

    first_page = await incentive.campaigns.ListCampaigns(pb.ListCampaignsRequest(page_size=1))  # type: ignore[misc]
    token = first_page.next_page_token
    last_page = await incentive.campaigns.ListCampaigns(  # type: ignore[misc]
        pb.ListCampaignsRequest(page_size=1, page_token=token)
    )

    assert created == again == await incentive.campaign(created.campaign_id)
    assert (created.trigger, created.reward, created.budget) == (request.trigger, request.reward, request.budget)
    assert [*first_page.campaigns, *last_page.campaigns] == [created, second]
    assert last_page.next_page_token == ""


async def test_grants_are_paged_newest_first(incentive: Incentive) -> None:
    await incentive.a_running_campaign()
    events = [an_event(profile_id := new())] + [an_event(profile_id) for _ in range(4)]
    await incentive.happen(*events)

    causes, token = [], ""
    while True:
        request = pb.ListProfileGrantsRequest(profile_id=profile_id, page_size=2, page_token=token)
        page = await incentive.campaigns.ListProfileGrants(request)  # type: ignore[misc]
        causes += [grant.cause for grant in page.grants]
        token = page.next_page_token
        if not token:
            break

    assert causes == [event.event_id for event in reversed(events)]


EVENT = campaign_pb2.Trigger(event_name="Product Shared")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"trigger": campaign_pb2.Trigger()}, ["trigger"]),
        ({"trigger": campaign_pb2.Trigger(event_name="")}, ["trigger.event_name"]),
        ({"trigger": campaign_pb2.Trigger(segment_id="nonsense")}, ["trigger.segment_id"]),
        ({"trigger": on_order(-1)}, ["trigger.order_paid.net_minor_min"]),
        ({"reward": campaign_pb2.Reward(asset="points")}, ["reward"]),
        ({"reward": campaign_pb2.Reward(asset="No Code", fixed=1)}, ["reward.asset"]),
        ({"reward": points(0)}, ["reward.fixed"]),
        ({"reward": points(-5)}, ["reward.fixed"]),
        ({"reward": points(10), "budget": 9}, ["budget"]),
        ({"reward": campaign_pb2.Reward(asset="points", order_rate_bp=100)}, ["reward.order_rate_bp"]),
        (
            {"reward": campaign_pb2.Reward(asset="points", order_rate_bp=10_001), "trigger": on_order()},
            ["reward.order_rate_bp"],
        ),
        ({"end_time": stamp(NOON - timedelta(hours=12))}, ["end_time"]),
        (
            {"trigger": campaign_pb2.Trigger(), "reward": points(0), "end_time": stamp(NOON - timedelta(days=9))},
            ["trigger", "reward.fixed", "end_time"],
        ),
    ],
)
async def test_fields_that_do_not_fit_together_are_all_named(
    incentive: Incentive, fields: dict[str, object], wrong: list[str]
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await incentive.campaigns.CreateCampaign(a_campaign(**fields))  # type: ignore[misc]

    assert refusal.value.reason == "CAMPAIGN_INVALID"
    assert [field for field, _ in refusal.value.violations] == wrong


async def test_a_store_may_read_campaigns_but_not_make_them_or_look_into_people(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign()
    scopes = frozenset({"incentive.campaigns:write", "incentive.campaigns:read"})

    with acting(Call(Caller("key:store", scopes, store_id=new()))):
        await incentive.campaign(campaign_id)
        for attempt in (
            incentive.campaigns.CreateCampaign(a_campaign()),
            incentive.campaigns.PauseCampaign(pb.PauseCampaignRequest(request_id="1", campaign_id=campaign_id)),
            incentive.campaigns.ListProfileGrants(pb.ListProfileGrantsRequest(profile_id=new())),
        ):
            with pytest.raises(PermissionDenied):
                await attempt  # type: ignore[misc]


async def test_a_shopper_sees_the_own_grants_also_after_a_merge_and_nobody_elses(incentive: Incentive) -> None:
    await incentive.a_running_campaign()
    shopper, survivor = new(), new()
    await incentive.happen(an_event(shopper))
    await incentive.happen(a_merge(shopper, survivor))

    with acting(Call(Caller("shopper:1", profile_id=shopper))):
        assert len(await incentive.grants(shopper)) == 1
        with pytest.raises(PermissionDenied):
            await incentive.grants(str(new_id()))
