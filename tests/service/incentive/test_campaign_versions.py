"""How campaigns go from draft to archive, and what an edit changes: spec value §2.3, RW-02, RW-04, CMP-03."""

import asyncio
from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb

from chassis.errors import FailedPrecondition, InvalidArgument
from chassis.stamps import stamp
from tests.service.incentive.campaigning import (
    archive,
    draft,
    edit,
    end,
    evaluate,
    explain,
    gives,
    publish,
    refusals,
    running,
    terms,
)
from tests.service.incentive.rewarding import NOON, Incentive, a_campaign, an_event, new

State = campaign_pb2.Campaign


async def test_cmp_03_grants_before_and_after_an_edit_carry_their_version(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms(gives(fixed=10)))
    await incentive.happen(an_event(before := new()))

    edited = await edit(incentive, campaign_id, terms(gives(fixed=25)))
    await incentive.happen(an_event(meanwhile := new()))
    published = await publish(incentive, campaign_id)
    await incentive.happen(an_event(after := new()))

    assert (edited.campaign.version, edited.campaign.draft_version) == (1, 2)
    assert (published.campaign.version, published.campaign.draft_version) == (2, 0)
    found = [(grant.campaign_version, grant.amount) for each in (before, meanwhile, after)
             for grant in await incentive.grants(each)]  # fmt: skip
    assert found == [(1, 10), (1, 10), (2, 25)]
    versions = (await incentive.campaigns.ListCampaignVersions(  # type: ignore[misc]
        pb.ListCampaignVersionsRequest(campaign_id=campaign_id)
    )).versions  # fmt: skip
    assert [(each.version, each.terms.effects[0].asset.fixed) for each in versions] == [(1, 10), (2, 25)]


async def test_cmp_03_an_edit_that_races_facts_leaves_no_mix(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms(gives(fixed=10), gives("growth", fixed=1)))
    await edit(incentive, campaign_id, terms(gives(fixed=20), gives("growth", fixed=2)))
    people = [new() for _ in range(20)]

    async def both(profile_id: str) -> None:
        await incentive.happen(an_event(profile_id))

    await asyncio.gather(*map(both, people[:10]), publish(incentive, campaign_id), *map(both, people[10:]))

    for profile_id in people:
        growth, points = await incentive.grants(profile_id)
        assert (points.campaign_version, points.amount, growth.amount) in [(1, 10, 1), (2, 20, 2)]
        assert growth.campaign_version == points.campaign_version


async def test_a_published_version_does_not_change_any_more(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms(gives(fixed=10)))
    await edit(incentive, campaign_id, terms(gives(fixed=20)))
    await edit(incentive, campaign_id, terms(gives(fixed=30)))
    await publish(incentive, campaign_id)
    again = await publish(incentive, campaign_id)

    rows = await incentive.rows(
        "SELECT version, terms->'effects'->0->'tiers'->0->'amount'->>'fixed' FROM campaign_version ORDER BY version"
    )

    assert rows == [(1, "10"), (2, "30")]
    assert again.campaign.version == 2


async def test_a_campaign_is_scheduled_runs_and_ends_by_the_clock(incentive: Incentive) -> None:
    campaign_id = await draft(incentive, terms(start_time=stamp(NOON + timedelta(hours=1))))

    await publish(incentive, campaign_id)

    assert (await incentive.campaign(campaign_id)).state == State.STATE_SCHEDULED
    incentive.clock.advance(3600)
    assert (await incentive.campaign(campaign_id)).state == State.STATE_RUNNING
    incentive.clock.advance(11 * 3600 - 0.001)
    assert (await incentive.campaign(campaign_id)).state == State.STATE_RUNNING
    incentive.clock.advance(0.001)
    assert (await incentive.campaign(campaign_id)).state == State.STATE_ENDED


async def test_an_ended_campaign_answers_to_what_was_before_its_end_and_to_nothing_else(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms())

    ended = await end(incentive, campaign_id)
    await incentive.happen(
        an_event(before := new(), timestamp=stamp(NOON - timedelta(milliseconds=1))), an_event(after := new())
    )

    assert ended.state == State.STATE_ENDED
    assert [await incentive.has(each) for each in (before, after)] == [(10, 0), (0, 0)]
    for attempt in (
        incentive.start(campaign_id),
        edit(incentive, campaign_id, terms()),
    ):
        with pytest.raises(FailedPrecondition) as refused:
            await attempt
        assert refused.value.reason == "CAMPAIGN_OVER"


async def test_only_what_can_no_longer_give_is_archived_and_leaves_the_list(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms())
    with pytest.raises(FailedPrecondition) as refused:
        await archive(incentive, campaign_id)

    await end(incentive, campaign_id)
    archived = await archive(incentive, campaign_id)
    await incentive.happen(an_event(profile_id := new(), timestamp=stamp(NOON - timedelta(hours=1))))

    assert refused.value.reason == "CAMPAIGN_NOT_OVER"
    assert archived.state == State.STATE_ARCHIVED
    listed = (await incentive.campaigns.ListCampaigns(pb.ListCampaignsRequest())).campaigns  # type: ignore[misc]
    assert list(listed) == []
    assert await incentive.has(profile_id) == (0, 0)


