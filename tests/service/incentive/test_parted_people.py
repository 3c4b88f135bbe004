"""What people have of rewards when they are two again: what is kept per id restores by itself (spec people §3.5)."""

from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.profile.v1 import events_pb2 as profile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chassis.clock import FixedClock
from chassis.db import Tx, driver
from chassis.errors import FailedPrecondition
from chassis.stamps import stamp
from services.incentive.missions import consumers as mission_consumers
from services.incentive.pots import consumers as pot_consumers
from tests.service.incentive.campaigning import gives, of_orders, running, terms
from tests.service.incentive.ledgering import a_transfer
from tests.service.incentive.potting import a_pots
from tests.service.incentive.rewarding import (
    NOON,
    Incentive,
    a_merge,
    a_paid_order,
    an_event,
    an_incentive,
    an_undoing,
    new,
)
from tests.service.incentive.teaming import a_teams
from tests.service.incentive.test_audiences import entered, listen, live
from tests.service.incentive.test_flags import DUPLICATE, OPEN, standing
from tests.service.incentive.test_invitations import INVITER, edges, invite, purchases
from tests.service.incentive.test_missions import Metric, Missions, a_missions, a_share, an_order


@pytest.fixture
async def missions(incentive: Incentive) -> AsyncIterator[Missions]:
    async with a_missions(incentive) as missions:
        yield missions


@pytest.fixture
async def incentive(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Incentive]:
    async with an_incentive(fresh_database("incentive"), clock) as incentive:
        yield incentive
        await incentive.ledger.check()


async def part(incentive: Incentive, loser: str, survivor: str) -> None:
    """Merge two people, and undo it."""
    merge = a_merge(loser, survivor)
    await incentive.happen(merge)
    assert await incentive.grants(loser) == await incentive.grants(survivor)
    for _ in range(2):
        await incentive.happen(an_undoing(merge))


async def test_grants_points_and_limits_are_of_each_again(incentive: Incentive) -> None:
    await incentive.a_running_campaign(rewards_per_profile_max=2)
    loser, survivor = new(), new()
    await incentive.happen(an_event(loser), an_event(loser), an_event(survivor))

    await part(incentive, loser, survivor)
    await incentive.happen(an_event(loser), an_event(survivor))

    assert [len(await incentive.grants(each)) for each in (loser, survivor)] == [2, 2]
    assert (await incentive.has(loser), await incentive.has(survivor)) == ((20, 0), (20, 0))


async def test_coupons_are_of_whom_they_were_issued_to(incentive: Incentive) -> None:
    template_id = await incentive.a_template()
    loser, survivor = new(), new()
    own = [await incentive.issue(template_id, each) for each in (loser, survivor)]

    await part(incentive, loser, survivor)

    found = [await incentive.coupons_of(each) for each in (loser, survivor)]
    assert [[coupon.coupon_id for coupon in each] for each in found] == [[each.coupon_id] for each in own]


async def test_audiences_and_first_purchases_are_of_each_again(incentive: Incentive) -> None:
    segment_id, loser, survivor = new(), new(), new()
    await running(incentive, terms(gives(fixed=7), audience=live(segment_id)))
    await running(incentive, of_orders(gives(fixed=30), trigger=purchases(1, 1)))
    await listen(incentive, entered(segment_id, loser))
    await incentive.happen(a_paid_order(loser))

    await part(incentive, loser, survivor)
    for each in (loser, survivor):
        await incentive.happen(an_event(each))
        await incentive.happen(a_paid_order(each))

    assert [await incentive.has(each) for each in (loser, survivor)] == [(37, 0), (30, 0)]


async def test_invitations_are_of_each_again(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=5, beneficiary=INVITER)))
    inviter, loser, survivor, other = new(), new(), new(), new()
    await invite(incentive, inviter, loser)
    await invite(incentive, loser, other)

    await part(incentive, loser, survivor)
    for each in (loser, survivor, other):
        await incentive.happen(a_paid_order(each))

    assert await edges(incentive) == {(loser, inviter), (other, loser)}
    assert [(await incentive.has(each))[0] for each in (inviter, loser, survivor)] == [5, 5, 0]


async def test_missions_count_for_each_again_and_what_was_reached_together_is_paid_once(missions: Missions) -> None:
    incentive, mission_id, loser, survivor = missions.incentive, await missions.create(target=5), new(), new()
    await missions.shared(*(a_share(loser, minutes=minute) for minute in range(4)))
    await missions.shared(a_share(survivor))

    await part(incentive, loser, survivor)
    assert await missions.progress(mission_id, loser) == [(1, "OPEN", 4)]
    assert await missions.progress(mission_id, survivor) == [(1, "OPEN", 1)]

    merge = a_merge(loser, survivor)
    await incentive.happen(merge)
    await missions.shared(a_share(survivor, minutes=10))  # six together
    await incentive.happen(an_undoing(merge))
    await missions.shared(a_share(loser, minutes=11), *(a_share(survivor, minutes=12 + more) for more in range(3)))

    assert [await incentive.has(each) for each in (loser, survivor)] == [(100, 0), (100, 0)]


