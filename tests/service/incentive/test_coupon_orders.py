"""Coupons that are set aside for orders, paid for, lost and revoked, over gRPC: cases of spec value §3.2."""

import asyncio

import pytest
from bowen.incentive.v1.events_pb2 import CouponLost, CouponRedeemed, CouponRevoked

from chassis.caller import Call, Caller, acting
from chassis.stamps import moment
from tests.service.incentive.couponing import Policies, Till, Use, a_cart, a_line, reason_of, terms, verdict
from tests.service.incentive.rewarding import new
from tests.service.incentive.test_coupons import outcomes_of

WINDOW = 15 * 60
TILL = frozenset({"incentive.coupons:read", "incentive.coupons:write"})


async def test_a_locked_coupon_is_its_orders_until_the_window_ends(till: Till) -> None:
    coupon = await till.a_coupon()
    locked = await till.lock(coupon.code)

    assert (await till.state(coupon), locked.gross_minor, locked.net_minor) == ("LOCKED", 10_000, 9_000)
    assert await reason_of(till.lock(coupon.code, order="B-1")) == "COUPON_LOCKED"
    assert await reason_of(till.redeem(coupon.code, order="B-1")) == "COUPON_LOCKED"

    till.incentive.clock.advance(WINDOW - 0.001)
    assert await reason_of(till.lock(coupon.code, order="B-1")) == "COUPON_LOCKED"
    till.incentive.clock.advance(0.001)
    assert await till.state(coupon) == "ISSUED"
    assert await reason_of(till.lock(coupon.code, order="B-1")) == ""


async def test_of_twenty_orders_that_lock_one_coupon_at_once_one_has_it(till: Till) -> None:
    coupon = await till.a_coupon()

    outcomes = await outcomes_of(*(till.lock(coupon.code, order=f"A-{number}") for number in range(20)))

    assert outcomes == {"ok": 1, "COUPON_LOCKED": 19}


async def test_coupons_are_locked_all_or_none(till: Till) -> None:
    good, other = await till.a_coupon(), await till.a_coupon(order_minor_min=10_001)

    assert await reason_of(till.lock(good.code, other.code)) == "ORDER_BELOW_MINIMUM"
    assert await till.state(good) == "ISSUED"
    assert await reason_of(till.order()) == "COUPON_ORDER_NOT_FOUND"


async def test_locking_again_replaces_what_the_order_had(till: Till) -> None:
    first, second = await till.a_coupon(), await till.a_coupon()
    await till.lock(first.code)

    order = await till.lock(second.code, cart=a_cart(20_000))

    assert [await till.state(each) for each in (first, second)] == ["ISSUED", "LOCKED"]
    assert ([use.code for use in order.uses], order.net_minor) == ([second.code], 19_000)
    assert verdict(await till.pay()) == "REDEEMED"
    assert [await till.state(each) for each in (first, second)] == ["ISSUED", "REDEEMED"]


async def test_an_unpaid_order_that_is_cancelled_gives_its_coupons_back(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code)

    for _ in range(2):
        await till.unlock()
        assert await till.state(coupon) == "ISSUED"

    assert verdict(await till.pay()) == "REFUND_PAYMENT"
    assert await reason_of(till.lock(coupon.code)) == "COUPON_ORDER_CLOSED"
    assert await reason_of(till.lock(coupon.code, order="B-1")) == ""


async def test_cpn_05_a_payment_a_second_late_relocks_what_is_still_free_and_redeems_once(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code)
    till.incentive.clock.advance(WINDOW + 1)

    paid = await asyncio.gather(*(till.pay() for _ in range(5)))

    assert {verdict(each) for each in paid} == {"REDEEMED"}
    assert await till.state(coupon) == "REDEEMED"
    assert len(await till.incentive.told(CouponRedeemed)) == 1


async def test_cpn_05_a_payment_in_its_window_counts_though_the_last_day_ended_meanwhile(till: Till) -> None:
    coupon = await till.a_coupon()
    end = moment(coupon.expire_time)
    till.incentive.clock.advance((end - till.incentive.clock.now()).total_seconds() - 1)
    await till.lock(coupon.code)
    till.incentive.clock.advance(2)

    assert verdict(await till.pay()) == "REDEEMED"


