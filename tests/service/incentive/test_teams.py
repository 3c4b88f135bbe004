"""Group buying and helping over gRPC: spec value §2.5, GP-03, POT-10, POT-11."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import campaign_pb2, team_pb2
from bowen.incentive.v1 import team_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import TeamCompleted, TeamExpired

from chassis.caller import Call, Caller, acting
from chassis.db import Tx
from chassis.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Refusal
from chassis.ids import new_id
from chassis.stamps import stamp
from services.incentive.teams import operations
from services.incentive.teams.consumers import on_order_refunded
from tests.service.incentive.ledgering import a_transfer
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_paid_order, a_refund, new
from tests.service.incentive.teaming import DAY, HELP, Teams, a_teams
from tests.service.incentive.test_merges_meeting import meets


@pytest.fixture
async def teams(incentive: Incentive) -> AsyncIterator[Teams]:
    async with a_teams(incentive) as teams:
        yield teams
        await incentive.ledger.check()


def reasons(outcomes: list[Any]) -> list[str]:
    return [each.reason for each in outcomes if isinstance(each, Refusal)]


def numbered(order_number: str) -> Any:
    """Somebody paid for an order of this number."""
    paid = a_paid_order(new())
    paid.order.order_number = order_number
    return paid


async def test_gp_03_a_group_that_comes_together_gets_what_was_promised_once(teams: Teams) -> None:
    campaign_id, captain, second, third = await teams.campaign(), new(), new(), new()
    team = await teams.open(campaign_id, captain, order_reference="A-1")
    assert (team.taken, (await teams.read(campaign_id)).spent) == (1, 20)

    await teams.join(team.team_id, second, order_reference="A-2")
    team = await teams.join(team.team_id, third, order_reference="A-3")
    again = await teams.join(team.team_id, third)

    assert (team.state, team.taken, again.state) == (team_pb2.Team.STATE_COMPLETED, 3, team_pb2.Team.STATE_COMPLETED)
    assert await teams.points(captain, second, third) == [10, 5, 5]
    assert (await teams.read(campaign_id)).spent == 20
    (told,) = await teams.incentive.told(TeamCompleted)
    assert [(each.profile_id, each.order_reference) for each in told.members] == [
        (captain, "A-1"),
        (second, "A-2"),
        (third, "A-3"),
    ]


async def test_gp_05_who_keeps_nothing_of_the_order_loses_what_the_complete_team_got_them_and_nobody_else(
    teams: Teams,
) -> None:
    orders = [numbered(f"A-{number}") for number in range(3)]
    captain, second, third = (order.profile_id for order in orders)
    campaign_id, stranger = await teams.campaign(), numbered("A-1")
    team = await teams.open(campaign_id, captain, order_reference=orders[0].order_id)
    await teams.join(team.team_id, second, order_reference="A-1")
    await teams.join(team.team_id, third, order_reference="A-2")
    await teams.incentive.ledger.post(a_transfer(f"member/{captain}/available", "sys/redeemed", 4))

    for refund in (a_refund(orders[1], 9_999), a_refund(stranger, 10_000)):
        await teams.incentive.happen(refund, handler=on_order_refunded)
    assert await teams.points(captain, second, third) == [6, 5, 5]
    everything = [a_refund(orders[0], 10_000), a_refund(orders[1], 10_000)]
    await teams.incentive.happen(*everything, *everything, handler=on_order_refunded)
    await teams.incentive.happen(*everything, handler=on_order_refunded)

    assert await teams.points(captain, second, third) == [0, 0, 5]
    assert await teams.incentive.ledger.balance(f"member/{captain}/debt") == -4
    assert (await teams.read(campaign_id)).spent == 5
    team = await teams.get(team.team_id)
    assert (team.state, team.taken) == (team_pb2.Team.STATE_COMPLETED, 3)
    assert [each.HasField("refund_time") for each in team.members] == [True, True, False]


async def test_who_returns_their_order_while_the_team_is_open_makes_room_and_a_captain_gets_nothing(
    teams: Teams,
) -> None:
    orders = [numbered(f"A-{number}") for number in range(4)]
    campaign_id = await teams.campaign()
    team = await teams.open(campaign_id, orders[0].profile_id, order_reference="A-0")
    await teams.join(team.team_id, orders[1].profile_id, order_reference="A-1")

    await teams.incentive.happen(*(a_refund(each, 10_000) for each in orders[:2]), handler=on_order_refunded)
    open_team = await teams.get(team.team_id)
    for number in (2, 3):
        team = await teams.join(team.team_id, orders[number].profile_id, order_reference=f"A-{number}")

    assert (open_team.state, open_team.taken, team.state) == (
        team_pb2.Team.STATE_OPEN,
        1,
        team_pb2.Team.STATE_COMPLETED,
    )
    assert await teams.points(*(order.profile_id for order in orders)) == [0, 0, 5, 5]
    assert (await teams.read(campaign_id)).spent == 10


async def test_pot_10_of_two_who_join_the_last_seat_at_once_one_is_in_and_the_other_finds_it_full(teams: Teams) -> None:
    campaign_id = await teams.campaign(teams_per_profile_max=10)
    captain = new()
    for _ in range(5):
        team = await teams.open(campaign_id, captain)
        await teams.join(team.team_id, new())

        outcomes = await asyncio.gather(*(teams.join(team.team_id, new()) for _ in range(2)), return_exceptions=True)

        assert reasons(outcomes) == ["TEAM_FULL"]
        assert (await teams.get(team.team_id)).taken == 3
    assert len(await teams.incentive.told(TeamCompleted)) == 5


async def test_pot_10_a_stampede_fills_a_team_and_no_more(teams: Teams) -> None:
    team = await teams.open(await teams.campaign(), new())

    outcomes = await asyncio.gather(*(teams.join(team.team_id, new()) for _ in range(30)), return_exceptions=True)

    assert reasons(outcomes) == ["TEAM_FULL"] * 28
    assert len((await teams.get(team.team_id)).members) == 3


async def test_pot_10_at_its_time_a_team_that_is_not_full_is_refunded_once(teams: Teams) -> None:
    campaign_id, captain = await teams.campaign(), new()
    team = await teams.open(campaign_id, captain, order_reference="A-1")
    late = await teams.open(campaign_id, new())
    teams.incentive.clock.advance(DAY - 1)
    await teams.join(team.team_id, friend := new(), order_reference="A-2")
    await teams.servicer.expire()
    assert (await teams.get(team.team_id)).state == team_pb2.Team.STATE_OPEN
    teams.incentive.clock.advance(1)

    with pytest.raises(FailedPrecondition) as refused:
        await teams.join(team.team_id, new())
    await asyncio.gather(*(teams.servicer.expire() for _ in range(5)))

    assert refused.value.reason == "TEAM_OVER"
    assert (await teams.get(team.team_id)).state == team_pb2.Team.STATE_EXPIRED
    assert (await teams.read(campaign_id)).spent == 0
    told = {event.team_id: event for event in await teams.incentive.told(TeamExpired)}
    assert told.keys() == {team.team_id, late.team_id}
    assert len(await teams.incentive.told(TeamExpired)) == 2
    assert [(each.profile_id, each.order_reference) for each in told[team.team_id].members] == [
        (captain, "A-1"),
        (friend, "A-2"),
    ]
    assert await teams.points(captain, friend) == [0, 0]


async def test_the_last_seat_and_the_end_of_the_time_make_one_verdict(teams: Teams) -> None:
    campaign_id = await teams.campaign(teams_per_profile_max=10)
    for _ in range(5):
        team = await teams.open(campaign_id, captain := new())
        await teams.join(team.team_id, new())
        teams.incentive.clock.advance(DAY - 0.001)

        async def end() -> None:
            teams.incentive.clock.advance(0.001)
            await teams.servicer.expire()

        await asyncio.gather(teams.join(team.team_id, new()), end(), return_exceptions=True)
        await teams.servicer.expire()

        completed = (await teams.get(team.team_id)).state == team_pb2.Team.STATE_COMPLETED
        assert await teams.points(captain) == [10 if completed else 0]
    ended = len(await teams.incentive.told(TeamCompleted)), len(await teams.incentive.told(TeamExpired))
    assert sum(ended) == 5
    assert (await teams.read(campaign_id)).spent == 20 * ended[0]


async def test_who_leaves_makes_room_and_who_opened_it_does_not_leave(teams: Teams) -> None:
    campaign_id, captain, friend = await teams.campaign(), new(), new()
    team = await teams.open(campaign_id, captain)
    await teams.join(team.team_id, friend)

    assert (await teams.leave(team.team_id, friend)).taken == 1
    assert (await teams.leave(team.team_id, friend)).taken == 1
    with pytest.raises(FailedPrecondition) as refused:
        await teams.leave(team.team_id, captain)
    await teams.join(team.team_id, new())
    await teams.join(team.team_id, friend)

    assert refused.value.reason == "TEAM_CAPTAIN"
    assert (await teams.get(team.team_id)).state == team_pb2.Team.STATE_COMPLETED
    assert await teams.points(friend) == [5]


async def test_pot_11_a_helper_who_is_removed_and_added_again_counts_as_before(teams: Teams) -> None:
    team = await teams.open(await teams.help_campaign(), captain := new())
    helper, other = new(), new()
    await teams.join(team.team_id, helper)
    assert (await teams.join(team.team_id, other)).taken == 2

    for _ in range(3):
        await teams.leave(team.team_id, helper)
        assert (await teams.join(team.team_id, helper)).taken == 2

    assert await teams.points(captain) == [0]
    await teams.join(team.team_id, new())
    assert await teams.points(captain, helper) == [10, 0]


async def test_gp_03_one_person_helps_once_in_a_campaign_whatever_profiles_they_have(teams: Teams) -> None:
    campaign_id, loser, survivor = await teams.help_campaign(), new(), new()
    first, second = [await teams.open(campaign_id, new()) for _ in range(2)]
    await teams.join(first.team_id, loser)
    await teams.incentive.happen(a_merge(loser, survivor))

    assert (await teams.join(first.team_id, survivor)).taken == 1
    for profile_id in (loser, survivor):
        with pytest.raises(FailedPrecondition) as refused:
            await teams.join(second.team_id, profile_id)
        assert refused.value.reason == "TEAM_HELPED"
    await teams.leave(first.team_id, survivor)
    with pytest.raises(FailedPrecondition):
        await teams.join(second.team_id, survivor)
    assert (await teams.join((await teams.open(await teams.help_campaign(), new())).team_id, survivor)).taken == 1


async def test_one_who_helps_two_at_once_helps_one(teams: Teams) -> None:
    campaign_id, helper = await teams.help_campaign(), new()
    opened = [await teams.open(campaign_id, new()) for _ in range(4)]

    joins = [teams.join(team.team_id, helper) for team in opened]
    outcomes = await asyncio.gather(*joins, return_exceptions=True)

    assert reasons(outcomes) == ["TEAM_HELPED"] * 3


async def test_nobody_helps_themselves_under_another_profile_not_even_before_that_is_known(teams: Teams) -> None:
    campaign_id, captain, alias, twin, other = await teams.help_campaign(), new(), new(), new(), new()
    team = await teams.open(campaign_id, captain)
    with pytest.raises(FailedPrecondition) as refused:
        await teams.join(team.team_id, captain)
    for profile_id in (alias, twin):
        await teams.join(team.team_id, profile_id)
    await teams.incentive.happen(a_merge(alias, captain))
    await teams.incentive.happen(a_merge(twin, other))

    after = await teams.join(team.team_id, new())

    assert refused.value.reason == "TEAM_SELF_HELP"
    assert (after.state, after.taken) == (team_pb2.Team.STATE_OPEN, 2)
    assert (await teams.join(team.team_id, other)).taken == 2
    await teams.join(team.team_id, new())
    assert await teams.points(captain) == [10]


async def test_a_budget_opens_no_more_teams_than_it_can_pay(teams: Teams) -> None:
    campaign_id = await teams.campaign(budget=59)

    outcomes = await asyncio.gather(*(teams.open(campaign_id, new()) for _ in range(10)), return_exceptions=True)

    assert reasons(outcomes) == ["TEAM_UNFUNDED"] * 8
    assert (await teams.read(campaign_id)).spent == 40


async def test_one_opens_so_many_teams_and_no_more_however_fast(teams: Teams) -> None:
    campaign_id, captain, other = await teams.campaign(teams_per_profile_max=2), new(), new()
    await teams.incentive.happen(a_merge(captain, other))

    opens = [teams.open(campaign_id, profile_id) for profile_id in (captain, other) * 4]
    outcomes = await asyncio.gather(*opens, return_exceptions=True)
    assert reasons(outcomes) == ["TEAM_LIMIT"] * 6
    teams.incentive.clock.advance(DAY)
    await teams.servicer.expire()

    assert (await teams.open(campaign_id, captain)).captain_profile_id == other


async def test_teams_are_opened_while_the_campaign_runs_and_go_on_when_it_is_stopped(teams: Teams) -> None:
    campaign_id, captain = await teams.campaign(), new()
    team = await teams.open(campaign_id, captain)
    request = pb.StopTeamCampaignRequest(request_id=new(), team_campaign_id=campaign_id)
    assert (await teams.stub.StopTeamCampaign(request)).team_campaign.stopped  # type: ignore[misc]
    over = await teams.campaign(start_time=stamp(NOON.replace(year=2025)), end_time=stamp(NOON))

    for closed in (campaign_id, over):
        with pytest.raises(FailedPrecondition) as refused:
            await teams.open(closed, new())
        assert refused.value.reason == "TEAM_CAMPAIGN_NOT_RUNNING"
    await teams.join(team.team_id, new())
    await teams.join(team.team_id, new())
    assert await teams.points(captain) == [10]


async def test_a_shopper_acts_for_themselves_and_sees_nobody_else(teams: Teams) -> None:
    campaign_id, captain, me = await teams.campaign(asset="", captain_amount=0, member_amount=0, budget=0), new(), new()
    team = await teams.open(campaign_id, captain, order_reference="A-1")

    with acting(Call(Caller("shopper", profile_id=me))):
        joined = await teams.join(team.team_id, me, order_reference="A-2")
        seen = await teams.get(team.team_id)
        mine = (await teams.stub.ListProfileTeams(pb.ListProfileTeamsRequest(profile_id=me))).teams  # type: ignore[misc]
        for forbidden in (
            lambda: teams.join(team.team_id, new()),
            lambda: teams.leave(team.team_id, captain),
            lambda: teams.open(campaign_id, captain),
            lambda: teams.stub.ListProfileTeams(pb.ListProfileTeamsRequest(profile_id=captain)),
        ):
            with pytest.raises(PermissionDenied):
                await forbidden()  # type: ignore[no-untyped-call]
    with acting(Call(Caller("key", store_id="s1"))), pytest.raises(PermissionDenied):
        await teams.get(team.team_id)

    assert (joined.taken, seen.taken) == (2, 2)
    assert [each.order_reference for each in seen.members] == ["A-2"]
    assert [each.team_id for each in mine] == [team.team_id]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("size", {"size": 1}),
        ("channel", {"kind": HELP, "channel": campaign_pb2.CHANNEL_WECHAT_H5}),
        ("asset", {"asset": ""}),
        ("asset", {"captain_amount": 0, "member_amount": 0}),
        ("budget", {"budget": 19}),
        ("end_time", {"end_time": stamp(NOON)}),
        ("ttl_seconds", {"ttl_seconds": 59}),
        ("kind", {"kind": 0}),
    ],
)
async def test_a_campaign_that_makes_no_sense_or_is_forbidden_is_refused(
    teams: Teams, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await teams.campaign(**fields)

    assert refused.value.violations[0][0] == field


async def test_opening_twice_under_one_request_id_opens_one(teams: Teams) -> None:
    campaign_id, captain = await teams.campaign(), new()

    opened = await asyncio.gather(*(teams.open(campaign_id, captain, request_id="r1") for _ in range(8)))

    assert len({team.team_id for team in opened}) == 1
    assert (await teams.read(campaign_id)).spent == 20


async def test_a_person_who_is_merged_while_they_open_a_team_opens_no_second_one(teams: Teams) -> None:
    campaign_id = await teams.campaign(teams_per_profile_max=1)
    loser, survivor = new(), new()
    others: list[asyncio.Task[team_pb2.Team]] = []

    async def open_while_merging(tx: Tx) -> None:
        await operations.open_team(tx, UUID(campaign_id), loser, "", team_id=new_id(), now=teams.incentive.clock.now())
        await teams.incentive.happen(a_merge(loser, survivor))
        others.append(asyncio.create_task(teams.open(campaign_id, survivor)))
        await meets(teams.incentive, others[0])

    await teams.incentive.db.transact(open_while_merging)

    with pytest.raises(Refusal) as refused:
        await others[0]
    assert refused.value.reason == "TEAM_LIMIT"
