"""Rewards that people should not have, as it turned out who they are (spec people §3.5, I25)."""

from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.incentive.v1 import campaign_pb2, events_pb2, flag_pb2
from bowen.incentive.v1 import flag_service_pb2 as pb
from bowen.profile.v1 import events_pb2 as profile

from chassis.errors import FailedPrecondition, NotFound
from chassis.stamps import stamp
from services.incentive.flags.consumers import on_reward_changed
from tests.service.incentive.campaigning import gives, of_orders, running, terms
from tests.service.incentive.rewarding import (
    NOON,
    Incentive,
    a_merge,
    a_paid_order,
    a_refund,
    an_event,
    an_undoing,
    new,
)
from tests.service.incentive.test_invitations import INVITER, SHARER, a_click, invite, purchases

DUPLICATE, OWN_SHARE, REASSIGNED = (
    getattr(flag_pb2.RewardFlag, f"KIND_{name}") for name in ("DUPLICATE_GRANT", "OWN_SHARE", "REASSIGNED")
)
OPEN, KEPT, REVERSED, CLEARED = (
    getattr(flag_pb2.RewardFlag, f"STATE_{name}") for name in ("OPEN", "KEPT", "REVERSED", "CLEARED")
)
Decision = pb.ResolveRewardFlagRequest


async def flags(incentive: Incentive, **fields: Any) -> list[flag_pb2.RewardFlag]:
    return list((await incentive.flags.ListRewardFlags(pb.ListRewardFlagsRequest(**fields))).flags)  # type: ignore[misc]


async def standing(incentive: Incentive, **fields: Any) -> list[tuple[int, int]]:
    return [(flag.kind, flag.state) for flag in await flags(incentive, **fields)]


async def resolve(incentive: Incentive, flag_id: str, decision: Any, request_id: str = "") -> flag_pb2.RewardFlag:
    request = Decision(request_id=request_id or new(), flag_id=flag_id, decision=decision, reason="seen by Lin")
    return (await incentive.flags.ResolveRewardFlag(request)).flag  # type: ignore[misc,no-any-return]


async def test_a_second_one_time_grant_is_flagged_and_cleared_when_the_merge_is_undone(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign(rewards_per_profile_max=1)
    loser, survivor = new(), new()
    await incentive.happen(an_event(survivor))
    await incentive.happen(an_event(loser))
    ((first,), (second,)) = [await incentive.grants(each) for each in (survivor, loser)]
    merge = a_merge(loser, survivor)

    await incentive.happen(merge)

    (flag,) = await flags(incentive, campaign_id=campaign_id)
    assert (flag.kind, flag.state, flag.profile_id) == (DUPLICATE, OPEN, survivor)
    assert (flag.grant.grant_id, flag.first_grant.grant_id) == (second.grant_id, first.grant_id)
    assert await incentive.has(survivor) == (20, 0)
    (told,) = await incentive.told(events_pb2.RewardFlagRaised)
    assert (told.item_id, told.first_id) == (second.grant_id, first.grant_id)
    await incentive.happen(an_event(loser))
    assert await incentive.has(survivor) == (20, 0)  # one person from now on

    for _ in range(2):
        await incentive.happen(an_undoing(merge))
    assert await standing(incentive, campaign_id=campaign_id) == [(DUPLICATE, CLEARED)]
    assert len(await incentive.told(events_pb2.RewardFlagCleared)) == 1
    assert [await incentive.has(each) for each in (loser, survivor)] == [(10, 0), (10, 0)]

    await incentive.happen(a_merge(loser, survivor))
    assert await standing(incentive, state=OPEN) == [(DUPLICATE, OPEN)]
    assert await flags(incentive, campaign_id=new()) == [] == await flags(incentive, state=KEPT)


async def test_an_operator_takes_a_flagged_reward_back_or_lets_it_be_once(incentive: Incentive) -> None:
    await incentive.a_running_campaign(rewards_per_profile_max=1)
    people = [new() for _ in range(3)]
    for each in people:
        await incentive.happen(an_event(each))
    merges = [a_merge(each, people[0]) for each in people[1:]]
    await incentive.happen(*merges)
    page = await incentive.flags.ListRewardFlags(pb.ListRewardFlagsRequest(page_size=1))  # type: ignore[misc]
    assert page.next_page_token
    ours, other = await flags(incentive, profile_id=people[2])

    request_id = new()
    for _ in range(2):
        reversed_ = await resolve(incentive, ours.flag_id, Decision.DECISION_REVERSE, request_id)
    kept = await resolve(incentive, other.flag_id, Decision.DECISION_KEEP)

    assert (reversed_.state, reversed_.reason, bool(reversed_.resolver)) == (REVERSED, "seen by Lin", True)
    assert (kept.state, await incentive.has(people[0])) == (KEPT, (20, 0))
    assert [told.state for told in await incentive.told(events_pb2.RewardFlagResolved)] == [REVERSED, KEPT]
    with pytest.raises(FailedPrecondition, match="not open"):
        await resolve(incentive, ours.flag_id, Decision.DECISION_KEEP)
    with pytest.raises(NotFound):
        await resolve(incentive, new(), Decision.DECISION_KEEP)
    await incentive.happen(a_merge(new(), people[0]))
    assert await standing(incentive) == [(DUPLICATE, REVERSED), (DUPLICATE, KEPT)]
    await incentive.happen(*map(an_undoing, merges))
    assert [(flag.state, flag.HasField("clear_time")) for flag in await flags(incentive)] == [
        (REVERSED, True),
        (KEPT, True),
    ]
    await incentive.ledger.check()


async def test_first_purchases_and_coupons_count_the_person(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=30), trigger=purchases(1, 1)))
    template_id = await incentive.a_template(coupons_per_profile_max=1)
    loser, survivor = new(), new()
    orders = [a_paid_order(each) for each in (survivor, loser)]
    for order in orders:
        await incentive.happen(order)
    first, second = [await incentive.issue(template_id, each) for each in (survivor, loser)]

    await incentive.happen(a_merge(loser, survivor))

    coupon = next(flag for flag in await flags(incentive) if flag.coupon_id)
    assert (coupon.coupon_id, coupon.first_coupon_id, coupon.template_id) == (
        second.coupon_id,
        first.coupon_id,
        template_id,
    )
    assert await standing(incentive) == [(DUPLICATE, OPEN)] * 2
    await incentive.redeem(first.code)
    await resolve(incentive, coupon.flag_id, Decision.DECISION_REVERSE)
    with pytest.raises(FailedPrecondition):
        await incentive.redeem(second.code)

    await incentive.happen(a_refund(orders[0], 10_000))
    await incentive.happen(*await incentive.told(events_pb2.RewardReversed), handler=on_reward_changed)

    assert sorted(await standing(incentive)) == [(DUPLICATE, REVERSED), (DUPLICATE, CLEARED)]


