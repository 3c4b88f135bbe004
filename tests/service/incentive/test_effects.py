"""What campaigns give, how much of it, and how it is taken back: spec value §2.3, CMP-06, RW-06, RW-12."""

from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed

from chassis.errors import InvalidArgument, NotFound
from chassis.stamps import stamp
from tests.service.incentive.campaigning import (
    by_tiers,
    draft,
    gives,
    of_orders,
    refusals,
    running,
    terms,
    void,
)
from tests.service.incentive.rewarding import (
    NOON,
    Incentive,
    a_paid_order,
    a_refund,
    an_event,
    new,
    on_order,
)


async def test_a_campaign_gives_all_its_effects_once_each(incentive: Incentive) -> None:
    tag_id = new()
    tag = campaign_pb2.Effect(tag=campaign_pb2.TagEffect(tag_id=tag_id))
    campaign_id = await running(incentive, of_orders(gives(rate=100), gives("growth", fixed=7, budget_cost=1), tag))

    paid = a_paid_order(profile_id := new(), 10_000)
    await incentive.happen(paid, paid)
    await incentive.happen(paid)

    found = {(grant.effect, grant.asset, grant.amount, grant.tag_id) for grant in await incentive.grants(profile_id)}
    assert found == {(1, "points", 100, ""), (2, "growth", 7, ""), (3, "", 1, tag_id)}
    assert await incentive.spent(campaign_id) == 101
    told = await incentive.told(RewardGranted)
    assert [(each.asset, each.tag_id) for each in told] == [("points", ""), ("growth", ""), ("", tag_id)]
    await incentive.ledger.check()


async def test_every_effect_has_its_inverse(incentive: Incentive) -> None:
    tag_id = new()
    tag = campaign_pb2.Effect(tag=campaign_pb2.TagEffect(tag_id=tag_id))
    campaign_id = await running(incentive, of_orders(gives(fixed=100), gives("growth", fixed=7, budget_cost=1), tag))
    await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))

    await incentive.happen(a_refund(paid, 5_000))
    part = [(grant.effect, grant.reversed_amount) for grant in await incentive.grants(profile_id)]
    await incentive.happen(a_refund(paid, 10_000))

    assert part == [(3, 0), (2, 3), (1, 50)]
    assert {grant.state for grant in await incentive.grants(profile_id)} == {campaign_pb2.Grant.STATE_REVERSED}
    assert await incentive.spent(campaign_id) == 0
    assert [each.tag_id for each in await incentive.told(RewardReversed) if each.tag_id] == [tag_id]
    await incentive.ledger.check()


@pytest.mark.parametrize(("net", "earned"), [(9_999, 0), (10_000, 50), (29_999, 50), (30_000, 200)])
async def test_tiers_give_by_the_order_s_value(incentive: Incentive, net: int, earned: int) -> None:
    await running(incentive, of_orders(by_tiers((10_000, 50), (30_000, 200))))

    await incentive.happen(a_paid_order(profile_id := new(), net))

    assert await incentive.has(profile_id) == (earned, 0)


async def test_one_grant_gives_no_more_than_its_maximum(incentive: Incentive) -> None:
    effect = gives(rate=1_000)
    effect.asset.amount_max = 300
    await running(incentive, of_orders(effect))

    await incentive.happen(a_paid_order(profile_id := new(), 10_000))

    assert await incentive.has(profile_id) == (300, 0)


@pytest.mark.parametrize(("partial", "expected"), [(True, (3, 5)), (False, None)])
async def test_cmp_06_the_last_of_a_budget_is_given_in_part_or_not_at_all(
    incentive: Incentive, partial: bool, expected: tuple[int, int] | None
) -> None:
    campaign_id = await running(incentive, terms(gives(fixed=5), partial_allowed=partial), budget=8)

    await incentive.happen(an_event(new()), an_event(late := new()))

    found = [(grant.amount, grant.desired_amount) for grant in await incentive.grants(late)]
    assert found == ([expected] if expected else [])
    assert await refusals(incentive, campaign_id=campaign_id) == ([] if expected else [("BUDGET_EXHAUSTED", 1)])
    assert await incentive.spent(campaign_id) == (8 if expected else 5)


