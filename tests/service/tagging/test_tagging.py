"""Tagging over gRPC and its event handlers, on a real database."""

import asyncio
from datetime import timedelta

import pytest
from bowen.tagging.v1 import rule_service_pb2, tag_service_pb2, taxonomy_pb2, taxonomy_service_pb2

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import stamp
from services.tagging.tags import operations
from tests.service.tagging.tagging import Tagging

OFTEN = {"event": {"name": "bought", "window": {"last": "30d"}, "agg": "count", "op": "ge", "value": 3}}


def someone() -> str:
    return str(new_id())


async def test_d1_a_group_has_its_parents_dimension(tagging: Tagging) -> None:
    parent = await tagging.group("Spending")

    child = await tagging.group("Often", parent_group_id=parent.group_id, dimension=0)

    assert child.dimension == taxonomy_pb2.DIMENSION_INTERACTION
    with pytest.raises(FailedPrecondition, match="DIMENSION_MISMATCH"):
        await tagging.group("X", parent_group_id=parent.group_id, dimension=taxonomy_pb2.DIMENSION_BASIC)
    with pytest.raises(AlreadyExists, match="TAG_GROUP_EXISTS"):
        await tagging.group("Spending")
    with pytest.raises(NotFound, match="TAG_GROUP_NOT_FOUND"):
        await tagging.group("X", parent_group_id=someone())
    with pytest.raises(InvalidArgument, match="dimension"):
        await tagging.group("Root", dimension=0)


async def test_d2_in_an_exclusive_group_a_tag_replaces_the_other(tagging: Tagging) -> None:
    group = await tagging.group("Level", exclusive=True)
    silver, gold = await tagging.tag("silver", group.group_id), await tagging.tag("gold", group.group_id)
    profile_id = someone()

    await tagging.add(profile_id, silver)
    await tagging.add(profile_id, gold)

    assert await tagging.tags_of(profile_id) == ["gold"]
    assert await tagging.told() == ["tag.added", "tag.removed", "tag.added"]


async def test_eight_parallel_repeats_of_one_request_make_one_tag(tagging: Tagging) -> None:
    group = await tagging.group("Any")
    request = taxonomy_service_pb2.CreateTagRequest(request_id="one", group_id=group.group_id, key="k", name="k")

    responses = await asyncio.gather(*(tagging.taxonomy.CreateTag(request) for _ in range(8)))

    assert len({response.tag.tag_id for response in responses}) == 1
    with pytest.raises(AlreadyExists, match="TAG_KEY_EXISTS"):
        await tagging.tag("k")


async def test_a_rule_sets_its_tag_and_a_segment_follows(tagging: Tagging, clock: FixedClock) -> None:
    often = await tagging.tag("often")
    await tagging.rule(often, OFTEN)
    segment_id = await tagging.segment("Loyal", {"tag": {"key": "often"}})
    profile_id, now = someone(), clock.now()

    await tagging.tracked(profile_id, "bought", now, now)
    assert await tagging.tags_of(profile_id) == []
    await tagging.tracked(profile_id, "bought", now)

    assert await tagging.tags_of(profile_id) == ["often"]
    assert await tagging.members(segment_id) == [profile_id]
    assert (await tagging.read(segment_id)).member_count == 1
    assert await tagging.told() == ["tag.added", "segment.entered"]


async def test_e8_a_window_that_runs_out_takes_tag_and_membership_without_a_new_event(
    tagging: Tagging, clock: FixedClock
) -> None:
    often = await tagging.tag("often")
    await tagging.rule(often, OFTEN)
    segment_id = await tagging.segment("Loyal", {"tag": {"key": "often"}})
    profile_id, now = someone(), clock.now()
    await tagging.tracked(profile_id, "bought", now, now, now)

    assert await operations.judge_due(tagging.db, clock.now()) == 0
    clock.advance(timedelta(days=30).total_seconds())
    assert await operations.judge_due(tagging.db, clock.now()) == 1

    assert await tagging.tags_of(profile_id) == []
    assert await tagging.members(segment_id) == []
    assert await operations.judge_due(tagging.db, clock.now()) == 0


