"""People who were taken for one are two again: what tagging gives back (spec people §3.5)."""

import pytest

from chassis.clock import FixedClock
from chassis.ids import new_id
from tests.service.tagging.tagging import Tagging, a_track

BOUGHT = {"event": {"name": "bought", "window": {"last": "30d"}, "agg": "count", "op": "ge", "value": 3}}
LOCAL = {"attr": {"path": "city", "op": "eq", "value": "上海"}}


def someone() -> str:
    return str(new_id())


async def test_b10_an_undone_merge_leaves_both_as_before_and_tells_what_changes_only(
    tagging: Tagging, clock: FixedClock
) -> None:
    often, vip, local = [await tagging.tag(key) for key in ("often", "vip", "local")]
    await tagging.rule(often, BOUGHT)
    await tagging.rule(local, LOCAL)
    loyal, vips = [await tagging.segment(key, {"tag": {"key": key}}) for key in ("often", "vip")]
    await tagging.backfilled()
    survivor, loser = someone(), someone()
    await tagging.tracked(survivor, "bought", clock.now(), clock.now())
    await tagging.tracked(loser, "bought", clock.now())
    await tagging.add(loser, vip)
    await tagging.updated(loser, 1, {"city": "上海"})
    before = [await tagging.tags_of(survivor), await tagging.tags_of(loser)]

    merge_id = await tagging.merged(survivor, loser, version=2)
    assert (await tagging.tags_of(loser), await tagging.members(loyal)) == (["often", "vip"], [survivor])
    told = len(await tagging.told())
    for _ in range(2):
        await tagging.unmerged(survivor, loser, merge_id, restored_attributes='{"city": "上海"}', restored_version=3)

    assert [await tagging.tags_of(survivor), await tagging.tags_of(loser)] == before == [[], ["local", "vip"]]
    assert (await tagging.members(loyal), await tagging.members(vips)) == ([], [loser])
    assert (await tagging.told())[told:] == ["tag.removed", "segment.left"]


@pytest.mark.parametrize("undone_first", [False, True])
async def test_b10_the_undoing_may_come_before_the_merge_and_both_may_come_again(
    tagging: Tagging, clock: FixedClock, undone_first: bool
) -> None:
    often = await tagging.tag("often")
    await tagging.rule(often, BOUGHT)
    survivor, loser, merge_id = someone(), someone(), str(new_id())
    await tagging.tracked(survivor, "bought", clock.now(), clock.now())
    await tagging.tracked(loser, "bought", clock.now())

    if undone_first:
        await tagging.unmerged(survivor, loser, merge_id)
    for _ in range(2):
        await tagging.merged(survivor, loser, merge_id=merge_id)
    await tagging.unmerged(survivor, loser, merge_id)
    await tagging.merged(survivor, loser, merge_id=merge_id)

    assert [await tagging.tags_of(survivor), await tagging.tags_of(loser)] == [[], []]
    await tagging.tracked(loser, "bought", clock.now(), clock.now())
    assert [await tagging.tags_of(survivor), await tagging.tags_of(loser)] == [[], ["often"]]


@pytest.mark.parametrize("recorded_first", [False, True])
@pytest.mark.parametrize("unmerged_first", [False, True])
async def test_events_since_the_merge_count_for_whose_they_are_in_whatever_order_it_is_told(
    tagging: Tagging, clock: FixedClock, recorded_first: bool, unmerged_first: bool
) -> None:
    often = await tagging.tag("often")
    await tagging.rule(often, BOUGHT)
    survivor, loser = someone(), someone()
    await tagging.tracked(loser, "bought", clock.now(), clock.now())
    merge_id = await tagging.merged(survivor, loser)
    event = a_track(survivor, "bought", clock.now())

    if recorded_first:
        await tagging.recorded(event)
    if unmerged_first:
        await tagging.unmerged(survivor, loser, merge_id)
    await tagging.reassigned(event, loser, clock.now())
    await tagging.recorded(event)
    await tagging.unmerged(survivor, loser, merge_id)

    assert [await tagging.tags_of(survivor), await tagging.tags_of(loser)] == [[], ["often"]]


