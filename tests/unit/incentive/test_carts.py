"""Laws of carts: parts of a discount sum to it, and coupons have the same outcome in whatever order they come."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.coupons.domain.carts import Candidate, Cart, Group, Line, Mode, Plan, allocate, evaluate
from services.incentive.coupons.domain.coupons import Coupon
from services.incentive.coupons.domain.orders import Order, RefundLine, Use, UseState, Verdict, refund
from services.incentive.coupons.domain.templates import OnBrokenMinimum, Policies, Template, Terms

NOW = datetime(2026, 6, 20, 4, tzinfo=UTC)
WEIGHTS = st.dictionaries(st.integers(1, 50), st.integers(0, 10**9), min_size=1).filter(lambda w: sum(w.values()) > 0)
GROUPS = [Group(mode.value, mode, position) for position, mode in enumerate(Mode)]


def a_template(number: int, **fields: object) -> Template:
    template = Template(
        template_id=UUID(int=number),
        name="Ten off",
        value_minor=1_000,
        currency_code="CNY",
        order_minor_min=0,
        stock=10,
        issued_count=0,
        redeemed_count=0,
        coupons_per_profile_max=0,
        last_day=date(2026, 6, 30),
        time_zone="UTC",
        expire_time=NOW + timedelta(days=10),
        create_time=NOW,
    )
    return replace(template, **fields)  # type: ignore[arg-type]


def a_candidate(number: int, group: Group = GROUPS[0], **fields: object) -> Candidate:
    template = a_template(number, **fields)
    template = replace(template, terms=replace(template.terms, group=group.name))
    coupon = Coupon(UUID(int=1_000 + number), template.template_id, f"C{number}", "p", 1, NOW)
    return Candidate(template, coupon, group)


@st.composite
def carts(draw: st.DrawFn) -> Cart:
    lines = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 30_000)), min_size=1, max_size=6)
    )
    return Cart("CNY", tuple(Line(no, product, "", *rest) for no, (product, *rest) in enumerate(lines, start=1)))


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    found = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        percent = draw(st.sampled_from([0, 0, 1, 1_000, 3_333, 10_000]))
        terms = Terms(
            percent_bp=percent,
            discount_minor_max=draw(st.sampled_from([0, 0, 500])),
            products=frozenset(draw(st.sets(st.sampled_from("abc"), max_size=2))),
            priority=draw(st.integers(0, 2)),
            exclusions=frozenset(draw(st.sets(st.sampled_from("xy"), max_size=1))),
        )
        found.append(
            a_candidate(
                number,
                draw(st.sampled_from(GROUPS)),
                value_minor=0 if percent else draw(st.integers(1, 20_000)),
                order_minor_min=draw(st.sampled_from([0, 0, 10_000])),
                terms=terms,
                expire_time=NOW + timedelta(days=draw(st.integers(1, 2))),
            )
        )
    return found


def told(plan: Plan) -> object:
    applied = [(each.candidate.coupon.coupon_id, dict(each.allocation)) for each in plan.applied]
    return applied, {each.coupon.coupon_id: refusal.reason for each, refusal in plan.rejected}


@given(WEIGHTS, st.data())
def test_a_split_sums_to_the_whole_and_no_part_is_more_than_its_line_or_a_unit_off(
    weights: dict[int, int], data: st.DataObject
) -> None:
    whole = sum(weights.values())
    total = data.draw(st.integers(0, whole))

    shares = allocate(total, weights)

    assert sum(shares.values()) == total
    for line, weight in weights.items():
        share = shares.get(line, 0)
        assert share <= weight
        assert abs(share * whole - total * weight) < whole


@given(carts(), candidates(), st.integers(0, 2**32))
def test_the_order_in_which_coupons_come_makes_no_difference(cart: Cart, coupons: list[Candidate], seed: int) -> None:
    shuffled = random.Random(seed).sample(coupons, len(coupons))

    assert told(evaluate(cart, shuffled, NOW)) == told(evaluate(cart, coupons, NOW))


@given(carts(), candidates())
def test_every_coupon_applies_or_is_told_why_not_and_no_line_goes_below_zero(
    cart: Cart, coupons: list[Candidate]
) -> None:
    plan = evaluate(cart, coupons, NOW)

    for line in cart.lines:
        assert sum(each.allocation.get(line.line_no, 0) for each in plan.applied) <= line.gross_minor
    seen = [each.candidate for each in plan.applied] + [each for each, _ in plan.rejected]
    assert sorted(str(each.coupon.coupon_id) for each in seen) == sorted(str(each.coupon.coupon_id) for each in coupons)
    assert all(each.discount_minor > 0 for each in plan.applied)
    assert all(refusal.reason and refusal.message for _, refusal in plan.rejected)


@given(carts(), candidates())
def test_a_group_of_one_applies_one_and_an_exclusion_lets_one_through(cart: Cart, coupons: list[Candidate]) -> None:
    plan = evaluate(cart, coupons, NOW)

    single = [each.candidate.group.name for each in plan.applied if each.candidate.group.mode != Mode.STACKABLE]
    assert len(single) == len(set(single))
    names = [name for each in plan.applied for name in each.candidate.template.terms.exclusions]
    assert len(names) == len(set(names))


@given(carts(), candidates(), st.booleans(), st.data())
def test_refunds_in_any_portions_sum_to_what_was_paid(
    cart: Cart, coupons: list[Candidate], deducts: bool, data: st.DataObject
) -> None:
    policy = OnBrokenMinimum.DEDUCT_DIFFERENCE if deducts else OnBrokenMinimum.KEEP
    plan = evaluate(cart, coupons, NOW)
    uses = tuple(
        Use(each.candidate.coupon.coupon_id, 1, place, each.allocation, UseState.REDEEMED)
        for place, each in enumerate(plan.applied)
    )
    templates = {
        each.candidate.coupon.coupon_id: replace(each.candidate.template, policies=Policies(on_broken_minimum=policy))
        for each in plan.applied
    }
    order = Order(UUID(int=1), "", "A-17", cart, NOW, Verdict.REDEEMED, uses=uses)
    paid = cart.gross_minor - plan.discount_minor

    pieces = [line.line_no for line in cart.lines for _ in range(line.quantity)]
    total = 0
    for line_no in data.draw(st.permutations(pieces)):
        order, part = refund(order, [RefundLine(line_no, 1)], templates)
        assert part.refund_minor >= 0
        assert part.refund_minor + part.deduction_minor == sum(line.net_minor for line in part.lines)
        total += part.refund_minor
        assert total <= paid

    assert total == paid == order.refunded_minor
