"""Who invited whom, and what both sides get: spec value §2.4, RW-07, RW-08, SHR-01..10."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.distribution.v1 import ripple_pb2
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from services.incentive.privacy.consumers import on_profile_erased
from tests.service.forgetting import an_erasure
from tests.service.incentive.campaigning import draft, gives, of_orders, publish, refusals, running, terms
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_paid_order, a_refund, an_event, new

INVITER = campaign_pb2.Effect.BENEFICIARY_INVITER
ABOVE = campaign_pb2.Effect.BENEFICIARY_INVITER_OF_INVITER
SHARER = campaign_pb2.Effect.BENEFICIARY_SHARER
MINUTE = timedelta(minutes=1)
APPROVED = campaign_pb2.Approval(approver="Counsel Chen", document_id="L-2026-17")


def a_click(sharer_id: str, visitor_id: str, at: datetime = NOON - MINUTE, **fields: str) -> Any:
    """Somebody followed a consumer's link."""
    touch = ripple_pb2.Touch(touch_id=new(), token="t", visitor_id=visitor_id, touch_time=stamp(at), **fields)
    return distribution.TouchRecorded(token="t", touch=touch, sharer_profile_id=sharer_id, depth=1)


def a_signup(profile_id: str, visitor_id: str, **fields: Any) -> Any:
    return an_event(profile_id, "Signed Up", anonymous_id=visitor_id, **fields)


def purchases(low: int, high: int, **fields: int) -> campaign_pb2.Trigger:
    return campaign_pb2.Trigger(order_paid=campaign_pb2.OrderPaidTrigger(purchase_min=low, purchase_max=high, **fields))


async def invite(incentive: Incentive, inviter: str, invitee: str) -> None:
    await incentive.happen(a_click(inviter, f"device of {invitee}"))
    await incentive.happen(a_signup(invitee, f"device of {invitee}"))


async def edges(incentive: Incentive, column: str = "last_inviter_id") -> set[tuple[str, str]]:
    rows = await incentive.rows(f"SELECT profile_id::text, {column}::text FROM registration WHERE {column} IS NOT NULL")
    return {(invitee, inviter) for invitee, inviter in rows}


async def test_rw_07_both_sides_are_rewarded_and_the_one_who_shared_nothing_for_a_stranger(
    incentive: Incentive,
) -> None:
    said = of_orders(gives(fixed=30), gives(fixed=50, beneficiary=INVITER), trigger=purchases(1, 1), void_together=True)
    campaign_id = await running(incentive, said)
    inviter, invitee, stranger = new(), new(), new()
    await invite(incentive, inviter, invitee)

    await incentive.happen(paid := a_paid_order(invitee))
    await incentive.happen(a_paid_order(stranger))

    assert [await incentive.has(each) for each in (inviter, invitee, stranger)] == [(50, 0), (30, 0), (30, 0)]
    (grant,) = await incentive.grants(inviter)
    assert (grant.level, grant.cause) == (1, paid.order_id)
    assert await refusals(incentive, campaign_id=campaign_id) == [("NO_BENEFICIARY", 2)]
    await incentive.happen(a_refund(paid, 10_000))
    assert [await incentive.has(each) for each in (inviter, invitee)] == [(0, 0), (0, 0)]
    await incentive.ledger.check()


async def test_rw_08_stages_reward_the_first_purchase_and_less_for_the_next_ones(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=100, beneficiary=INVITER), trigger=purchases(1, 1)))
    await running(incentive, of_orders(gives(fixed=7, beneficiary=INVITER), trigger=purchases(2, 3)))
    inviter, invitee = new(), new()
    await invite(incentive, inviter, invitee)

    had = []
    for _ in range(4):
        await incentive.happen(a_paid_order(invitee))
        had.append((await incentive.has(inviter))[0])

    assert had == [100, 107, 114, 114]


