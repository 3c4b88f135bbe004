"""People who are only stored: PIPL art. 47 (spec people §5.1)."""

from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2, pot_pb2, team_pb2
from bowen.incentive.v1.events_pb2 import WebhookMatured
from bowen.profile.v1.events_pb2 import ProcessingChanged

from chassis.errors import FailedPrecondition
from people.restrictions import on_processing_changed
from services.incentive.campaigns.operations.calling import call_matured
from services.incentive.pots import operations
from tests.service.incentive.campaigning import Effect, gives, of_orders, refusals, running, terms
from tests.service.incentive.potting import a_pots
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_paid_order, an_event, new
from tests.service.incentive.teaming import a_teams

Maturity = campaign_pb2.Maturity


async def restrict(incentive: Incentive, profile_id: str, version: int, *, is_restricted: bool = True) -> None:
    told = ProcessingChanged(profile_id=profile_id, version=version, is_restricted=is_restricted)
    await incentive.happen(told, handler=on_processing_changed)


async def test_pipl_47_who_is_only_stored_is_given_nothing_under_whatever_id_until_they_say_otherwise(
    incentive: Incentive,
) -> None:
    await running(incentive, terms(gives(fixed=10)))
    shares = of_orders(gives(fixed=50, beneficiary=Effect.BENEFICIARY_SHARER))
    await running(incentive, shares)
    person, loser, buyer = new(), new(), new()
    await incentive.happen(a_merge(loser, person))
    await restrict(incentive, loser, 2)
    await restrict(incentive, loser, 1, is_restricted=False)  # told late
    shared = a_paid_order(buyer)
    shared.order.attribution.sharer_profile_id = person

    await incentive.happen(an_event(person), an_event(loser))
    await incentive.happen(shared)

    assert await incentive.has(person) == (0, 0)
    assert await refusals(incentive, profile_id=person) == []
    assert await refusals(incentive, profile_id=buyer) == [("NO_BENEFICIARY", 1)]
    await restrict(incentive, loser, 3, is_restricted=False)
    await incentive.happen(an_event(person))
    assert await incentive.has(person) == (10, 0)


async def test_pipl_47_nobody_is_told_of_who_is_only_stored(incentive: Incentive) -> None:
    webhook = campaign_pb2.WebhookEffect(endpoint_id=new())
    await running(incentive, terms(Effect(webhook=webhook, maturity=Maturity(days=1, base=Maturity.BASE_PAID))))
    person, loser, other = new(), new(), new()
    await incentive.happen(an_event(loser), an_event(other))
    await incentive.happen(a_merge(loser, person))

    await restrict(incentive, person, 1)

    assert await incentive.db.transact(lambda tx: call_matured(tx, NOON + timedelta(days=2))) == 2
    assert [call.profile_id for call in await incentive.told(WebhookMatured)] == [other]


async def test_pipl_47_who_is_only_stored_takes_no_part_in_a_pot_and_a_share_that_waited_goes_to_nobody(
    incentive: Incentive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "PAID_AT_ONCE_MAX", 1)  # one transaction has nobody to pay
    async with a_pots(incentive) as pots:
        pot_id, (early, late, winner) = await pots.create(top_count=0, top_amount=0), (new(), new(), new())
        await pots.shared_by([early, late, winner])
        pots.over()
        await restrict(incentive, early, 1)

        frozen = await pots.freeze(pot_id)
        await restrict(incentive, late, 1)
        settled = await pots.settle(pot_id)

        assert frozen.winner_count == 2
        assert [await pots.cash(each) for each in (early, late, winner)] == [0, 0, 500]
        assert (settled.paid_amount, settled.unallocated_amount) == (500, 500)
        assert (await pots.share(pot_id, late)).state == pot_pb2.PotShare.STATE_WITHDRAWN
        assert await incentive.rows("SELECT committed FROM budget") == [(500,)]
        assert await incentive.rows("SELECT count(*) FROM pot_point") == [(3,)]


async def test_pipl_47_who_is_only_stored_claims_no_level_until_they_say_otherwise(incentive: Incentive) -> None:
    async with a_pots(incentive) as pots:
        levels = pot_pb2.Levels(levels=[pot_pb2.Level(score_min=1, amount=50)], budget=100)
        pot_id, person = await pots.create(levels=levels, top_count=0, top_amount=0, shared_pool=0), new()
        await pots.shared(person)
        await restrict(incentive, person, 1)

        with pytest.raises(FailedPrecondition) as refused:
            await pots.claim(pot_id, person, 1)
        await restrict(incentive, person, 2, is_restricted=False)
        await pots.claim(pot_id, person, 1)

        assert refused.value.reason == "PROCESSING_RESTRICTED"
        assert await pots.cash(person) == 50


async def test_pipl_47_who_is_only_stored_begins_no_team_and_keeps_a_seat_that_gets_them_nothing(
    incentive: Incentive,
) -> None:
    async with a_teams(incentive) as teams:
        group, help_, person, friend = await teams.campaign(), await teams.help_campaign(size=1), new(), new()
        team, helped = await teams.open(group, new()), await teams.open(help_, person)
        await teams.join(team.team_id, person)
        await restrict(incentive, person, 1)

        for refused in (teams.open(group, person), teams.join((await teams.open(group, friend)).team_id, person)):
            with pytest.raises(FailedPrecondition, match="only stored"):
                await refused
        assert (await teams.join(team.team_id, person)).taken == 2
        completed = [await teams.join(each.team_id, friend) for each in (team, helped)]

        assert {each.state for each in completed} == {team_pb2.Team.STATE_COMPLETED}
        assert await teams.points(team.captain_profile_id, person, friend) == [10, 0, 5]
        assert [sorted(reward.amount for reward in each.rewards) for each in completed] == [[5, 10], [0]]
        assert [(await teams.read(each)).spent for each in (group, help_)] == [15 + 20, 0]
        await incentive.ledger.check()