@pytest.mark.parametrize(
    ("policy", "consent", "expected"),
    [
        (Policies.ON_LOST_LOCK_REFUND_PAYMENT, False, "REFUND_PAYMENT"),
        (Policies.ON_LOST_LOCK_REFUND_PAYMENT, True, "REFUND_PAYMENT"),
        (Policies.ON_LOST_LOCK_CHARGE_FULL_WITH_CONSENT, False, "REFUND_PAYMENT"),
        (Policies.ON_LOST_LOCK_CHARGE_FULL_WITH_CONSENT, True, "CHARGE_FULL"),
    ],
)
async def test_cpn_06_a_late_payment_for_a_coupon_that_another_took_has_one_verdict_for_ever(
    till: Till, policy: Policies.OnLostLock, consent: bool, expected: str
) -> None:
    coupon = await till.a_coupon(policies=Policies(on_lost_lock=policy))
    await till.lock(coupon.code)
    till.incentive.clock.advance(WINDOW + 1)
    await till.lock(coupon.code, order="B-1")

    first = await till.pay(consent=consent)
    again = await till.pay(consent=not consent)
    other = await till.pay("B-1")

    assert [verdict(each) for each in (first, again, other)] == [expected, expected, "REDEEMED"]
    assert [use.state for use in first.uses] == [Use.STATE_LOST]
    assert first.net_minor == first.gross_minor
    assert [event.order_reference for event in await till.incentive.told(CouponRedeemed)] == ["B-1"]
    (lost,) = await till.incentive.told(CouponLost)
    assert (lost.order_reference, lost.verdict) == ("A-17", expected)


async def test_cpn_06_an_order_that_lost_one_of_two_coupons_uses_neither(till: Till) -> None:
    one, other = await till.a_coupon(), await till.a_coupon()
    await till.lock(one.code, other.code)
    till.incentive.clock.advance(WINDOW + 1)
    await till.lock(other.code, order="B-1")

    assert verdict(await till.pay()) == "REFUND_PAYMENT"
    assert [await till.state(each) for each in (one, other)] == ["ISSUED", "LOCKED"]


async def test_cpn_06_late_payments_of_two_orders_that_had_the_same_coupon_use_it_once(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code)
    till.incentive.clock.advance(WINDOW)
    await till.lock(coupon.code, order="B-1")
    till.incentive.clock.advance(WINDOW)

    paid = await asyncio.gather(*(till.pay(order) for order in ("A-17", "B-1") for _ in range(4)))

    assert [verdict(each) for each in paid] == ["REFUND_PAYMENT"] * 4 + ["REDEEMED"] * 4
    assert len(await till.incentive.told(CouponRedeemed)) == 1


async def test_cpn_07_payment_callbacks_under_many_request_ids_redeem_once(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code)

    paid = await asyncio.gather(*(till.pay(request_id=f"callback-{number % 3}") for number in range(12)))

    assert all(each == paid[0] for each in paid)
    assert verdict(paid[0]) == "REDEEMED"
    assert len(await till.incentive.told(CouponRedeemed)) == 1
    assert (await till.incentive.template(coupon.template_id)).redeemed_count == 1


@pytest.mark.parametrize(
    ("policy", "paid", "state"),
    [
        (Policies.ON_REVOKE_LOCKED_LOCK_WINS, "REDEEMED", "REDEEMED"),
        (Policies.ON_REVOKE_LOCKED_REVOKE_WINS, "REFUND_PAYMENT", "REVOKED"),
    ],
)
async def test_cpn_15_a_revocation_while_locked_wins_or_waits(
    till: Till, policy: Policies.OnRevokeLocked, paid: str, state: str
) -> None:
    coupon = await till.a_coupon(policies=Policies(on_revoke_locked=policy))
    await till.lock(coupon.code)

    await till.revoke(coupon.code)

    assert verdict(await till.pay()) == paid
    assert await till.state(coupon) == state


async def test_cpn_15_a_revocation_that_waited_takes_the_coupon_when_its_lock_ends_unpaid(till: Till) -> None:
    let_go, lapsed, refunded = [await till.a_coupon() for _ in range(3)]
    for name, coupon in (("A", let_go), ("B", lapsed), ("C", refunded)):
        await till.lock(coupon.code, order=name)
        await till.revoke(coupon.code)
    await till.unlock("A")
    await till.pay("C")
    await till.refund(order="C")
    till.incentive.clock.advance(WINDOW)

    await till.incentive.ender.end_revoked()
    await till.incentive.ender.end_revoked()

    assert [await till.state(each) for each in (let_go, lapsed)] == ["REVOKED", "REVOKED"]
    told = [event.coupon_id for event in await till.incentive.told(CouponRevoked)]
    assert told == [let_go.coupon_id, lapsed.coupon_id]
    assert await till.state(refunded) == "REDEEMED"
    assert verdict(await till.pay("B")) == "REFUND_PAYMENT"


