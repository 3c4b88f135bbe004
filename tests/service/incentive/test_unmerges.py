"""What goes back when people who were taken for one are two again (spec people §3.5)."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from chassis.clock import FixedClock
from tests.service.incentive.lotting import Lots, a_lots, local, new


@pytest.fixture
async def lots(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Lots]:
    async with a_lots(fresh_database("incentive"), clock) as lots:
        lots.set(local("2026-06-01 12:00:00"))
        yield lots
        await lots.check()


@pytest.mark.parametrize("in_lots", [False, True])
async def test_i24_what_was_spent_of_a_merged_person_does_not_come_back_and_is_told(lots: Lots, in_lots: bool) -> None:
    if in_lots:
        await lots.programme()
    loser, survivor = new(), new()
    await lots.earn(loser, 100)
    lots.clock.advance(1)
    await lots.earn(survivor, 40)
    merge_id = await lots.merged(loser, survivor)
    assert await lots.spend(survivor, 120) == ""

    missing = await lots.unmerged(merge_id, loser, survivor)

    left = await lots.has(loser), await lots.has(survivor)
    assert left == (({}, {"available": 20}) if in_lots else ({"available": 20}, {}))
    assert missing == {"points": 100 - left[0].get("available", 0)}
    assert await lots.rows("SELECT asset, amount FROM unrecoverable") == list(missing.items())
    assert await lots.unmerged(merge_id, loser, survivor) == {}


async def test_everything_goes_back_to_its_lots_when_nothing_was_spent(lots: Lots) -> None:
    await lots.programme()
    loser, survivor = new(), new()
    mature = lots.clock.now() + timedelta(days=1)
    await lots.earn(loser, 60, "2026-06-30")
    await lots.earn(loser, 30, "2026-12-31", matures=mature)
    await lots.earn(survivor, 50, "2026-09-30")
    first = await lots.place(loser, 25, ttl=604_800)
    merge_id = await lots.merged(loser, survivor)
    second = await lots.place(survivor, 10, ttl=604_800)
    lots.set(mature)

    missing = await lots.unmerged(merge_id, loser, survivor)

    # Ten of the restored person's are in a hold that the other one placed: they stay there.
    assert missing == {"points": 10}
    assert await lots.has(loser) == {"available": 55, "held": 25}
    assert await lots.has(survivor) == {"available": 50, "held": 10}
    await lots.capture(first.hold_id, 5)
    await lots.void(second.hold_id)
    assert await lots.left(loser) == [("2026-06-30", 45), ("2026-12-31", 30)]


async def test_what_expired_meanwhile_is_not_missing(lots: Lots) -> None:
    await lots.programme()
    loser, survivor = new(), new()
    await lots.earn(loser, 60, "2026-06-30")
    await lots.earn(loser, 5, "2026-12-31")
    merge_id = await lots.merged(loser, survivor)
    lots.set(local("2026-07-01 00:00:00"))

    assert await lots.unmerged(merge_id, loser, survivor) == {}

    assert await lots.has(loser) == {"available": 5}


async def test_debt_goes_back_as_far_as_it_is_owed(lots: Lots) -> None:
    loser, survivor = new(), new()
    earning = await lots.earn(loser, 90)
    await lots.spend(loser, 90)
    await lots.reverse(earning)
    merge_id = await lots.merged(loser, survivor)

    assert await lots.unmerged(merge_id, loser, survivor) == {}

    assert (await lots.has(loser), await lots.has(survivor)) == ({"debt": 90}, {})


async def test_what_two_merges_in_a_row_moved_goes_back_from_whom_it_came_to(lots: Lots) -> None:
    await lots.programme()
    one, two, three = new(), new(), new()
    await lots.earn(one, 10, "2026-07-31")
    await lots.earn(two, 20, "2026-08-31")
    first = await lots.merged(one, two)
    await lots.merged(two, three)

    assert await lots.unmerged(first, one, three, survivor_id=two) == {}

    assert (await lots.has(one), await lots.has(three)) == ({"available": 10}, {"available": 20})
    assert await lots.left(one) == [("2026-07-31", 10)]


async def test_i24_the_undoing_may_come_before_the_merge_which_then_moves_nothing(lots: Lots) -> None:
    await lots.programme()
    loser, survivor, merge_id = new(), new(), new()
    await lots.earn(loser, 100)
    await lots.earn(survivor, 40)

    assert await lots.unmerged(merge_id, loser, survivor) == {}
    for _ in range(2):
        await lots.merged(loser, survivor, merge_id)

    assert (await lots.has(loser), await lots.has(survivor)) == ({"available": 100}, {"available": 40})


async def test_i21_a_chain_is_undone_link_by_link_and_sums_are_as_before(lots: Lots) -> None:
    await lots.programme()
    people = [new(), new(), new()]
    first, second = new(), new()
    for number, person in enumerate(people, 1):
        await lots.earn(person, 10 * number, f"2026-0{number + 6}-30")
    links = [(people[0], people[1], first), (people[1], people[2], second)]
    for loser, survivor, merge_id in links:
        await lots.merged(loser, survivor, merge_id)
    assert await lots.has(people[2]) == {"available": 60}

    await lots.unmerged(second, people[1], people[2], restored_from_ids=[people[0]])
    assert [await lots.has(each) for each in people] == [{"available": 30}, {"available": 30}, {"available": 30}]
    await lots.unmerged(first, people[0], people[1])

    assert [await lots.has(each) for each in people] == [{"available": 10}, {"available": 20}, {"available": 30}]


@pytest.mark.parametrize("in_lots", [False, True])
async def test_i21_who_was_merged_into_a_merged_person_is_parted_with_that_person(lots: Lots, in_lots: bool) -> None:
    if in_lots:
        await lots.programme()
    one, two, three = people = [new(), new(), new()]
    for number, person in enumerate(people, 1):
        await lots.earn(person, 10 * number)
    second = await lots.merged(two, three)
    first = await lots.merged(one, two)
    assert await lots.has(three) == {"available": 60}

    await lots.unmerged(second, two, three, restored_from_ids=[one])
    assert [await lots.has(each) for each in people] == [{"available": 30}] * 3  # the first two are one
    await lots.unmerged(first, one, two)

    assert [await lots.has(each) for each in people] == [{"available": 10}, {"available": 20}, {"available": 30}]


async def test_i24_what_was_spent_before_a_chain_went_on_is_missed_by_who_had_brought_it(lots: Lots) -> None:
    one, two, three = people = [new(), new(), new()]
    for person in people:
        await lots.earn(person, 10)
    first = await lots.merged(one, two)
    await lots.spend(two, 15)
    second = await lots.merged(two, three)

    assert await lots.unmerged(first, one, three, survivor_id=two) == {"points": 5}
    assert await lots.unmerged(second, two, three) == {}

    assert [await lots.has(each) for each in people] == [{"available": 5}, {}, {"available": 10}]


@pytest.mark.parametrize("in_lots", [False, True])
async def test_the_same_two_may_be_merged_again_after_they_were_parted(lots: Lots, in_lots: bool) -> None:
    if in_lots:
        await lots.programme()
    loser, survivor, first = new(), new(), new()
    await lots.earn(loser, 10)
    await lots.merged(loser, survivor, first)
    await lots.unmerged(first, loser, survivor)

    await lots.merged(loser, survivor)
    await lots.merged(loser, survivor, first)

    assert await lots.has(survivor) == {"available": 10}


async def test_what_is_held_goes_back_in_the_lots_that_it_was_held_of(lots: Lots) -> None:
    await lots.programme()
    loser, survivor = new(), new()
    await lots.earn(loser, 25, "2026-12-31")
    first = await lots.place(loser, 25, ttl=604_800)
    await lots.earn(survivor, 10, "2026-06-30")
    merge_id = await lots.merged(loser, survivor)
    second = await lots.place(survivor, 10, ttl=604_800)

    await lots.unmerged(merge_id, loser, survivor)
    await lots.void(first.hold_id)
    await lots.void(second.hold_id)

    assert await lots.left(loser) == [("2026-12-31", 25)]
    assert await lots.left(survivor) == [("2026-06-30", 10)]


@pytest.mark.parametrize("in_lots", [False, True])
async def test_a_parting_that_is_told_after_the_next_merge_moves_only_what_is_the_parted_persons(
    lots: Lots, in_lots: bool
) -> None:
    if in_lots:
        await lots.programme()
    loser, first, second = new(), new(), new()
    for who, amount, held in ((loser, 10, 5), (second, 20, 8)):
        await lots.earn(who, amount)
        await lots.place(who, held, ttl=604_800)
    merge_id = await lots.merged(loser, first)
    await lots.merged(loser, second)

    await lots.unmerged(merge_id, loser, first)

    assert await lots.has(first) == {}
    assert await lots.has(second) == {"available": 17, "held": 13}


async def test_what_those_have_set_aside_who_came_with_the_restored_person_goes_back_with_them(lots: Lots) -> None:
    first, second, third = new(), new(), new()
    for who, amount, held in ((first, 10, 5), (second, 20, 8), (third, 30, 9)):
        await lots.earn(who, amount)
        await lots.place(who, held, ttl=604_800)
    await lots.merged(first, second)
    merge_id = await lots.merged(second, third)

    await lots.unmerged(merge_id, second, third)

    assert await lots.has(second) == {"available": 17, "held": 13}
    assert await lots.has(third) == {"available": 21, "held": 9}
