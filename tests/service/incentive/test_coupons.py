"""Coupons over gRPC: cases of spec value §3.2."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from bowen.incentive.v1 import coupon_pb2
from bowen.incentive.v1 import coupon_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import CouponIssued, CouponRedeemed

from chassis.caller import Call, Caller, acting
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Refusal
from chassis.stamps import moment
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_template, new

ISSUED, REDEEMED = coupon_pb2.Coupon.STATE_ISSUED, coupon_pb2.Coupon.STATE_REDEEMED


async def outcomes_of(*attempts: Any) -> dict[str, int]:
    """How many attempts ended how: by reason, `ok` for success. Anything but a refusal fails the test."""
    counts: dict[str, int] = {}
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
            raise outcome
        reason = outcome.reason if isinstance(outcome, Refusal) else "ok"
        counts[reason] = counts.get(reason, 0) + 1
    return counts


async def test_cpn_01_of_a_thousand_claims_at_once_exactly_the_stock_is_issued(incentive: Incentive) -> None:
    template_id = await incentive.a_template(stock=100)

    outcomes = await outcomes_of(*(incentive.issue(template_id) for _ in range(1_000)))

    assert outcomes == {"ok": 100, "SOLD_OUT": 900}
    assert (await incentive.template(template_id)).issued_count == 100
    assert await incentive.rows("SELECT count(*) FROM coupon") == [(100,)]


async def test_cpn_02_of_fifty_parallel_redemptions_one_succeeds(incentive: Incentive) -> None:
    template_id = await incentive.a_template()
    coupon = await incentive.issue(template_id)

    outcomes = await outcomes_of(*(incentive.redeem(coupon.code, order=f"A-{number}") for number in range(50)))

    assert outcomes == {"ok": 1, "COUPON_REDEEMED": 49}
    assert (await incentive.template(template_id)).redeemed_count == 1
    assert len(await incentive.told(CouponRedeemed)) == 1


async def test_cpn_03_twenty_parallel_claims_of_one_person_get_one(incentive: Incentive) -> None:
    template_id, profile_id = await incentive.a_template(coupons_per_profile_max=1), new()

    outcomes = await outcomes_of(*(incentive.issue(template_id, profile_id) for _ in range(20)))

    assert outcomes == {"ok": 1, "PERSON_LIMIT": 19}
    assert len(await incentive.coupons_of(profile_id)) == 1


async def test_cpn_07_a_repeated_payment_callback_redeems_once_and_answers_alike(incentive: Incentive) -> None:
    coupon = await incentive.issue(await incentive.a_template())

    answers = await asyncio.gather(*(incentive.redeem(coupon.code, request_id="callback-1") for _ in range(8)))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0].state == REDEEMED
    assert len(await incentive.told(CouponRedeemed)) == 1
    with pytest.raises(AlreadyExists) as refusal:
        await incentive.redeem(coupon.code, order="B-1", request_id="callback-1")
    assert refusal.value.reason == "REQUEST_ID_REUSED"


async def test_eight_parallel_repeats_of_a_claim_get_one_coupon(incentive: Incentive) -> None:
    template_id, profile_id = await incentive.a_template(), new()

    answers = await asyncio.gather(*(incentive.issue(template_id, profile_id, "claim-1") for _ in range(8)))

    assert len({answer.coupon_id for answer in answers}) == 1
    assert (await incentive.template(template_id)).issued_count == 1


@pytest.mark.parametrize(
    ("last_day", "time_zone", "first_useless"),
    [
        ("2026-06-30", "", "2026-07-01T00:00:00+08:00"),
        ("2026-06-30", "UTC", "2026-07-01T00:00:00+00:00"),
        ("2026-11-01", "America/New_York", "2026-11-02T00:00:00-05:00"),  # led_08: a day of 25 hours
        ("2027-03-14", "America/New_York", "2027-03-15T00:00:00-04:00"),  # and one of 23
    ],
)
async def test_cpn_14_a_coupon_is_good_to_the_end_of_the_printed_local_day(
    incentive: Incentive, last_day: str, time_zone: str, first_useless: str
) -> None:
    template_id = await incentive.a_template(last_day=last_day, time_zone=time_zone)
    template, end = await incentive.template(template_id), datetime.fromisoformat(first_useless)
    late, last = await incentive.issue(template_id), await incentive.issue(template_id)

    incentive.clock.advance((end - incentive.clock.now()).total_seconds() - 0.001)
    used = await incentive.redeem(last.code)
    incentive.clock.advance(0.001)
    with pytest.raises(FailedPrecondition) as refusal:
        await incentive.redeem(late.code)

    assert (template.last_day, moment(template.expire_time)) == (last_day, end)
    assert (used.state, refusal.value.reason) == (REDEEMED, "COUPON_EXPIRED")
    (shown,) = await incentive.coupons_of(late.profile_id)
    assert shown.state == coupon_pb2.Coupon.STATE_EXPIRED
    with pytest.raises(FailedPrecondition) as refusal:
        await incentive.issue(template_id)
    assert refusal.value.reason == "COUPON_EXPIRED"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"last_day": "2026-02-30"}, "last_day"),
        ({"last_day": "2026-13-01"}, "last_day"),
        ({"last_day": "0000-01-01"}, "last_day"),
        ({"last_day": "9999-12-31"}, "last_day"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "America"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
    ],
)
async def test_a_day_that_is_no_day_and_a_zone_that_is_no_zone_are_refused(
    incentive: Incentive, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await incentive.a_template(**fields)

    assert refusal.value.reason == "COUPON_TEMPLATE_INVALID"
    assert [name for name, _ in refusal.value.violations] == [field]


async def test_a_code_is_read_in_any_case_with_look_alikes_and_hyphens(incentive: Incentive) -> None:
    template_id = await incentive.a_template(stock=20)
    for _ in range(10):
        coupon = await incentive.issue(template_id)
        code = coupon.code.lower().replace("0", "o").replace("1", "l")

        used = await incentive.redeem(f"{code[:4]}-{code[4:8]} {code[8:]}")

        assert (used.coupon_id, used.state) == (coupon.coupon_id, REDEEMED)


@pytest.mark.parametrize("code", ["", "0", "0000000000001", "UUUUUUUUUUUUU", "ß" * 13, "0000000000000"])
async def test_a_code_that_nobody_has_is_not_found(incentive: Incentive, code: str) -> None:
    kind = NotFound if code else InvalidArgument

    with pytest.raises(kind) as refusal:
        await incentive.redeem(code)

    assert refusal.value.reason == ("COUPON_NOT_FOUND" if code else "INVALID_ARGUMENT")


async def test_a_used_coupon_names_the_order_it_was_used_on(incentive: Incentive) -> None:
    coupon = await incentive.issue(await incentive.a_template())
    await incentive.redeem(coupon.code, order="A-17")

    with pytest.raises(FailedPrecondition) as refusal:
        await incentive.redeem(coupon.code, order="B-18")

    assert (refusal.value.reason, refusal.value.metadata) == ("COUPON_REDEEMED", {"order_reference": "A-17"})


@pytest.mark.parametrize(("minor", "reason"), [(10_000, ""), (9_999, "ORDER_BELOW_MINIMUM")])
async def test_an_order_must_reach_what_the_coupon_asks_for(incentive: Incentive, minor: int, reason: str) -> None:
    coupon = await incentive.issue(await incentive.a_template(order_minor_min=10_000))

    outcome = await outcomes_of(incentive.redeem(coupon.code, minor=minor))

    assert outcome == {reason or "ok": 1}


async def test_others_are_told_of_what_was_issued_and_used(incentive: Incentive) -> None:
    template_id, profile_id = await incentive.a_template(), new()
    coupon = await incentive.issue(template_id, profile_id)
    await incentive.redeem(coupon.code, order="A-17")

    (issued,) = await incentive.told(CouponIssued)
    (used,) = await incentive.told(CouponRedeemed)

    assert (issued.coupon_id, issued.template_id, issued.profile_id) == (coupon.coupon_id, template_id, profile_id)
    assert (issued.value_minor, issued.currency_code, moment(issued.issue_time)) == (1_000, "CNY", NOON)
    assert (used.coupon_id, used.order_reference, used.profile_id) == (coupon.coupon_id, "A-17", profile_id)


async def test_merged_profiles_are_one_person_to_the_limit_and_in_the_list(incentive: Incentive) -> None:
    template_id = await incentive.a_template(coupons_per_profile_max=2)
    loser, survivor = new(), new()
    for profile_id in (loser, survivor):
        await incentive.issue(template_id, profile_id)
    await incentive.happen(a_merge(loser, survivor))

    outcomes = await outcomes_of(incentive.issue(template_id, loser), incentive.issue(template_id, survivor))

    assert outcomes == {"PERSON_LIMIT": 2}
    assert len(await incentive.coupons_of(survivor)) == len(await incentive.coupons_of(loser)) == 2


async def test_a_persons_coupons_are_paged_newest_first(incentive: Incentive) -> None:
    template_id, profile_id = await incentive.a_template(), new()
    issued = [(await incentive.issue(template_id, profile_id)).coupon_id for _ in range(5)]

    seen, token = [], ""
    while True:
        request = pb.ListProfileCouponsRequest(profile_id=profile_id, page_size=2, page_token=token)
        page = await incentive.coupons.ListProfileCoupons(request)  # type: ignore[misc]
        seen += [coupon.coupon_id for coupon in page.coupons]
        token = page.next_page_token
        if not token:
            break

    assert seen == issued[::-1]


async def test_a_template_that_is_not_there_is_not_found(incentive: Incentive) -> None:
    assert await outcomes_of(incentive.template(new()), incentive.issue(new())) == {"COUPON_TEMPLATE_NOT_FOUND": 2}


async def test_a_store_may_redeem_but_neither_issue_nor_look_into_people(incentive: Incentive) -> None:
    template_id = await incentive.a_template()
    coupon = await incentive.issue(template_id, profile_id := new())

    with acting(Call(Caller("key:store", frozenset({"incentive.coupons:write"}), store_id=new()))):
        assert (await incentive.redeem(coupon.code)).state == REDEEMED
        denied = await outcomes_of(
            incentive.issue(template_id),
            incentive.coupons.CreateCouponTemplate(a_template()),
        )
    with acting(Call(Caller("key:store", frozenset({"incentive.coupons:read"}), store_id=new()))):
        denied |= {"list": (await outcomes_of(incentive.coupons_of(profile_id)))["PERMISSION_DENIED"]}

    assert denied == {"PERMISSION_DENIED": 2, "list": 1}


async def test_a_shopper_sees_the_own_coupons_and_nobody_elses(incentive: Incentive) -> None:
    profile_id = new()
    await incentive.issue(await incentive.a_template(), profile_id)

    with acting(Call(Caller("shopper:1", profile_id=profile_id))):
        assert [coupon.state for coupon in await incentive.coupons_of(profile_id)] == [ISSUED]
        with pytest.raises(PermissionDenied):
            await incentive.coupons_of(new())