async def test_of_a_group_one_campaign_gives_and_the_others_say_who_won(incentive: Incentive) -> None:
    first = campaign_pb2.EvalGroup(name="orders")
    low = await running(incentive, of_orders(gives(fixed=100), eval_group=first, priority=1))
    high = await running(incentive, of_orders(gives(fixed=10), eval_group=first, priority=2))

    await incentive.happen(a_paid_order(profile_id := new()))

    assert [grant.campaign_id for grant in await incentive.grants(profile_id)] == [high]
    assert await refusals(incentive, campaign_id=low) == [("OUTRANKED", 0)]


async def test_the_best_of_a_group_gives_and_the_next_one_when_it_cannot(incentive: Incentive) -> None:
    best = campaign_pb2.EvalGroup(name="orders", mode=campaign_pb2.EvalGroup.MODE_BEST)
    small = await running(incentive, of_orders(gives(fixed=10), eval_group=best, priority=9))
    large = await running(incentive, of_orders(gives(fixed=100), eval_group=best), budget=100)

    for profile_id in (people := [new(), new()]):
        await incentive.happen(a_paid_order(profile_id))

    winners = [grant.campaign_id for each in people for grant in await incentive.grants(each)]
    assert winners == [large, small]


async def test_of_equals_the_older_campaign_wins(incentive: Incentive) -> None:
    group = campaign_pb2.EvalGroup(name="orders")
    older = await running(incentive, of_orders(gives(fixed=10), eval_group=group))
    await running(incentive, of_orders(gives(fixed=10), eval_group=group))

    await incentive.happen(a_paid_order(profile_id := new()))

    assert [grant.campaign_id for grant in await incentive.grants(profile_id)] == [older]


def with_lines(paid: Any, *lines: tuple[str, int, int]) -> Any:
    """An order of these goods: category, pieces and net amount."""
    for number, (category, quantity, net) in enumerate(lines, 1):
        paid.order.lines.append(
            order_pb2.OrderLine(line_no=number, sku=category, category=category, quantity=quantity, net_minor=net)
        )
    return paid


async def test_rw_12_a_return_is_judged_by_what_is_left_of_the_basket(incentive: Incentive) -> None:
    when = '{"attr": {"path": "categories", "op": "has_any", "value": ["tea"]}}'
    said = of_orders(by_tiers((10_000, 50), (30_000, 200)), when=when, reevaluate_on_return=True)
    await running(incentive, said)
    paid = with_lines(a_paid_order(profile_id := new(), 40_000), ("tea", 1, 15_000), ("cup", 1, 25_000))
    await incentive.happen(paid)
    had = [await incentive.has(profile_id)]

    for total in (5_000, 25_000):
        returned = a_refund(paid, total)
        returned.order.lines[1].refunded_minor = total
        await incentive.happen(returned)
        had.append(await incentive.has(profile_id))
    returned = a_refund(paid, 26_000)
    returned.order.lines[0].refunded_minor = 15_000
    returned.order.lines[1].refunded_minor = 11_000
    await incentive.happen(returned)

    assert had == [(200, 0), (200, 0), (50, 0)]  # 35,000 left still earn 200; 15,000 earn 50
    assert await incentive.has(profile_id) == (0, 0)  # no tea is left


async def test_rw_12_the_same_comes_of_returns_that_arrive_before_the_payment(incentive: Incentive) -> None:
    await running(incentive, of_orders(by_tiers((10_000, 50), (30_000, 200)), reevaluate_on_return=True))
    paid = a_paid_order(profile_id := new(), 40_000)

    await incentive.happen(a_refund(paid, 25_000))
    await incentive.happen(paid)

    assert await incentive.has(profile_id) == (50, 0)
    await incentive.ledger.check()