async def test_rules_on_attributes_follow_the_newest_state_only(tagging: Tagging) -> None:
    local = await tagging.tag("local")
    await tagging.rule(local, {"attr": {"path": "city", "op": "eq", "value": "上海"}})
    profile_id = someone()

    await tagging.updated(profile_id, 2, {"city": "上海"})
    await tagging.updated(profile_id, 1, {"city": "北京"})

    assert await tagging.tags_of(profile_id) == ["local"]
    await tagging.updated(profile_id, 3, {})
    assert await tagging.tags_of(profile_id) == []


async def test_a_new_rule_and_a_new_segment_reach_people_who_were_there_before(
    tagging: Tagging, clock: FixedClock
) -> None:
    people = [someone() for _ in range(7)]
    for profile_id in people:
        await tagging.tracked(profile_id, "bought", *[clock.now()] * 3)
    await tagging.backfilled()
    often = await tagging.tag("often")

    rule_id = await tagging.rule(often, OFTEN)
    segment_id = await tagging.segment("Loyal", {"tag": {"key": "often"}})
    await tagging.backfilled()

    assert await tagging.members(segment_id) == sorted(people)
    rule = await tagging.rules.GetRule(rule_service_pb2.GetRuleRequest(rule_id=rule_id))  # type: ignore[misc]
    assert rule.rule.state == rule.rule.STATE_ACTIVE


async def test_a_segment_of_those_without_a_tag_holds_people_nobody_has_tagged(
    tagging: Tagging, clock: FixedClock
) -> None:
    await tagging.tag("often")
    segment_id = await tagging.segment("New", {"not": {"tag": {"key": "often"}}})
    profile_id = someone()

    await tagging.tracked(profile_id, "looked", clock.now())

    assert await tagging.members(segment_id) == [profile_id]


async def test_e11_a_merge_that_changes_nothing_enters_and_leaves_nothing(tagging: Tagging, clock: FixedClock) -> None:
    often = await tagging.tag("often")
    await tagging.rule(often, OFTEN)
    segment_id = await tagging.segment("Loyal", {"tag": {"key": "often"}})
    survivor, loser = someone(), someone()
    await tagging.tracked(loser, "bought", *[clock.now()] * 3)
    before = await tagging.told()

    await tagging.merged(survivor, loser)

    assert await tagging.members(segment_id) == [survivor]
    assert await tagging.tags_of(loser) == await tagging.tags_of(survivor) == ["often"]
    assert [event for event in (await tagging.told())[len(before) :] if event.startswith("segment")] == []


async def test_merged_facts_count_together_and_late_ones_of_the_loser_too(tagging: Tagging, clock: FixedClock) -> None:
    often, vip = await tagging.tag("often"), await tagging.tag("vip")
    await tagging.rule(often, OFTEN)
    survivor, loser, third = someone(), someone(), someone()
    await tagging.add(loser, vip)
    await tagging.tracked(survivor, "bought", clock.now())
    await tagging.tracked(loser, "bought", clock.now())

    await tagging.merged(survivor, loser)
    await tagging.merged(third, survivor)
    assert await tagging.tags_of(third) == ["vip"]
    await tagging.tracked(loser, "bought", clock.now())

    assert await tagging.tags_of(third) == await tagging.tags_of(loser) == ["often", "vip"]
    await tagging.merged(third, loser)
    assert await tagging.tags_of(third) == ["often", "vip"]


async def test_a_tag_by_rule_stays_and_one_by_hand_goes(tagging: Tagging, clock: FixedClock) -> None:
    often, vip = await tagging.tag("often"), await tagging.tag("vip")
    await tagging.rule(often, OFTEN)
    profile_id = someone()
    await tagging.tracked(profile_id, "bought", *[clock.now()] * 3)
    await tagging.add(profile_id, vip, operator="anna")

    assert not await tagging.remove(profile_id, often)
    assert await tagging.remove(profile_id, vip)
    assert not await tagging.remove(profile_id, vip)

    assert await tagging.tags_of(profile_id) == ["often"]


