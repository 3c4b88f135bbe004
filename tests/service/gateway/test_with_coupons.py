"""Coupons as HTTP has them: the gateway before the real service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from chassis.clock import FixedClock
from services.incentive.coupons.domain import code_of
from tests.service.gateway.conftest import Start
from tests.service.incentive.couponing import Policies
from tests.service.incentive.rewarding import Incentive, an_incentive

SCOPES = ("incentive.coupons:read", "incentive.coupons:write")
CART = {"currency_code": "CNY", "lines": [{"line_no": 1, "quantity": 1, "unit_price_minor": 10_000}]}


@pytest.fixture
async def incentive(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Incentive]:
    async with an_incentive(fresh_database("incentive"), clock) as incentive:
        yield incentive


async def a_door(start: Start, incentive: Incentive) -> Any:
    door = await start(incentive_target=incentive.target)
    door.headers["authorization"] = f"Bearer {await door.new_key(*SCOPES)}"
    return door


async def test_cpn_16_a_guest_cart_is_answered_with_200_and_the_missing_attribute(
    start: Start, incentive: Incentive
) -> None:
    reserved = Policies(reservation=Policies.RESERVATION_HARD)
    coupon = await incentive.issue(await incentive.a_template(policies=reserved))
    door = await a_door(start, incentive)

    answer = await door.post("/v1/coupon-orders:evaluate", json={"cart": CART, "codes": [coupon.code]})

    assert answer.status_code == 200
    (skipped,) = answer.json()["rejections"]
    assert (skipped["reason"], skipped["attribute"]) == ("ATTR_MISSING", "profile_id")
    assert answer.json()["net_minor"] == 10_000


async def test_cpn_19_a_thousand_codes_from_one_address_are_throttled_after_five(
    start: Start, incentive: Incentive
) -> None:
    door = await a_door(start, incentive)

    answers = await asyncio.gather(*(door.get(f"/v1/coupons/{code_of(number)}") for number in range(1_000)))

    statuses = [answer.status_code for answer in answers]
    let_through = statuses.count(200)
    assert set(statuses) == {200, 429}
    assert 5 <= let_through < 50  # five at once, then one a second for as long as the thousand take
    assert {answer.content for answer in answers if answer.status_code == 200} == {b'{"is_usable":false}'}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)
    assert (await door.get("/v1/coupon-templates")).status_code == 200


async def test_a_till_locks_pays_and_refunds_over_http(start: Start, incentive: Incentive) -> None:
    coupon = await incentive.issue(await incentive.a_template())
    door = await a_door(start, incentive)

    async def ask(verb: str, **body: Any) -> Any:
        headers = {"idempotency-key": f"{verb}-1"}
        answer = await door.post(f"/v1/coupon-orders:{verb}", json={"order_reference": "A-17"} | body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    locked = await ask("lock", cart=CART, codes=[coupon.code])
    paid = await ask("redeem")
    preview = await ask("preview-refund")
    refunded = await ask("refund")

    assert [use["state"] for use in locked["coupon_order"]["uses"]] == ["LOCKED"]
    assert paid["coupon_order"]["verdict"] == "REDEEMED"
    assert preview == refunded
    assert refunded["coupon_refund"]["refund_minor"] == 9_000
    found = await door.get("/v1/coupon-orders", params={"order_reference": "A-17"})
    assert [use["state"] for use in found.json()["coupon_order"]["uses"]] == ["RETURNED"]


async def test_two_lines_of_one_number_are_named_in_the_problem(start: Start, incentive: Incentive) -> None:
    door = await a_door(start, incentive)
    cart = CART | {"lines": CART["lines"] * 2}  # type: ignore[operator]

    answer = await door.post("/v1/coupon-orders:evaluate", json={"cart": cart})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/COUPON_CART_INVALID")
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/cart/lines/0/line_no", "/cart/lines/1/line_no"]