async def test_two_first_purchases_at_once_are_a_first_and_a_second(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=100), trigger=purchases(1, 1)))
    people = [new() for _ in range(5)]
    orders = [a_paid_order(each) for each in people for _ in range(4)]

    await asyncio.gather(*(incentive.happen(*orders[start : start + 2]) for start in range(0, 20, 2)))

    assert [await incentive.has(each) for each in people] == [(100, 0)] * 5


async def test_of_purchases_that_come_together_each_follows_those_before_it(incentive: Incentive) -> None:
    first = purchases(1, 1)
    first.order_paid.net_minor_min = 5_000
    await running(incentive, of_orders(gives(fixed=100), trigger=first))
    one, other = new(), new()

    await incentive.happen(
        a_paid_order(one, 9_000), a_paid_order(one, 100), a_paid_order(other, 100), a_paid_order(other, 9_000)
    )

    assert [await incentive.has(each) for each in (one, other)] == [(100, 0), (0, 0)]


async def test_shr_10_when_the_first_purchase_is_refunded_the_second_is_the_first(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=100), trigger=purchases(1, 1)))
    buyer = new()
    await incentive.happen(first := a_paid_order(buyer))

    await incentive.happen(a_refund(first, 10_000))
    await incentive.happen(a_paid_order(buyer))
    await incentive.happen(a_paid_order(buyer))

    assert await incentive.has(buyer) == (100, 0)


async def test_purchases_count_within_days_of_registration(incentive: Incentive) -> None:
    said = of_orders(
        gives(fixed=5),
        trigger=purchases(0, 0, registered_days_max=7),
        end_time=stamp(NOON + timedelta(days=30)),
    )
    await running(incentive, said)
    member = new()
    await incentive.happen(a_signup(member, "d"))

    for days in (timedelta(days=7), timedelta(days=7) - timedelta(milliseconds=1)):
        await incentive.happen(a_paid_order(member, at=NOON + days))
    await incentive.happen(a_paid_order(new()))

    assert await incentive.has(member) == (5, 0)


async def test_level_2_is_paid_a_rate_of_net_sales_and_nobody_moves_up(incentive: Incentive) -> None:
    said = of_orders(gives(rate=500, beneficiary=INVITER), gives(rate=100, beneficiary=ABOVE), approval=APPROVED)
    await running(incentive, said)
    people = [new() for _ in range(5)]
    for inviter, invitee in pairwise(people):
        await invite(incentive, inviter, invitee)

    for buyer in people:
        await incentive.happen(a_paid_order(buyer, 10_000))

    # shr_06: of A→B→C→D→E each sale pays two ancestors at most
    assert [(await incentive.has(each))[0] for each in people] == [600, 600, 600, 500, 0]


async def test_shr_01_who_was_invited_cannot_become_the_inviter_of_those_above(incentive: Incentive) -> None:
    a, b, c = new(), new(), new()
    await invite(incentive, a, b)
    await invite(incentive, b, c)

    await invite(incentive, c, a)

    assert await edges(incentive) == {(b, a), (c, b)}


async def test_shr_02_nobody_invites_themselves_by_another_profile(incentive: Incentive) -> None:
    one, other = new(), new()
    await incentive.happen(a_merge(one, other))

    await invite(incentive, one, other)

    assert await edges(incentive) == set()


async def test_shr_03_of_two_who_invite_each_other_at_once_one_edge_stands(incentive: Incentive) -> None:
    pairs = [(new(), new()) for _ in range(5)]
    for a, b in pairs:
        await incentive.happen(a_click(a, f"device of {b}"), a_click(b, f"device of {a}"))

    signups = [a_signup(each, f"device of {each}") for pair in pairs for each in pair]
    await asyncio.gather(*(incentive.happen(signup) for signup in signups))

    found = await edges(incentive)
    assert len(found) == 5
    assert all(((a, b) in found) != ((b, a) in found) for a, b in pairs)


async def test_a_circle_of_four_at_once_is_not_closed(incentive: Incentive) -> None:
    people = [new() for _ in range(4)]
    ring = list(zip(people, people[1:] + people[:1], strict=True))
    await incentive.happen(*(a_click(inviter, f"device of {invitee}") for inviter, invitee in ring))

    await asyncio.gather(*(incentive.happen(a_signup(each, f"device of {each}")) for each in people))

    assert len(await edges(incentive)) == 3


