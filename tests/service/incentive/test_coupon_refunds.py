"""What refunds of orders with coupons pay, and which coupons come back, over gRPC: cases of spec value §3.2."""

import pytest
from bowen.incentive.v1.events_pb2 import CouponReturned

from chassis.stamps import moment
from tests.service.incentive.couponing import Policies, Till, Use, a_cart, a_line, reason_of, split


async def test_cpn_08_a_coupon_that_expired_meanwhile_comes_back_for_seven_days_once(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code)
    await till.pay()
    clock = till.incentive.clock
    clock.advance((moment(coupon.expire_time) - clock.now()).total_seconds() + 3600)

    await till.refund()
    (back,) = await till.incentive.coupons_of(coupon.profile_id)
    assert await till.state(coupon) == "ISSUED"
    assert (moment(back.expire_time) - clock.now()).days == 7

    await till.lock(coupon.code, order="B-1")
    await till.pay("B-1")
    clock.advance(8 * 86_400)
    refund = await till.refund(order="B-1")

    assert [use.state for use in refund.uses] == [Use.STATE_RETURNED]
    assert await till.state(coupon) == "EXPIRED"
    assert await reason_of(till.lock(coupon.code, order="C-1")) == "COUPON_EXPIRED"
    assert len(await till.incentive.told(CouponReturned)) == 2
    assert (await till.incentive.template(coupon.template_id)).redeemed_count == 0


@pytest.mark.parametrize(
    ("policies", "delivered", "expected"),
    [
        (Policies(), False, "ISSUED"),
        (Policies(), True, "REDEEMED"),
        (Policies(is_compensation=True), True, "ISSUED"),
        (Policies(is_compensation=True), False, "ISSUED"),
        (Policies(on_refund_before_delivery=Policies.RETURN_KEEP), False, "REDEEMED"),
        (Policies(on_refund_after_delivery=Policies.RETURN_GIVE_BACK), True, "ISSUED"),
        (Policies(is_compensation=True, on_refund_after_delivery=Policies.RETURN_KEEP), True, "REDEEMED"),
    ],
)
async def test_cp_05_a_full_refund_returns_a_coupon_by_its_policy(
    till: Till, policies: Policies, delivered: bool, expected: str
) -> None:
    coupon = await till.a_coupon(policies=policies)
    await till.lock(coupon.code, cart=a_cart(5_000, 5_000))
    await till.pay()

    partial = await till.refund((1, 1), delivered=delivered)
    assert (partial.is_full, await till.state(coupon)) == (False, "REDEEMED")
    rest = await till.refund(delivered=delivered)

    assert (partial.refund_minor + rest.refund_minor, rest.is_full) == (9_000, True)
    assert await till.state(coupon) == expected
    assert await reason_of(till.refund()) == "COUPON_ORDER_CLOSED"


@pytest.mark.parametrize(
    ("policy", "expected", "deduction"),
    [
        (Policies.ON_BROKEN_MINIMUM_KEEP, 9_000, 0),
        (Policies.ON_BROKEN_MINIMUM_DEDUCT_DIFFERENCE, 7_000, 2_000),
    ],
)
async def test_cpn_09_a_partial_refund_below_the_minimum_pays_what_its_preview_told(
    till: Till, policy: Policies.OnBrokenMinimum, expected: int, deduction: int
) -> None:
    coupon = await till.a_coupon(value_minor=3_000, order_minor_min=30_000, policies=Policies(on_broken_minimum=policy))
    locked = await till.lock(coupon.code, cart=a_cart(10_000, 20_000))
    await till.pay()

    preview = await till.preview((1, 1))
    actual = await till.refund((1, 1))

    assert preview == actual
    assert (actual.refund_minor, actual.deduction_minor, actual.lines[0].net_minor) == (expected, deduction, 9_000)
    assert locked.uses[0].deducts_difference == bool(deduction)
    rest = await till.refund()
    assert actual.refund_minor + rest.refund_minor == 27_000


async def test_cpn_10_ten_yuan_over_three_equal_lines_is_exact(till: Till) -> None:
    coupon = await till.a_coupon(value_minor=1_000)

    order = await till.lock(coupon.code, cart=a_cart(5_000, 5_000, 5_000))

    assert split(order.uses[0]) == [334, 333, 333]
    assert (await till.order()).uses[0].lines == order.uses[0].lines


async def test_cpn_11_two_of_three_pieces_at_ten_percent_off_refund_180_yuan(till: Till) -> None:
    coupon = await till.a_coupon(value_minor=0, terms={"percent_bp": 1_000})
    await till.lock(coupon.code, cart=a_cart(lines=[a_line(1, 10_000, quantity=3)]))
    await till.pay()

    refund = await till.refund((1, 2))

    assert refund.refund_minor == 18_000
    assert (await till.refund()).refund_minor == 9_000


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policies.ON_BROKEN_MINIMUM_KEEP, 22_500),
        (Policies.ON_BROKEN_MINIMUM_DEDUCT_DIFFERENCE, 22_000),
    ],
)
async def test_cpn_12_five_of_six_pieces_refund_by_policy(
    till: Till, policy: Policies.OnBrokenMinimum, expected: int
) -> None:
    coupon = await till.a_coupon(
        value_minor=0,
        terms={"percent_bp": 1_000},
        order_minor_min=30_000,
        policies=Policies(on_broken_minimum=policy),
    )
    await till.lock(coupon.code, cart=a_cart(lines=[a_line(1, 5_000, quantity=6)]))
    await till.pay()

    assert (await till.refund((1, 5))).refund_minor == expected


async def test_cpn_13_a_credit_of_1_03_over_two_equal_lines_is_52_and_51(till: Till) -> None:
    coupon = await till.a_coupon(value_minor=103)

    order = await till.lock(coupon.code, cart=a_cart(100, 100))

    assert split(order.uses[0]) == [52, 51]


async def test_more_than_is_left_is_not_refunded(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code, cart=a_cart(lines=[a_line(1, 5_000, quantity=2)]))
    assert await reason_of(till.refund((1, 1))) == "COUPON_ORDER_CLOSED"
    await till.pay()
    await till.refund((1, 1))

    assert await reason_of(till.refund((1, 2))) == "EXCEEDS_ORDER"
    assert await reason_of(till.refund((2, 1))) == "EXCEEDS_ORDER"
    assert (await till.order()).refunded_minor == 4_500
