"""What of rewards stays with people: packets that come back, and bounds that clip (spec value CPN-18, PL-08, §2.5)."""

from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2, pot_pb2, programme_pb2, team_pb2
from bowen.incentive.v1 import programme_service_pb2 as programmes_pb
from bowen.incentive.v1.events_pb2 import PacketReturned, PotSettled, RewardGranted, RewardReversed, TeamCompleted

from services.incentive.packets.clients import Fault
from services.incentive.pots.consumers import on_order_paid, on_order_refunded
from services.incentive.teams.consumers import on_order_refunded as on_team_order_refunded
from tests.service.incentive.campaigning import explain, gives, of_orders, refusals, running, terms, void
from tests.service.incentive.packeting import Packets, a_packets
from tests.service.incentive.potting import a_pots
from tests.service.incentive.rewarding import (
    Incentive,
    a_merge,
    a_paid_order,
    a_refund,
    an_event,
    new,
)
from tests.service.incentive.teaming import a_teams
from tests.service.incentive.test_gifts import delivery
from tests.service.incentive.test_pot_orders import BY_LEVELS, an_order, refunded

Grant = campaign_pb2.Grant
PACKET = campaign_pb2.Effect(packet=campaign_pb2.PacketEffect(currency_code="CNY", order_rate_bp=500))


async def bounded(incentive: Incentive, balance_max: int) -> None:
    programme = programme_pb2.Programme(
        asset="points", name="Points", expiry=programme_pb2.Programme.EXPIRY_NEVER, balance_max=balance_max
    )
    await incentive.programmes.CreateProgramme(  # type: ignore[misc]
        programmes_pb.CreateProgrammeRequest(request_id=new(), programme=programme)
    )


async def come_back(packets: Packets) -> None:
    """Nobody opens what was sent; campaigns hear of it, twice as it happens."""
    await packets.sender.tend()
    packets.later(hours=72)
    await packets.sender.tend()
    told = await packets.incentive.told(PacketReturned)
    await packets.incentive.happen(*told, *told)
    await packets.incentive.happen(*told)


async def test_cpn_18_a_packet_that_nobody_opens_returns_its_grant_and_its_budget_once(incentive: Incentive) -> None:
    limits = [campaign_pb2.Limit(entity=campaign_pb2.Limit.ENTITY_PERSON, cap=1)]
    campaign_id = await running(incentive, of_orders(PACKET, gives(fixed=7), limits=limits), budget=1_000)
    async with a_packets(incentive) as packets:
        await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
        assert await incentive.spent(campaign_id) == 507

        await come_back(packets)

    points, packet = await incentive.grants(profile_id)
    assert (packet.state, packet.amount, packet.reversed_amount) == (Grant.STATE_RETURNED, 500, 500)
    assert packet.return_time.ToDatetime() == incentive.clock.now().replace(tzinfo=None)
    assert (points.state, await incentive.has(profile_id)) == (Grant.STATE_GRANTED, (7, 0))
    assert await incentive.spent(campaign_id) == 7
    (told,) = await incentive.told(RewardReversed)
    assert (told.grant_id, told.amount, told.returned) == (packet.grant_id, 500, True)
    check = (await explain(incentive, packet.grant_id)).checks[-1]
    assert (check.name, check.held) == ("PACKET", False)
    assert check.detail.endswith(": RETURNED")

    await incentive.happen(a_refund(paid, 10_000))  # takes back what is there, and nothing twice
    await void(incentive, packet.grant_id)
    assert (await incentive.has(profile_id), await incentive.spent(campaign_id)) == ((0, 0), 0)
    assert [each.grant_id for each in await incentive.told(RewardReversed)] == [packet.grant_id, points.grant_id]
    await incentive.ledger.check()


async def test_cpn_18_a_packet_that_comes_back_gives_its_place_back(incentive: Incentive) -> None:
    limits = [campaign_pb2.Limit(entity=campaign_pb2.Limit.ENTITY_PERSON, cap=1)]
    await running(incentive, of_orders(PACKET, limits=limits), budget=1_000)
    async with a_packets(incentive) as packets:
        await incentive.happen(a_paid_order(profile_id := new(), 10_000))
        await come_back(packets)
        await incentive.happen(a_paid_order(profile_id, 10_000))

    assert [grant.state for grant in await incentive.grants(profile_id)] == [Grant.STATE_GRANTED, Grant.STATE_RETURNED]


async def test_cpn_18_a_packet_that_the_provider_refuses_returns_its_grant(incentive: Incentive) -> None:
    said = campaign_pb2.Effect(packet=campaign_pb2.PacketEffect(currency_code="CNY", fixed=100))
    campaign_id = await running(incentive, terms(said))
    async with a_packets(incentive) as packets:
        profile_id = new()
        for _ in range(11):  # one more than the provider sends to a person in a day
            await incentive.happen(an_event(profile_id))
        await packets.sender.tend()
        await incentive.happen(*await incentive.told(PacketReturned))

    states = [grant.state for grant in await incentive.grants(profile_id)]
    assert (states.count(Grant.STATE_GRANTED), states.count(Grant.STATE_RETURNED)) == (10, 1)
    assert await incentive.spent(campaign_id) == 1_000