async def test_shr_04_the_last_or_the_first_touch_makes_the_inviter_and_both_are_stored(incentive: Incentive) -> None:
    first = campaign_pb2.TOUCH_CHOICE_FIRST
    act = campaign_pb2.Trigger(act=campaign_pb2.ACT_REGISTER)
    await running(incentive, terms(gives(fixed=1, beneficiary=INVITER), trigger=act))
    await running(incentive, terms(gives(fixed=20, beneficiary=INVITER), trigger=act, inviter_touch=first))
    a, b, c = new(), new(), new()
    await incentive.happen(a_click(b, "d", NOON - 5 * MINUTE), a_click(a, "d", NOON - 10 * MINUTE))
    await incentive.happen(a_click(new(), "d", NOON + MINUTE))  # after it

    await incentive.happen(a_signup(c, "d"))

    assert [await incentive.has(each) for each in (a, b)] == [(20, 0), (1, 0)]
    assert await incentive.rows("SELECT count(*) FROM share_touch") == [(3,)]


async def test_shr_05_registering_twice_at_once_makes_one_edge_and_one_reward(incentive: Incentive) -> None:
    act = campaign_pb2.Trigger(act=campaign_pb2.ACT_REGISTER)
    said = terms(gives(fixed=5), gives(fixed=10, beneficiary=INVITER), trigger=act)
    await running(incentive, said)
    inviter, invitee = new(), new()
    await incentive.happen(a_click(inviter, "d"))

    await asyncio.gather(*(incentive.happen(a_signup(invitee, "d")) for _ in range(5)))

    assert [await incentive.has(each) for each in (inviter, invitee)] == [(10, 0), (5, 0)]
    assert len(await edges(incentive)) == 1


async def test_shr_08_a_touch_of_the_person_counts_on_whatever_device_they_register(incentive: Incentive) -> None:
    inviter, invitee = new(), new()
    await incentive.happen(a_click(inviter, "old device", profile_id=invitee))

    await incentive.happen(a_signup(invitee, "new device"))

    assert await edges(incentive) == {(invitee, inviter)}


async def test_shr_09_an_old_member_is_no_new_one_and_the_touch_is_kept(incentive: Incentive) -> None:
    inviter, member, buyer = new(), new(), new()
    await incentive.happen(a_signup(member, "d1", timestamp=stamp(NOON - 9 * MINUTE)))
    await incentive.happen(a_paid_order(buyer))

    await invite(incentive, inviter, member)
    await invite(incentive, inviter, buyer)

    assert await edges(incentive) == set()
    assert await incentive.rows("SELECT count(*) FROM share_touch") == [(2,)]


async def test_a_touch_of_more_than_90_days_ago_makes_no_inviter(incentive: Incentive) -> None:
    inviter, one, other = new(), new(), new()
    days = timedelta(days=90)
    await incentive.happen(a_click(inviter, "d1", NOON - days), a_click(inviter, "d2", NOON - days - MINUTE))

    await incentive.happen(a_signup(one, "d1"), a_signup(other, "d2"))

    assert await edges(incentive) == {(one, inviter)}


async def test_a_merged_inviter_is_rewarded_as_the_person_they_are_now(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=50, beneficiary=INVITER)))
    inviter, survivor, invitee = new(), new(), new()
    await invite(incentive, inviter, invitee)
    await incentive.happen(a_merge(inviter, survivor))

    await incentive.happen(a_paid_order(invitee))

    assert await incentive.has(survivor) == (50, 0)