async def test_cpn_15_revocation_and_payment_at_once_have_no_third_outcome(till: Till) -> None:
    seen = set()
    for number in range(10):
        coupon = await till.a_coupon(policies=Policies(on_revoke_locked=Policies.ON_REVOKE_LOCKED_REVOKE_WINS))
        await till.lock(coupon.code, order=f"A-{number}")
        paid, revoked = await asyncio.gather(till.pay(f"A-{number}"), reason_of(till.revoke(coupon.code)))
        seen.add((verdict(paid), revoked, await till.state(coupon)))

    assert seen <= {("REDEEMED", "COUPON_REDEEMED", "REDEEMED"), ("REFUND_PAYMENT", "", "REVOKED")}


async def test_a_frozen_coupon_waits_until_it_is_thawed(till: Till) -> None:
    coupon = await till.a_coupon()

    await till.freeze(coupon.code)
    assert (await till.state(coupon), await reason_of(till.lock(coupon.code))) == ("FROZEN", "COUPON_FROZEN")
    await till.thaw(coupon.code)
    await till.lock(coupon.code)
    assert await reason_of(till.freeze(coupon.code)) == "COUPON_LOCKED"
    await till.pay()
    assert await reason_of(till.freeze(coupon.code)) == "COUPON_REDEEMED"


async def test_a_till_scans_coupons_one_after_another_on_what_the_others_left(till: Till) -> None:
    lines = [a_line(1, 1_500)]
    first, second, third = [await till.a_coupon() for _ in range(3)]

    taken = [(await till.redeem(each.code, *lines)).use.discount_minor for each in (first, second)]

    assert taken == [1_000, 500]
    assert await reason_of(till.redeem(third.code, *lines)) == "NOTHING_TO_DISCOUNT"
    assert await reason_of(till.redeem(third.code, a_line(1, 9_000))) == "COUPON_ORDER_CLOSED"
    assert (await till.order()).net_minor == 0


async def test_a_till_redeems_what_is_locked_for_its_order_as_it_was_locked(till: Till) -> None:
    one, other = await till.a_coupon(), await till.a_coupon()
    await till.lock(one.code, other.code)

    await till.redeem(one.code)
    order = await till.pay()

    assert [use.state for use in order.uses] == [Use.STATE_REDEEMED] * 2
    assert [event.discount_minor for event in await till.incentive.told(CouponRedeemed)] == [1_000, 1_000]


async def test_two_tills_on_one_order_add_up(till: Till) -> None:
    coupons = [await till.a_coupon() for _ in range(6)]

    outcomes = await outcomes_of(*(till.redeem(each.code, a_line(1, 2_500)) for each in coupons))

    assert outcomes == {"ok": 3, "NOTHING_TO_DISCOUNT": 3}
    assert (await till.order()).net_minor == 0


async def test_a_stores_orders_are_its_own_whatever_their_number(till: Till) -> None:
    mine, theirs = await till.a_coupon(), await till.a_coupon()
    await till.lock(mine.code)

    with acting(Call(Caller("key:store", TILL, store_id=new()))):
        assert await reason_of(till.order()) == "COUPON_ORDER_NOT_FOUND"
        assert await reason_of(till.pay()) == "COUPON_ORDER_NOT_FOUND"
        await till.lock(theirs.code)
        assert verdict(await till.pay()) == "REDEEMED"

    assert await till.state(mine) == "LOCKED"


async def test_a_till_that_computes_discounts_itself_tells_the_amount_and_the_store(till: Till) -> None:
    store_id = new()
    coupon = await till.a_coupon(order_minor_min=5_000, terms=terms(store_ids=[store_id]))

    assert await reason_of(till.redeem(coupon.code, order_minor=5_000)) == "STORE_NOT_ELIGIBLE"
    assert await reason_of(till.redeem(coupon.code, order_minor=4_999, store_id=store_id)) == "ORDER_BELOW_MINIMUM"
    used = await till.redeem(coupon.code, order_minor=5_000, store_id=store_id)
    assert not used.HasField("use")

    refund = await till.refund()
    assert (refund.refund_minor, refund.is_full, await till.state(coupon)) == (0, True, "ISSUED")
