"""Caps by entity and period: spec value §2.3 `limits[]`."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from bowen.incentive.v1 import campaign_pb2

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from tests.service.incentive.campaigning import (
    Limit,
    caps,
    draft,
    edit,
    gives,
    of_orders,
    publish,
    refusals,
    running,
    terms,
    void,
)
from tests.service.incentive.rewarding import Incentive, a_merge, a_paid_order, a_refund, an_event, new

DAY = {"period": Limit.PERIOD_DAY}


def said(*limits: campaign_pb2.Limit, **fields: Any) -> campaign_pb2.CampaignTerms:
    """Ten points for every shared product of June."""
    start, end = (datetime.fromisoformat(day) for day in ("2026-05-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00"))
    return terms(**{"start_time": stamp(start), "end_time": stamp(end), "limits": limits} | fields)


def at(local: str, profile_id: str, **fields: Any) -> Any:
    """A shared product at a local time in Shanghai, told at once."""
    time = stamp(datetime.fromisoformat(f"{local}+08:00"))
    return an_event(profile_id, timestamp=time, receive_time=time, **fields)


async def test_a_day_begins_at_midnight_in_the_campaign_s_zone(incentive: Incentive) -> None:
    campaign_id = await running(incentive, said(caps(Limit.ENTITY_PERSON, 1, **DAY)))
    profile_id = new()

    for local in ("2026-06-20T23:59:59.999", "2026-06-20T00:00:00", "2026-06-21T00:00:00"):
        await incentive.happen(at(local, profile_id))

    assert await incentive.has(profile_id) == (20, 0)
    assert await refusals(incentive, campaign_id=campaign_id) == [("PERSON_LIMIT", 1)]


@pytest.mark.parametrize(
    ("period", "same", "next_one"),
    [
        (Limit.PERIOD_WEEK, "2026-06-21T23:00:00", "2026-06-22T00:00:00"),  # the 22nd is a Monday
        (Limit.PERIOD_MONTH, "2026-06-30T23:00:00", "2026-07-01T00:00:00"),
        (Limit.PERIOD_YEAR, "2026-12-31T23:00:00", ""),
        (Limit.PERIOD_NONE, "2026-12-31T23:00:00", ""),
    ],
)
async def test_weeks_months_and_years_are_local_too(
    incentive: Incentive, period: "Limit.Period.ValueType", same: str, next_one: str
) -> None:
    await running(incentive, said(caps(Limit.ENTITY_PERSON, 1, period=period)))
    profile_id = new()

    await incentive.happen(at("2026-06-20T12:00:00", profile_id), at(same, profile_id))
    one = await incentive.has(profile_id)
    if next_one:
        await incentive.happen(at(next_one, profile_id))

    assert one == (10, 0)
    assert await incentive.has(profile_id) == (20 if next_one else 10, 0)


async def test_rolling_days_hold_for_any_days_in_a_row_also_for_late_facts(incentive: Incentive) -> None:
    limit = caps(Limit.ENTITY_PERSON, 2, period=Limit.PERIOD_ROLLING, rolling_days=3)
    await running(incentive, said(limit))
    profile_id = new()

    for day in ("20", "22", "21", "23", "19"):
        await incentive.happen(at(f"2026-06-{day}T12:00:00", profile_id))

    # the 21st would make three in [20, 22]; the 23rd makes two in [21, 23]; the 19th two in [18, 20]
    assert await incentive.has(profile_id) == (40, 0)


@pytest.mark.parametrize(
    ("entity", "name", "reason"),
    [
        (Limit.ENTITY_PHONE, "phone", "PHONE_LIMIT"),
        (Limit.ENTITY_STORE, "store_id", "STORE_LIMIT"),
        (Limit.ENTITY_CODE, "code", "CODE_LIMIT"),
        (Limit.ENTITY_SESSION, "session_id", "SESSION_LIMIT"),
        (Limit.ENTITY_REGION, "region", "REGION_LIMIT"),
    ],
)
async def test_an_entity_is_what_the_fact_says_and_without_it_nothing_is_given(
    incentive: Incentive, entity: "Limit.Entity.ValueType", name: str, reason: str
) -> None:
    campaign_id = await running(incentive, said(caps(entity, 1)))
    same = f'{{"{name}": "x"}}'

    for properties in (same, same, f'{{"{name}": "y"}}', "{}"):
        await incentive.happen(an_event(new(), properties=properties))

    assert await incentive.spent(campaign_id) == 20
    assert sorted(await refusals(incentive, campaign_id=campaign_id)) == sorted([("ENTITY_MISSING", 1), (reason, 1)])
    kept = await incentive.rows("SELECT profile_id::text FROM claimant")
    assert all(len(key) == 36 for (key,) in kept)  # digests: no phone number is kept


async def test_a_device_is_capped_whoever_uses_it(incentive: Incentive) -> None:
    campaign_id = await running(incentive, said(caps(Limit.ENTITY_DEVICE, 2)))

    await asyncio.gather(*(incentive.happen(an_event(new(), anonymous_id="phone-1")) for _ in range(8)))

    assert await incentive.spent(campaign_id) == 20


async def test_an_amount_is_capped_under_any_concurrency(incentive: Incentive) -> None:
    limit = caps(Limit.ENTITY_CAMPAIGN, 75, action=Limit.ACTION_AMOUNT, **DAY)
    campaign_id = await running(incentive, said(limit))

    await asyncio.gather(*(incentive.happen(an_event(new()), an_event(new())) for _ in range(10)))

    assert await incentive.spent(campaign_id) == 70


async def test_a_member_is_one_profile_and_a_person_all_of_them(incentive: Incentive) -> None:
    loser, survivor = new(), new()
    await running(incentive, said(caps(Limit.ENTITY_MEMBER, 1)))
    await running(incentive, said(caps(Limit.ENTITY_PERSON, 1, **DAY)))
    await incentive.happen(a_merge(loser, survivor))

    await incentive.happen(an_event(loser), an_event(survivor), an_event(survivor))

    assert await incentive.has(survivor) == (30, 0)


async def test_several_effects_of_one_fact_count_once(incentive: Incentive) -> None:
    await running(incentive, said(caps(Limit.ENTITY_PERSON, 1), effects=[gives(fixed=1), gives("growth", fixed=2)]))

    await incentive.happen(an_event(profile_id := new()), an_event(profile_id))

    assert len(await incentive.grants(profile_id)) == 2


async def test_what_is_taken_back_counts_no_longer(incentive: Incentive) -> None:
    limits = [caps(Limit.ENTITY_PERSON, 1, **DAY), caps(Limit.ENTITY_CAMPAIGN, 100, action=Limit.ACTION_AMOUNT)]
    await running(incentive, of_orders(gives(rate=100), limits=limits))
    profile_id = new()
    await incentive.happen(first := a_paid_order(profile_id, 10_000))
    await incentive.happen(a_paid_order(profile_id, 10_000))

    await incentive.happen(a_refund(first, 10_000))
    await incentive.happen(a_paid_order(profile_id, 10_000))

    assert await incentive.has(profile_id) == (100, 0)
    assert await incentive.rows("SELECT sum(rewards)::bigint FROM claimant") == [(101,)]


async def test_an_edited_cap_goes_on_from_what_was_counted(incentive: Incentive) -> None:
    campaign_id = await running(incentive, said(caps(Limit.ENTITY_PERSON, 1)))
    profile_id = new()
    await incentive.happen(an_event(profile_id), an_event(profile_id))

    await edit(incentive, campaign_id, said(caps(Limit.ENTITY_PERSON, 2)))
    await publish(incentive, campaign_id)
    await incentive.happen(an_event(profile_id), an_event(profile_id))

    assert await incentive.has(profile_id) == (20, 0)


async def test_rolling_days_belong_to_rolling_periods(incentive: Incentive) -> None:
    for fields in ({"rolling_days": 3}, {"period": Limit.PERIOD_ROLLING}):
        with pytest.raises(InvalidArgument) as refused:
            await draft(incentive, said(caps(Limit.ENTITY_PERSON, 1, **fields)))
        assert [field for field, _ in refused.value.violations] == ["terms.limits[0].rolling_days"]


async def test_a_zone_that_is_none_is_refused(incentive: Incentive) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await draft(incentive, said(time_zone="Mars/Olympus"))

    assert refused.value.violations == [("terms.time_zone", "Mars/Olympus is not an IANA time zone")]


async def test_a_fact_keeps_its_place_while_any_of_its_effects_stands(incentive: Incentive) -> None:
    """What a template refuses gives the place back only if nothing else was given for the fact."""
    gone = campaign_pb2.Effect(coupon=campaign_pb2.CouponEffect(template_id=await incentive.a_template(stock=1)))
    both = [gone, gives(fixed=10)]
    await running(incentive, of_orders(*both, limits=[caps(Limit.ENTITY_PERSON, 1)]))
    await incentive.happen(a_paid_order(new()))

    for _ in range(3):
        await incentive.happen(a_paid_order(late := new()))
        await incentive.happen(a_paid_order(late))
        assert await incentive.has(late) == (10, 0)


async def test_a_place_comes_back_with_the_last_effect_that_counts_on_it(incentive: Incentive) -> None:
    campaign_id = await running(
        incentive, of_orders(gives(fixed=10), gives(fixed=20), limits=[caps(Limit.ENTITY_PERSON, 1)])
    )
    await incentive.happen(a_paid_order(profile_id := new()))
    second, first = await incentive.grants(profile_id)

    await void(incentive, first.grant_id)
    await incentive.happen(a_paid_order(profile_id))
    kept = await incentive.has(profile_id)
    await void(incentive, second.grant_id)
    await incentive.happen(a_paid_order(profile_id))

    assert (kept, await incentive.has(profile_id)) == ((20, 0), (30, 0))
    assert await incentive.rows("SELECT rewards FROM claimant") == [(1,)]
    assert await incentive.spent(campaign_id) == 30