async def test_who_returns_what_an_opened_packet_was_for_gets_no_further_one(incentive: Incentive) -> None:
    campaign_id = await running(incentive, of_orders(PACKET), budget=5_000)
    async with a_packets(incentive) as packets:
        await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
        await packets.sender.tend()
        await incentive.happen(a_refund(paid, 10_000))
        await incentive.happen(a_paid_order(profile_id, 10_000))  # it can still be opened
        (grant,) = await incentive.grants(profile_id)
        packets.provider.open((await packets.get(grant.packet_id)).bill_no)
        await packets.refresh((await packets.get(grant.packet_id)).bill_no)
        await incentive.happen(a_merge(profile_id, survivor_id := new()))

        await incentive.happen(a_paid_order(survivor_id, 10_000), a_paid_order(other := new(), 10_000))

        assert await packets.balance(f"member/{survivor_id}/debt") == -500
    assert await refusals(incentive, profile_id=survivor_id) == [("IN_DEBT", 1), ("IN_DEBT", 1)]
    assert [each.amount for each in await incentive.grants(other)] == [500]
    assert await incentive.spent(campaign_id) == 500
    await incentive.ledger.check()


@pytest.mark.parametrize(("refunded", "state"), [(10_000, Grant.STATE_REVERSED), (4_000, Grant.STATE_RETURNED)])
async def test_what_was_taken_back_of_a_packet_that_comes_back_is_told_once(
    incentive: Incentive, refunded: int, state: "Grant.State.ValueType"
) -> None:
    campaign_id = await running(incentive, of_orders(PACKET), budget=1_000)
    async with a_packets(incentive) as packets:
        await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
        packets.provider.script(Fault.LOST)
        await packets.sender.tend()
        packets.later(seconds=600)
        await incentive.happen(a_refund(paid, refunded))
        await come_back(packets)

    (grant,) = await incentive.grants(profile_id)
    assert (grant.state, grant.reversed_amount) == (state, 500)
    assert sum(each.amount for each in await incentive.told(RewardReversed)) == 500
    assert await incentive.spent(campaign_id) == 0
    await incentive.ledger.check()


async def test_pl_08_what_the_bounds_clip_is_told_as_it_was_given_and_a_refund_takes_the_rest_first(
    incentive: Incentive,
) -> None:
    await bounded(incentive, 70)
    campaign_id = await running(incentive, of_orders(gives(rate=100)))
    await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))

    (grant,) = await incentive.grants(profile_id)
    (told,) = await incentive.told(RewardGranted)
    assert (grant.amount, grant.desired_amount, grant.state) == (70, 100, Grant.STATE_GRANTED)
    assert (told.amount, told.desired_amount) == (70, 100)
    check = (await explain(incentive, grant.grant_id)).checks[-1]
    assert (check.name, check.held, check.detail) == (
        "BOUNDS",
        False,
        "30 of it did not reach the person: the programme is bounded",
    )

    found = []
    for total in (3_000, 5_000, 10_000):
        await incentive.happen(a_refund(paid, total))
        (grant,) = await incentive.grants(profile_id)
        spent = await incentive.spent(campaign_id)
        found.append((grant.state, grant.reversed_amount, (await incentive.has(profile_id))[0], spent))

    assert found == [
        (Grant.STATE_GRANTED, 0, 70, 70),
        (Grant.STATE_PARTLY_REVERSED, 20, 50, 50),
        (Grant.STATE_REVERSED, 70, 0, 0),
    ]
    told_back = [(each.amount, each.reversed_amount) for each in await incentive.told(RewardReversed)]
    assert told_back == [(20, 20), (50, 70)]
    assert await incentive.ledger.balance("sys/writeoff") == 0
    await incentive.ledger.check()


async def test_pl_08_who_gets_nothing_because_of_the_bounds_is_not_told_of_as_rewarded(incentive: Incentive) -> None:
    await bounded(incentive, 10)
    await running(incentive, terms(gives(fixed=10)))

    await incentive.happen(an_event(profile_id := new()))
    await incentive.happen(an_event(profile_id))

    assert [(grant.amount, grant.desired_amount) for grant in await incentive.grants(profile_id)] == [(0, 10), (10, 10)]
    assert [told.amount for told in await incentive.told(RewardGranted)] == [10]


async def test_pl_08_the_bounds_at_the_delivery_clip_what_was_promised(incentive: Incentive) -> None:
    await bounded(incentive, 50)
    maturity = campaign_pb2.Maturity(base=campaign_pb2.Maturity.BASE_DELIVERED)
    await running(incentive, of_orders(gives(rate=100, maturity=maturity)))
    await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
    await incentive.happen(a_refund(paid, 2_000))
    await incentive.happen(delivery(paid, timedelta(days=1)))

    (grant,) = await incentive.grants(profile_id)
    assert (grant.desired_amount, grant.amount - grant.reversed_amount) == (100, (await incentive.has(profile_id))[0])
    await incentive.happen(a_refund(paid, 6_000))
    (grant,) = await incentive.grants(profile_id)
    assert grant.amount - grant.reversed_amount == (await incentive.has(profile_id))[0] == 40
    await incentive.ledger.check()