async def test_who_shared_what_the_order_came_of_is_rewarded_and_not_for_the_own_order(incentive: Incentive) -> None:
    campaign_id = await running(incentive, of_orders(gives(rate=500, beneficiary=SHARER)))
    sharer = new()
    paid, own = a_paid_order(new(), 10_000), a_paid_order(sharer, 10_000)
    for order in (paid, own):
        order.order.attribution.sharer_profile_id = sharer

    await incentive.happen(paid, own)

    assert await incentive.has(sharer) == (500, 0)
    assert await refusals(incentive, campaign_id=campaign_id) == [("SELF_REWARD", 1)]


async def test_a_click_earns_the_sharer_capped_micro_points(incentive: Incentive) -> None:
    limit = campaign_pb2.Limit(entity=campaign_pb2.Limit.ENTITY_PERSON, cap=2, period=campaign_pb2.Limit.PERIOD_DAY)
    click = campaign_pb2.Trigger(share_click=campaign_pb2.ShareClickTrigger())
    await running(incentive, terms(gives(fixed=1), trigger=click, limits=[limit]))
    sharer = new()

    await incentive.happen(*(a_click(sharer, f"d{number}") for number in range(5)))

    assert await incentive.has(sharer) == (2, 0)


@pytest.mark.parametrize(
    ("effect", "fields", "rule"),
    [
        (gives(rate=100, beneficiary=ABOVE), {}, "LEVEL_2_APPROVAL"),
        (gives(fixed=100, beneficiary=ABOVE), {"approval": APPROVED}, "LEVEL_2_ON_NET_SALES"),
        (
            gives(fixed=100, beneficiary=ABOVE),
            {"approval": APPROVED, "trigger": campaign_pb2.Trigger(act=campaign_pb2.ACT_REGISTER)},
            "REWARD_PER_RECRUIT",
        ),
        (
            gives(rate=100, beneficiary=ABOVE),
            {"approval": APPROVED, "channel": campaign_pb2.CHANNEL_WECHAT_MINI_PROGRAM},
            "CHANNEL_LEVELS",
        ),
    ],
)
async def test_level_2_cannot_be_published_but_under_the_law(
    incentive: Incentive, effect: campaign_pb2.Effect, fields: dict[str, Any], rule: str
) -> None:
    campaign_id = await draft(incentive, of_orders(effect, **fields))

    linted = await incentive.campaigns.LintCampaign(pb.LintCampaignRequest(campaign_id=campaign_id))  # type: ignore[misc]
    with pytest.raises(InvalidArgument) as refused:
        await publish(incentive, campaign_id)

    assert rule in {each.rule for each in linted.findings if each.severity == campaign_pb2.Finding.SEVERITY_HARD}
    assert refused.value.reason == "CAMPAIGN_NOT_PUBLISHABLE"
    assert rule in {text.split(":")[0] for _, text in refused.value.violations}


async def test_there_is_no_level_3(incentive: Incentive) -> None:
    with pytest.raises(InvalidArgument):
        await draft(incentive, of_orders(gives(rate=100, beneficiary=5)))


async def test_who_was_erased_is_rewarded_neither_as_an_inviter_nor_as_a_sharer_nor_for_a_click(
    incentive: Incentive,
) -> None:
    inviter, invitee = new(), new()
    said = of_orders(gives(fixed=30), gives(fixed=50, beneficiary=INVITER), gives(fixed=70, beneficiary=SHARER))
    await running(incentive, said)
    clicks = terms(gives(fixed=5), trigger=campaign_pb2.Trigger(share_click=campaign_pb2.ShareClickTrigger()))
    await running(incentive, clicks)
    await invite(incentive, inviter, invitee)
    before = await incentive.has(inviter)

    await incentive.happen(an_erasure(inviter), handler=on_profile_erased)
    paid = a_paid_order(invitee)
    paid.order.attribution.sharer_profile_id = inviter
    await incentive.happen(paid)
    await incentive.happen(a_click(inviter, "another device"))

    assert await incentive.has(invitee) == (30, 0)
    assert await incentive.has(inviter) == before == (5, 0)
    assert await refusals(incentive, profile_id=inviter) == []
    assert await refusals(incentive, profile_id=invitee) == [("NO_BENEFICIARY", 3), ("NO_BENEFICIARY", 2)]
