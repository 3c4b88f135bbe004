"""What people have of rewards when they are two again: what is kept per id restores by itself (spec people §3.5)."""

from collections.abc import AsyncIterator, Callable

import pytest
from bowen.profile.v1.events_pb2 import ProfileUnmerged

from chassis.clock import FixedClock
from services.incentive.holds.consumers import on_profile_unmerged
from tests.service.incentive.rewarding import Incentive, a_merge, an_event, an_incentive, new


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
    undoing = ProfileUnmerged(merge_id=merge.merge_id, survivor_id=survivor, restored_id=loser, remaining_id=survivor)
    for _ in range(2):
        await incentive.happen(undoing, handler=on_profile_unmerged)


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