async def test_a_packet_by_rate_is_not_sent_for_an_order_in_other_money(incentive: Incentive) -> None:
    fixed = campaign_pb2.Effect(packet=campaign_pb2.PacketEffect(currency_code="CNY", fixed=200))
    campaign_id = await running(incentive, of_orders(PACKET, fixed), budget=10_000)
    paid = a_paid_order(profile_id := new(), 10_000)
    paid.order.currency_code = "JPY"

    await incentive.happen(paid)

    assert [(grant.effect, grant.amount) for grant in await incentive.grants(profile_id)] == [(2, 200)]
    assert await refusals(incentive, profile_id=profile_id) == [("CURRENCY_DIFFERS", 1)]
    assert await incentive.spent(campaign_id) == 200


async def test_pl_08_a_share_that_the_bounds_clip_is_published_whole_and_told_as_it_was_paid(
    incentive: Incentive,
) -> None:
    await bounded(incentive, 150)
    async with a_pots(incentive) as pots:
        pot_id, best, other = await pots.create(asset="points", shared_pool=100), new(), new()
        await pots.shared(best, times=2)
        await pots.shared(other)
        pots.over()
        await pots.freeze(pot_id)
        promised = await pots.share(pot_id, best)
        settled = await pots.settle(pot_id)

        paid = [await pots.share(pot_id, each) for each in (best, other)]
        assert (promised.amount, promised.paid_amount) == (200, 0)
        assert [(share.amount, share.paid_amount) for share in paid] == [(200, 150), (100, 100)]
        assert (settled.paid_amount, settled.ungiven_amount, settled.unallocated_amount) == (250, 50, 0)
        (told,) = await incentive.told(PotSettled)
        assert (told.paid_amount, told.ungiven_amount) == (250, 50)

        back = await pots.disqualify(pot_id, best)
        assert (back.state, back.paid_amount) == (pot_pb2.PotShare.STATE_TAKEN_BACK, 150)
    assert (await incentive.has(best), await incentive.ledger.balance("sys/writeoff")) == ((0, 0), 0)
    assert await incentive.rows("SELECT committed FROM budget") == [(100,)]
    await incentive.ledger.check()


async def test_pl_08_a_level_that_the_bounds_clip_answers_with_what_was_given(incentive: Incentive) -> None:
    await bounded(incentive, 70)
    async with a_pots(incentive) as pots:
        pot_id, buyer = await pots.create(**BY_LEVELS, asset="points"), new()
        await incentive.happen(bought := an_order(buyer, 3), handler=on_order_paid)
        claim = await pots.claim(pot_id, buyer, 1)
        (shown,) = (await pots.standing(pot_id, buyer)).claims

        assert [(each.amount, each.desired_amount) for each in (claim, shown)] == [(70, 100), (70, 100)]
        await incentive.happen(refunded(bought, 1), handler=on_order_refunded)
        (shown,) = (await pots.standing(pot_id, buyer)).claims
        told = await pots.get(pot_id)
        assert (told.winner_count, told.paid_amount, told.ungiven_amount) == (0, 70, 30)
        assert (shown.state, shown.amount) == (pot_pb2.PotClaim.STATE_TAKEN_BACK, 70)
    assert (await incentive.has(buyer), await incentive.ledger.balance("sys/writeoff")) == ((0, 0), 0)
    assert await incentive.rows("SELECT committed FROM budget") == [(0,)]
    await incentive.ledger.check()


async def test_pl_08_a_team_tells_what_reached_everybody(incentive: Incentive) -> None:
    await bounded(incentive, 8)
    paid = a_paid_order(captain := new(), 10_000)
    async with a_teams(incentive) as teams:
        campaign_id = await teams.campaign()
        team = await teams.open(campaign_id, captain, order_reference=paid.order_id)
        await teams.join(team.team_id, second := new())
        team = await teams.join(team.team_id, third := new())
        helping = await teams.open(await teams.help_campaign(size=1), second)
        helping = await teams.join(helping.team_id, third)

        await incentive.happen(a_refund(paid, 10_000), handler=on_team_order_refunded)
        assert (await teams.get(team.team_id)).rewards == team.rewards
        assert (await teams.read(campaign_id)).spent == 10

    assert _rewards(team) == [(captain, "points", 8, 10), (second, "points", 5, 5), (third, "points", 5, 5)]
    assert _rewards(helping) == [(second, "points", 3, 10)]
    assert [_rewards(told) for told in await incentive.told(TeamCompleted)] == [_rewards(team), _rewards(helping)]
    assert [await incentive.has(each) for each in (captain, second, third)] == [(0, 0), (8, 0), (5, 0)]
    await incentive.ledger.check()


def _rewards(told: team_pb2.Team | TeamCompleted) -> list[tuple[str, str, int, int]]:
    return [(each.profile_id, each.asset, each.amount, each.desired_amount) for each in told.rewards]