async def test_i25_what_sharer_and_inviter_got_for_themselves_is_flagged(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=50, beneficiary=INVITER), trigger=purchases(1, 1)))
    await running(incentive, of_orders(gives(fixed=5, beneficiary=SHARER)))
    await running(
        incentive, terms(gives(fixed=1), trigger=campaign_pb2.Trigger(share_click=campaign_pb2.ShareClickTrigger()))
    )
    inviter, invitee = new(), new()
    await invite(incentive, inviter, invitee)
    click = a_click(inviter, "a device that turns out to be their own")
    await incentive.happen(click)
    paid = a_paid_order(invitee)
    paid.order.attribution.sharer_profile_id = inviter
    await incentive.happen(paid)
    merge = a_merge(invitee, inviter)

    await incentive.happen(merge)
    voided = distribution.TouchVoided(touch=click.touch, sharer_profile_id=inviter, void_time=stamp(NOON))
    await incentive.happen(voided)

    found = await flags(incentive)
    assert {(flag.kind, flag.state) for flag in found} == {(OWN_SHARE, OPEN)}
    assert sorted(flag.grant.amount for flag in found) == [1, 5, 50]
    restored = distribution.TouchRestored(touch=click.touch, sharer_profile_id=inviter, restore_time=stamp(NOON))
    await incentive.happen(restored)
    await incentive.happen(an_undoing(merge))
    assert set(await standing(incentive)) == {(OWN_SHARE, CLEARED)}


async def test_what_was_given_for_a_fact_of_another_person_is_flagged_until_it_is_theirs_again(
    incentive: Incentive,
) -> None:
    await incentive.a_running_campaign()
    await running(incentive, of_orders(gives(fixed=3)))
    ours, theirs = new(), new()
    event, order = an_event(ours), a_paid_order(ours)
    await incentive.happen(event)
    await incentive.happen(order)

    def moved(to: str, back: str, seconds: int) -> tuple[Any, Any]:
        time = stamp(NOON.replace(second=seconds))
        fields = {"profile_id": to, "from_profile_id": back, "reassign_time": time}
        return (
            profile.EventReassigned(event_id=event.event_id, **fields),
            distribution.OrderReassigned(order_id=order.order_id, **fields),
        )

    for fact in moved(theirs, ours, 1):
        await incentive.happen(fact)
    assert await standing(incentive, profile_id=ours) == [(REASSIGNED, OPEN)] * 2
    assert await incentive.rows("SELECT profile_id::text FROM order_refund") == [(theirs,)]
    merge = a_merge(theirs, ours)
    await incentive.happen(merge)
    assert await standing(incentive, state=OPEN) == []
    await incentive.happen(an_undoing(merge))
    assert await standing(incentive, kind=REASSIGNED) == [(REASSIGNED, OPEN)] * 2
    for fact in (*moved(ours, theirs, 2), *moved(theirs, ours, 1)):  # the latest holds, whenever it comes
        await incentive.happen(fact)
    assert await standing(incentive) == [(REASSIGNED, CLEARED)] * 2