async def test_the_tag_of_a_stopped_rule_stays_until_it_is_taken_by_hand(tagging: Tagging, clock: FixedClock) -> None:
    often = await tagging.tag("often")
    rule_id = await tagging.rule(often, OFTEN)
    profile_id = someone()
    await tagging.tracked(profile_id, "bought", *[clock.now()] * 3)

    await tagging.rules.StopRule(rule_service_pb2.StopRuleRequest(request_id="stop", rule_id=rule_id))  # type: ignore[misc]
    clock.advance(timedelta(days=31).total_seconds())
    await tagging.tracked(profile_id, "looked", clock.now())

    assert await tagging.tags_of(profile_id) == ["often"]
    assert await tagging.remove(profile_id, often)


async def test_d7_a_tag_by_hand_expires(tagging: Tagging, clock: FixedClock) -> None:
    vip = await tagging.tag("vip")
    profile_id = someone()
    await tagging.add(profile_id, vip, expire_time=stamp(clock.now() + timedelta(hours=1)))

    clock.advance(3600)
    await operations.judge_due(tagging.db, clock.now())

    assert await tagging.tags_of(profile_id) == []
    with pytest.raises(InvalidArgument, match="expire_time"):
        await tagging.add(profile_id, vip, expire_time=stamp(clock.now()))


async def test_faulty_definitions_are_refused_by_path_and_change_nothing(tagging: Tagging) -> None:
    often = await tagging.tag("often")

    with pytest.raises(InvalidArgument) as refusal:
        await tagging.rule(often, {"event": {"name": "e", "agg": "count", "op": "like", "value": 1}})
    assert (refusal.value.reason, refusal.value.metadata["path"]) == ("RULE_INVALID", "$.event.op")
    with pytest.raises(InvalidArgument, match="EXPRESSION_INVALID"):
        await tagging.segment("S", {"any": []})
    with pytest.raises(NotFound, match="TAG_NOT_FOUND"):
        await tagging.segment("S", {"tag": {"key": "nobody"}})
    await tagging.rule(often, OFTEN)
    with pytest.raises(AlreadyExists, match="TAG_HAS_RULE"):
        await tagging.rule(often, OFTEN)
    await tagging.segment("S", {"tag": {"key": "often"}})
    with pytest.raises(AlreadyExists, match="SEGMENT_NAME_EXISTS"):
        await tagging.segment("S", {"tag": {"key": "often"}})


async def test_a_shopper_reads_own_tags_only_when_the_contract_lets_shoppers_in_at_all(tagging: Tagging) -> None:
    profile_id = someone()
    request = tag_service_pb2.ListProfileTagsRequest(profile_id=profile_id)

    with acting(Call(Caller(f"shopper:{profile_id}", profile_id=profile_id))), pytest.raises(PermissionDenied):
        await tagging.tags.ListProfileTags(request)  # type: ignore[misc]


async def test_a_key_bound_to_a_store_neither_changes_what_is_the_brand_s_nor_lists_its_people(
    tagging: Tagging,
) -> None:
    often = await tagging.tag("often")
    rule_id = await tagging.rule(often, OFTEN)
    segment_id = await tagging.segment("S", {"tag": {"key": "often"}})
    nouns = ("taxonomy", "rules", "segments", "tags")
    scopes = frozenset(f"tagging.{noun}:{verb}" for noun in nouns for verb in ("read", "write"))
    stop = rule_service_pb2.StopRuleRequest(request_id="stop", rule_id=rule_id)

    with acting(Call(Caller("key:till", scopes, store_id=someone()))):
        for refused in (
            tagging.group("mine"),
            tagging.tag("mine", often.group_id),
            tagging.rule(often, OFTEN),
            tagging.rules.StopRule(stop),
            tagging.segment("mine", {"tag": {"key": "often"}}),
            tagging.members(segment_id),
        ):
            with pytest.raises(PermissionDenied):
                await refused
        await tagging.add(someone(), often)


async def test_crossed_merges_and_events_at_the_same_time_neither_fail_nor_lose_a_fact(
    tagging: Tagging, clock: FixedClock
) -> None:
    often = await tagging.tag("often")
    await tagging.rule(often, {"event": {"name": "bought", "agg": "count", "op": "ge", "value": 40}})
    one, two = someone(), someone()

    await asyncio.gather(
        *(tagging.tracked(profile_id, "bought", clock.now()) for profile_id in (one, two) * 20),
        tagging.merged(one, two),
        tagging.merged(one, two),
    )

    assert await tagging.tags_of(one) == ["often"]
