"""Everybody does everything with the same few coupons and orders at once: what must hold, holds."""

import asyncio
import random

import pytest

from chassis.errors import Refusal
from tests.service.incentive.couponing import Policies, Till, a_cart

ORDERS = ("A-1", "B-2", "C-3", "D-4")
ROUNDS = 6
CALLS = 40

BROKEN = {
    "a coupon that is used without exactly one use, or on an order that is not paid": """
        SELECT coupon.coupon_id FROM coupon LEFT JOIN coupon_use AS use ON use.coupon_id = coupon.coupon_id
            AND use.state = 'redeemed' LEFT JOIN coupon_order USING (coupon_order_id)
        WHERE coupon.status = 'redeemed' GROUP BY 1
        HAVING count(use) <> 1 OR bool_or(coupon_order.verdict <> 'redeemed')
    """,
    "a use that stands for a coupon which is not used, or used on another order": """
        SELECT use.coupon_id
        FROM coupon_use AS use JOIN coupon USING (coupon_id) JOIN coupon_order USING (coupon_order_id)
        WHERE use.state = 'redeemed'
            AND (coupon.status <> 'redeemed' OR coupon.order_reference <> coupon_order.order_reference)
    """,
    "a lock whose order does not know of it": """
        SELECT coupon.coupon_id FROM coupon WHERE status = 'locked' AND NOT EXISTS (
            SELECT FROM coupon_use AS use WHERE use.coupon_id = coupon.coupon_id AND use.use_no = coupon.use_count
                AND use.state = 'locked')
    """,
    "an order that was lost and still has a coupon": """
        SELECT coupon_order_id FROM coupon_order JOIN coupon_use AS use USING (coupon_order_id)
        WHERE verdict IN ('charge_full', 'refund_payment') AND use.state IN ('locked', 'redeemed')
    """,
    "counts of a template that are not those of its coupons": """
        SELECT template_id FROM coupon_template AS template JOIN coupon USING (template_id)
        GROUP BY template_id, template.redeemed_count, template.issued_count
        HAVING template.redeemed_count <> count(*) FILTER (WHERE status = 'redeemed')
            OR template.issued_count <> count(*) FILTER (WHERE NOT restocked)
    """,
}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_done_at_once_a_coupon_is_used_once_and_every_count_is_right(till: Till, seed: int) -> None:
    dice = random.Random(seed)
    policies = Policies(
        on_lost_lock=Policies.ON_LOST_LOCK_CHARGE_FULL_WITH_CONSENT,
        on_revoke_locked=dice.choice([Policies.ON_REVOKE_LOCKED_LOCK_WINS, Policies.ON_REVOKE_LOCKED_REVOKE_WINS]),
    )
    template_id = await till.incentive.a_template(policies=policies)
    codes = [(await till.incentive.issue(template_id)).code for _ in range(4)]

    def call() -> object:
        code, order = dice.choice(codes), dice.choice(ORDERS)
        return dice.choice(
            [
                lambda: till.lock(*dice.sample(codes, dice.randint(1, 2)), order=order, cart=a_cart(9_000)),
                lambda: till.lock(code, order=order, cart=a_cart(9_000)),
                lambda: till.pay(order, consent=dice.random() < 0.5),
                lambda: till.pay(order),
                lambda: till.unlock(order),
                lambda: till.redeem(code, *a_cart(9_000).lines, order=order),
                lambda: till.refund(order=order),
                lambda: till.freeze(code),
                lambda: till.thaw(code),
                lambda: till.revoke(code, restock=True) if dice.random() < 0.1 else till.thaw(code),
            ]
        )()

    reasons: set[str] = set()
    for _ in range(ROUNDS):
        outcomes = await asyncio.gather(*(call() for _ in range(CALLS)), return_exceptions=True)  # type: ignore[call-overload]
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
                raise outcome
            reasons |= {outcome.reason} if isinstance(outcome, Refusal) else set()
        for claim, query in BROKEN.items():
            assert await till.incentive.rows(query) == [], claim
        till.incentive.clock.advance(dice.choice([0, 60, 901]))

    assert not reasons & {"INTERNAL", "CONFLICT", "UNAVAILABLE", "OVERLOADED"}