async def test_facts_of_another_person_count_for_that_person_in_missions_and_open_pots(missions: Missions) -> None:
    incentive, ours, theirs = missions.incentive, new(), new()
    mission_id = await missions.create(target=2, rollback_after_completion=True)
    orders = await missions.create(target=3, metric=Metric(orders=Metric.ORDER_MEASURE_ORDERS))
    async with a_pots(incentive) as pots:
        pot_id = await pots.create()
        events, order = [a_share(ours, minutes=minute) for minute in range(2)], an_order(ours, "latte")
        await missions.shared(*events)
        await incentive.happen(*events, handler=pot_consumers.on_event_recorded)
        await missions.paid(order)
        assert await incentive.has(ours) == (100, 0)

        moved = profile.EventReassigned(
            event_id=events[0].event_id, profile_id=theirs, from_profile_id=ours, reassign_time=stamp(NOON)
        )
        for handler in (mission_consumers.on_event_reassigned, pot_consumers.on_event_reassigned):
            for _ in range(2):
                await incentive.happen(moved, handler=handler)
        given = distribution.OrderReassigned(
            order_id=order.order_id, profile_id=theirs, from_profile_id=ours, reassign_time=stamp(NOON)
        )
        await incentive.happen(given, handler=mission_consumers.on_order_reassigned)

        assert await missions.progress(mission_id, ours) == [(1, "REVERSED", 1)]
        assert await missions.progress(mission_id, theirs) == [(1, "OPEN", 1)]
        assert await incentive.has(ours) == (0, 0)
        assert [await missions.progress(orders, each) for each in (ours, theirs)] == [[], [(1, "OPEN", 1)]]
        assert [(await pots.standing(pot_id, each)).score for each in (ours, theirs)] == [1, 1]


async def test_who_helped_as_one_helps_for_themselves_again(incentive: Incentive) -> None:
    async with a_teams(incentive) as teams:
        campaign_id, loser, survivor = await teams.help_campaign(), new(), new()
        first, second = [await teams.open(campaign_id, new()) for _ in range(2)]
        await teams.join(first.team_id, loser)
        merge = a_merge(loser, survivor)
        await incentive.happen(merge)
        with pytest.raises(FailedPrecondition):
            await teams.join(second.team_id, survivor)

        await incentive.happen(an_undoing(merge))

        assert (await teams.join(second.team_id, survivor)).taken == 1
        with pytest.raises(FailedPrecondition):
            await teams.join(second.team_id, loser)


async def test_a_chain_that_is_undone_from_its_beginning_leaves_everybody_their_own(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign()
    people = [new() for _ in range(4)]
    for number, each in enumerate(people, start=1):
        await incentive.happen(*(an_event(each) for _ in range(number)))
    merges = [a_merge(*pair) for pair in pairwise(people)]
    for merge in merges:
        await incentive.happen(merge)
    assert await incentive.has(people[0]) == (100, 0)

    for merge in (merges[0], merges[2], merges[1]):
        for _ in range(2):
            await incentive.happen(an_undoing(merge, *([people[1]] if merge is merges[2] else [])))

    assert [await incentive.has(each) for each in people] == [(10, 0), (20, 0), (30, 0), (40, 0)]
    assert await incentive.rows("SELECT * FROM unrecoverable") == []
    assert await incentive.spent(campaign_id) == 100


async def test_what_was_spent_as_one_is_missed_once_in_a_chain(incentive: Incentive) -> None:
    await incentive.a_running_campaign()
    a, b, c = people = [new() for _ in range(3)]
    for each in people:
        await incentive.happen(an_event(each))
    first, second = a_merge(a, b), a_merge(b, c)
    await incentive.happen(first)
    await incentive.happen(second)
    await incentive.ledger.post(a_transfer(f"member/{c}/available", "issuer/shop", 25))

    await incentive.happen(an_undoing(first))
    await incentive.happen(an_undoing(second))

    assert [await incentive.has(each) for each in people] == [(5, 0), (0, 0), (0, 0)]
    assert await incentive.rows("SELECT amount FROM unrecoverable ORDER BY amount") == [(5,), (10,)]


STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=8)


@settings(max_examples=8)
@given(steps=STEPS)
@example(steps=[(False, 0), (False, 1)])
@example(steps=[(False, 0), (False, 1), (True, 1)])
@example(steps=[(False, 1), (False, 0), (True, 1)])
async def test_i21_whatever_is_merged_and_undone_all_is_as_of_those_who_were_never_merged(
    incentive: Incentive, steps: list[tuple[bool, int]]
) -> None:
    await forget_all(incentive)
    await incentive.a_running_campaign(rewards_per_profile_max=1)
    a, b, c = people = [new() for _ in range(3)]
    for each in people:
        await incentive.happen(an_event(each))
    told: dict[int, profile.ProfileMerged] = {}
    for undo, pair in [*steps, *((True, pair) for pair in range(3))]:
        if undo and pair in told:
            await incentive.happen(an_undoing(told.pop(pair), *_below(told, pair, people)))
        elif not undo and pair not in told and len(told) < 2:
            loser, survivor = [(a, b), (b, c), (a, c)][pair]
            if loser not in {merge.loser_id for merge in told.values()}:
                told[pair] = a_merge(loser, survivor)
                await incentive.happen(told[pair])
                expected = [(DUPLICATE, OPEN)] * len(told)
                assert await standing(incentive, state=OPEN) == expected

    assert await standing(incentive, state=OPEN) == []
    assert [await incentive.has(each) for each in people] == [(10, 0)] * 3
    assert [len(await incentive.grants(each)) for each in people] == [1, 1, 1]
    assert await incentive.rows("SELECT * FROM redirect") == []


def _below(told: dict[int, profile.ProfileMerged], pair: int, people: list[str]) -> list[str]:
    """Who was merged into the one that is restored."""
    restored = [people[0], people[1], people[0]][pair]
    return [merge.loser_id for merge in told.values() if merge.survivor_id == restored]


async def forget_all(incentive: Incentive) -> None:
    """Begin anew."""

    async def work(tx: Tx) -> None:
        await (await driver(tx)).execute("UPDATE campaign SET state = 'archived'")
        await (await driver(tx)).execute("TRUNCATE reward_flag, reward_grant, claimant, merge, redirect")

    await incentive.db.transact(work)