async def test_rw_01_a_delivered_order_and_a_refund_are_triggers_of_their_own(incentive: Incentive) -> None:
    delivered = campaign_pb2.Trigger(order_delivered=campaign_pb2.OrderDeliveredTrigger(net_minor_min=1))
    refunded = campaign_pb2.Trigger(order_refunded=campaign_pb2.OrderRefundedTrigger())
    await running(incentive, terms(gives(rate=1_000), trigger=delivered))
    await running(incentive, terms(gives("sorry", fixed=1), trigger=refunded))
    paid = a_paid_order(profile_id := new(), 5_000)

    await incentive.happen(paid)
    before = await incentive.has(profile_id)
    await incentive.happen(
        distribution.OrderDelivered(
            order_id=paid.order_id, profile_id=profile_id, order=paid.order, deliver_time=stamp(NOON)
        )
    )
    after = await incentive.has(profile_id)
    refund = a_refund(paid, 5_000)
    refund.amount_minor = 5_000
    await incentive.happen(refund)

    assert (before, after, await incentive.has(profile_id)) == ((0, 0), (500, 0), (0, 0))
    assert [grant.asset for grant in await incentive.grants(profile_id)] == ["sorry", "points"]


async def test_rw_01_an_act_of_the_catalogue_is_the_event_of_its_name(incentive: Incentive) -> None:
    await running(incentive, terms(trigger=campaign_pb2.Trigger(act=campaign_pb2.ACT_JOIN_GROUP)))

    await incentive.happen(an_event(profile_id := new(), "Group Joined"), an_event(new(), "Group Left"))

    assert await incentive.has(profile_id) == (10, 0)


async def test_a_voided_grant_is_taken_back_whole_and_once(incentive: Incentive) -> None:
    campaign_id = await running(incentive, terms())
    await incentive.happen(an_event(profile_id := new()))
    (grant,) = await incentive.grants(profile_id)

    (voided,) = await void(incentive, grant.grant_id)
    await void(incentive, grant.grant_id)

    assert (voided.reversed_amount, voided.state) == (10, campaign_pb2.Grant.STATE_REVERSED)
    assert (await incentive.has(profile_id), await incentive.spent(campaign_id)) == ((0, 0), 0)
    assert len(await incentive.told(RewardReversed)) == 1
    with pytest.raises(NotFound) as refused:
        await void(incentive, new())
    assert refused.value.reason == "GRANT_NOT_FOUND"


@pytest.mark.parametrize("together", [True, False])
async def test_rw_07_void_of_one_side_voids_the_other_by_policy(incentive: Incentive, together: bool) -> None:
    said = terms(gives(fixed=10), gives("growth", fixed=3, budget_cost=1), void_together=together)
    await running(incentive, said)
    await incentive.happen(an_event(profile_id := new()))
    growth, points = await incentive.grants(profile_id)

    fallen = await void(incentive, points.grant_id)

    assert [each.grant_id for each in fallen] == [points.grant_id, *([growth.grant_id] if together else [])]
    assert [grant.reversed_amount for grant in await incentive.grants(profile_id)] == [3 if together else 0, 10]


@pytest.mark.parametrize(
    ("effect", "wrong"),
    [
        (campaign_pb2.Effect(), "terms.effects[0]"),
        (gives("No Code", fixed=1), "terms.effects[0].asset.asset"),
        (gives(rate=10_001), "terms.effects[0].asset.order_rate_bp"),
        (by_tiers((2_000, 1), (1_000, 2)), "terms.effects[0].asset.tiers"),
        (gives(fixed=5, arm="a"), "terms.effects[0].arm"),
        (gives(fixed=5, budget_cost=2_000), "terms.effects[0].budget_cost"),
    ],
)
async def test_an_effect_that_does_not_fit_is_refused_with_field_and_rule(
    incentive: Incentive, effect: campaign_pb2.Effect, wrong: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await draft(incentive, of_orders(effect), budget=1_000)

    assert [field for field, _ in refused.value.violations] == [wrong]


async def test_a_rate_needs_an_order(incentive: Incentive) -> None:
    with pytest.raises(InvalidArgument):
        await draft(incentive, terms(gives(rate=100)))
    await draft(incentive, terms(gives(rate=100), trigger=on_order()))