async def test_a_draft_cannot_be_ended(incentive: Incentive) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        await end(incentive, await draft(incentive, terms()))

    assert refused.value.reason == "CAMPAIGN_NOT_RUNNING"


async def test_rw_03_a_grant_is_explained_from_what_was_stored(incentive: Incentive) -> None:
    when = '{"attr": {"path": "properties.channel", "op": "eq", "value": "pos"}}'
    campaign_id = await running(incentive, terms(when=when))
    await incentive.happen(an_event(profile_id := new(), properties='{"channel": "POS", "secret": "s"}'))
    await edit(incentive, campaign_id, terms(gives(fixed=99)))
    await publish(incentive, campaign_id)

    (grant,) = await incentive.grants(profile_id)
    why = await explain(incentive, grant.grant_id)

    assert (why.terms.when, why.terms.effects[0].asset.fixed) == (when, 10)
    assert {check.name: check.held for check in why.checks} == {
        "TRIGGER": True, "WINDOW": True, "LATENESS": True, "CONDITION": True, "BUDGET": True,
    }  # fmt: skip
    assert '"channel":"POS"' in why.snapshot
    assert "secret" not in why.snapshot  # nothing is kept that the condition does not ask


async def test_rw_04_what_becomes_known_within_72_hours_is_judged_and_later_waits_in_a_queue(
    incentive: Incentive,
) -> None:
    said = terms(start_time=stamp(NOON - timedelta(days=9)))
    campaign_id = await running(incentive, said)
    happened = NOON - timedelta(hours=72)
    facts = [
        an_event(new(), timestamp=stamp(happened), receive_time=stamp(NOON)),
        an_event(late := new(), timestamp=stamp(happened - timedelta(milliseconds=1)), receive_time=stamp(NOON)),
    ]

    await incentive.happen(*facts)

    assert await incentive.has(facts[0].profile_id) == (10, 0)
    assert await refusals(incentive, campaign_id=campaign_id, reason="LATE") == [("LATE", 0)]
    assert await refusals(incentive, profile_id=late) == [("LATE", 0)]


async def test_rw_11_an_evaluation_changes_nothing_and_tries_drafts_at_any_instant(incentive: Incentive) -> None:
    when = '{"attr": {"path": "properties.channel", "op": "eq", "value": "pos"}}'
    later = terms(start_time=stamp(NOON + timedelta(days=1)), end_time=stamp(NOON + timedelta(days=2)), when=when)
    campaign_id = await draft(incentive, later)
    fact = campaign_pb2.Trigger(event_name="Product Shared")
    facts = ('{"properties": {"channel": "pos"}}', '{"properties": {"channel": "app"}}', "{}")

    found = [
        await evaluate(
            incentive, fact=fact, facts=text, time=stamp(NOON + timedelta(days=1)), campaign_ids=[campaign_id]
        )
        for text in facts
    ]
    early = await evaluate(incentive, fact=fact, facts=facts[0], campaign_ids=[campaign_id])

    assert [effect.amount for effect in found[0].effects] == [10]
    assert [(item.reason, item.detail) for each in found[1:] for item in each.skipped] == [
        ("CONDITION_FALSE", ""),
        ("ATTR_MISSING", "properties.channel"),
    ]
    assert (list(early.effects), list(early.skipped)) == ([], [])
    assert await incentive.rows("SELECT count(*) FROM reward_grant UNION ALL SELECT count(*) FROM grant_refusal") == [
        (0,), (0,),
    ]  # fmt: skip


async def test_rw_01_a_fact_that_is_not_of_the_catalogue_is_refused(incentive: Incentive) -> None:
    for wrong in (campaign_pb2.Trigger(), campaign_pb2.Trigger(act=campaign_pb2.ACT_UNSPECIFIED)):
        with pytest.raises(InvalidArgument) as refused:
            await evaluate(incentive, fact=wrong)
        assert refused.value.violations[0][0].startswith("fact")
        with pytest.raises(InvalidArgument):
            await draft(incentive, terms(trigger=wrong))
    with pytest.raises(InvalidArgument):
        await draft(incentive, terms(trigger=campaign_pb2.Trigger(act=99)))  # type: ignore[arg-type]


async def test_terms_and_the_fields_of_a_simple_campaign_do_not_mix(incentive: Incentive) -> None:
    request = a_campaign(terms=terms())

    with pytest.raises(InvalidArgument) as refused:
        await incentive.campaigns.CreateCampaign(request)  # type: ignore[misc]

    assert [field for field, _ in refused.value.violations] == ["trigger", "reward", "start_time", "end_time"]