async def test_of_several_reassignments_of_one_event_the_latest_holds(tagging: Tagging, clock: FixedClock) -> None:
    seen = await tagging.tag("seen")
    await tagging.rule(seen, {"event": {"name": "bought", "agg": "count", "op": "ge", "value": 1}})
    first, second, third = someone(), someone(), someone()
    event, early = a_track(first, "bought", clock.now()), clock.now()
    await tagging.recorded(event)
    clock.advance(5)

    await tagging.reassigned(event, third, clock.now())
    await tagging.reassigned(event, second, early)

    assert [await tagging.tags_of(each) for each in (first, second, third)] == [[], [], ["seen"]]


async def test_i21_a_chain_is_undone_in_its_middle_and_the_rest_of_it_stands(
    tagging: Tagging, clock: FixedClock
) -> None:
    tags = [await tagging.tag(key) for key in ("a", "b", "c")]
    people = [someone() for _ in tags]
    for person, tag in zip(people, tags, strict=True):
        await tagging.add(person, tag)
        clock.advance(1)
    first = await tagging.merged(people[1], people[0])
    second = await tagging.merged(people[2], people[1])

    await tagging.unmerged(people[2], people[1], second, restored_from_ids=[people[0]])
    assert [await tagging.tags_of(each) for each in people] == [["a", "b"], ["a", "b"], ["c"]]
    await tagging.unmerged(people[1], people[0], first)

    assert [await tagging.tags_of(each) for each in people] == [["a"], ["b"], ["c"]]


async def test_i21_the_first_link_of_a_chain_is_undone_and_the_later_one_stands(
    tagging: Tagging, clock: FixedClock
) -> None:
    tags = [await tagging.tag(key) for key in ("a", "b", "c")]
    people = [someone() for _ in tags]
    for person, tag in zip(people, tags, strict=True):
        await tagging.add(person, tag)
        clock.advance(1)
    first = await tagging.merged(people[1], people[0])
    second = await tagging.merged(people[2], people[1])

    await tagging.unmerged(people[1], people[0], first, remaining_id=people[2])
    assert [await tagging.tags_of(each) for each in people] == [["a"], ["b", "c"], ["b", "c"]]
    await tagging.unmerged(people[2], people[1], second)

    assert [await tagging.tags_of(each) for each in people] == [["a"], ["b"], ["c"]]


async def test_tags_by_hand_go_back_to_whom_they_were_given_and_what_was_taken_since_stays_taken(
    tagging: Tagging, clock: FixedClock
) -> None:
    both, own, taken, since = [await tagging.tag(key) for key in ("both", "own", "taken", "since")]
    survivor, loser = someone(), someone()
    for tag in (both, own, taken):
        await tagging.add(loser, tag)
    clock.advance(1)
    await tagging.add(survivor, both)
    merge_id = await tagging.merged(survivor, loser)
    await tagging.add(survivor, since)
    await tagging.remove(survivor, taken)

    await tagging.unmerged(survivor, loser, merge_id)

    assert await tagging.tags_of(loser) == ["both", "own"]
    assert await tagging.tags_of(survivor) == ["both", "since"]


async def test_d2_of_an_exclusive_group_the_newer_tag_by_hand_stands_after_a_merge_and_both_after_its_undoing(
    tagging: Tagging, clock: FixedClock
) -> None:
    group = await tagging.group("Level", exclusive=True)
    silver, gold = await tagging.tag("silver", group.group_id), await tagging.tag("gold", group.group_id)
    for older, newer in ((silver, gold), (gold, silver)):
        survivor, loser = someone(), someone()
        first, second = (survivor, loser) if older is silver else (loser, survivor)
        await tagging.add(first, older)
        clock.advance(1)
        await tagging.add(second, newer)

        merge_id = await tagging.merged(survivor, loser)
        assert await tagging.tags_of(survivor) == [newer.key]
        await tagging.unmerged(survivor, loser, merge_id)

        assert (await tagging.tags_of(first), await tagging.tags_of(second)) == ([older.key], [newer.key])


async def test_an_update_of_who_is_about_to_be_restored_does_not_become_the_other_one_s(tagging: Tagging) -> None:
    local = await tagging.tag("local")
    await tagging.rule(local, LOCAL)
    survivor, loser = someone(), someone()
    merge_id = await tagging.merged(survivor, loser, version=2)

    await tagging.updated(loser, 4, {"city": "上海"})
    assert await tagging.tags_of(survivor) == []
    await tagging.unmerged(survivor, loser, merge_id, remaining_version=3, restored_version=3)

    assert [await tagging.tags_of(survivor), await tagging.tags_of(loser)] == [[], ["local"]]
