"""Which coupons apply to a cart, and why others do not, over gRPC: cases of spec value §2.2 and §3.2."""

from datetime import timedelta

import pytest

from chassis.caller import Call, Caller, acting
from services.incentive.coupons.domain import code_of
from tests.service.incentive.couponing import Group, Policies, Till, a_cart, a_line, reason_of, split, terms
from tests.service.incentive.rewarding import a_merge, new


async def reasons(till: Till, cart: object, *codes: str) -> dict[str, str]:
    """Why codes do not apply; those that do are left out."""
    return {each.code: each.reason for each in (await till.evaluate(cart, *codes)).rejections}


async def test_cpn_16_a_guest_is_skipped_by_a_coupon_that_needs_to_know_the_member(till: Till) -> None:
    open_to_all = await till.a_coupon()
    reserved = await till.a_coupon(policies=Policies(reservation=Policies.RESERVATION_HARD))

    answer = await till.evaluate(a_cart(), open_to_all.code, reserved.code)

    assert [use.coupon_id for use in answer.uses] == [open_to_all.coupon_id]
    (skipped,) = answer.rejections
    assert (skipped.coupon_id, skipped.reason, skipped.attribute) == (
        reserved.coupon_id,
        "ATTR_MISSING",
        "profile_id",
    )
    assert skipped.text


async def test_cp_04_a_reserved_coupon_is_its_owners_only_and_a_soft_one_whose_code_is_known(till: Till) -> None:
    owner, other = new(), new()
    hard = await till.a_coupon(owner, policies=Policies(reservation=Policies.RESERVATION_HARD))
    soft = await till.a_coupon(owner)

    assert await reasons(till, a_cart(profile_id=other), hard.code, soft.code) == {hard.code: "COUPON_OF_ANOTHER"}
    assert await reasons(till, a_cart(profile_id=owner), hard.code, soft.code) == {}
    assert await reason_of(till.redeem(hard.code, order_minor=5_000)) == "ATTR_MISSING"
    assert await reason_of(till.redeem(hard.code, order_minor=5_000, profile_id=other)) == "COUPON_OF_ANOTHER"
    survivor = new()
    await till.incentive.happen(a_merge(owner, survivor))
    assert await reason_of(till.redeem(hard.code, order_minor=5_000, profile_id=survivor)) == ""
    assert (hard.is_reserved, soft.is_reserved) == (True, False)


async def test_cp_08_every_candidate_that_does_not_apply_says_why_in_a_code_and_a_text(till: Till) -> None:
    store_id = new()
    used, locked, frozen, revoked = [await till.a_coupon() for _ in range(4)]
    await till.redeem(used.code, order_minor=5_000, order="U-1")
    await till.lock(locked.code, order="L-1")
    await till.freeze(frozen.code)
    await till.revoke(revoked.code)
    elsewhere = await till.a_coupon(terms=terms(store_ids=[store_id]))
    foreign = await till.a_coupon(currency_code="EUR")
    dear = await till.a_coupon(order_minor_min=10_001)
    picky = await till.a_coupon(terms=terms(products=["other"]))
    whole = await till.a_coupon(value_minor=10_000)
    late = await till.a_coupon(value_minor=1)
    unknown = code_of(7)
    expected = [
        (used, "COUPON_REDEEMED"),
        (locked, "COUPON_LOCKED"),
        (frozen, "COUPON_FROZEN"),
        (revoked, "COUPON_REVOKED"),
        (elsewhere, "STORE_NOT_ELIGIBLE"),
        (foreign, "CURRENCY_DIFFERS"),
        (dear, "ORDER_BELOW_MINIMUM"),
        (picky, "NO_ELIGIBLE_LINES"),
        (late, "NOTHING_TO_DISCOUNT"),
    ]

    answer = await till.evaluate(a_cart(10_000), whole.code, unknown, *(each.code for each, _ in expected))

    assert [use.coupon_id for use in answer.uses] == [whole.coupon_id]
    assert {each.code: each.reason for each in answer.rejections} == {
        unknown: "COUPON_NOT_FOUND",
        **{each.code: reason for each, reason in expected},
    }
    assert all(each.text for each in answer.rejections)
    assert (answer.gross_minor, answer.net_minor) == (10_000, 0)
    till.incentive.clock.advance(timedelta(days=30).total_seconds())
    assert await reasons(till, a_cart(), whole.code) == {whole.code: "COUPON_EXPIRED"}


async def test_a_refusal_to_lock_names_the_code_and_the_same_reason(till: Till) -> None:
    dear = await till.a_coupon(order_minor_min=10_001)

    assert await reasons(till, a_cart(), dear.code) == {dear.code: "ORDER_BELOW_MINIMUM"}
    assert await reason_of(till.lock(dear.code)) == "ORDER_BELOW_MINIMUM"


async def test_a_percentage_is_capped_and_counts_eligible_lines_only(till: Till) -> None:
    lines = [
        a_line(1, 3_333, product="tea"),
        a_line(2, 10_000, product="pot", category="home"),
        a_line(3, 500, product="bag"),
    ]
    cart = a_cart(lines=lines)
    tea = await till.a_coupon(value_minor=0, terms=terms(percent_bp=1_500, products=["tea"]))
    home = await till.a_coupon(
        value_minor=0, terms=terms(percent_bp=5_000, categories=["home"], products=["bag"], discount_minor_max=2_000)
    )

    one = (await till.evaluate(cart, tea.code)).uses[0]
    other = (await till.evaluate(cart, home.code)).uses[0]

    assert [(line.line_no, line.discount_minor) for line in one.lines] == [(1, 500)]  # 499.95, half up
    assert [(line.line_no, line.discount_minor) for line in other.lines] == [(2, 1_905), (3, 95)]


@pytest.mark.parametrize(("price", "reason"), [(9_999, "ORDER_BELOW_MINIMUM"), (10_000, "")])
async def test_a_minimum_counts_eligible_lines_before_any_coupon(till: Till, price: int, reason: str) -> None:
    first = await till.a_coupon(value_minor=5_000)
    second = await till.a_coupon(order_minor_min=10_000, terms=terms(products=["tea"]))
    cart = a_cart(lines=[a_line(1, price, product="tea"), a_line(2, 50_000, product="pot")])

    assert (await reasons(till, cart, first.code, second.code)).get(second.code, "") == reason


@pytest.mark.parametrize(
    ("mode", "winners"),
    [
        (Group.MODE_STACKABLE, [3_000, 2_000, 1_000]),
        (Group.MODE_LIST_ORDER, [2_000]),
        (Group.MODE_BEST_FOR_MEMBER, [3_000]),
        (Group.MODE_LOWEST_DISCOUNT, [1_000]),
    ],
)
async def test_cp_06_a_group_decides_by_its_mode(till: Till, mode: Group.Mode, winners: list[int]) -> None:
    await till.group("till", mode)
    coupons = [
        await till.a_coupon(value_minor=value, terms=terms(group="till", priority=priority))
        for value, priority in ((1_000, 2), (3_000, 3), (2_000, 1))
    ]

    answer = await till.evaluate(a_cart(), *(each.code for each in coupons))

    assert [use.discount_minor for use in answer.uses] == winners
    assert {each.reason for each in answer.rejections} <= {"COUPON_NOT_STACKABLE"}
    assert len(answer.rejections) == 3 - len(winners)


async def test_cp_06_groups_go_by_position_each_on_what_the_others_left(till: Till) -> None:
    await till.group("late", Group.MODE_BEST_FOR_MEMBER, position=2)
    await till.group("early", Group.MODE_BEST_FOR_MEMBER, position=1)
    half = await till.a_coupon(value_minor=0, terms=terms(percent_bp=5_000, group="late"))
    off = await till.a_coupon(value_minor=4_000, terms=terms(group="early"))

    answer = await till.evaluate(a_cart(10_000), half.code, off.code)

    assert [use.discount_minor for use in answer.uses] == [4_000, 3_000]


async def test_cp_06_of_coupons_that_exclude_each_other_the_first_applies(till: Till) -> None:
    small = await till.a_coupon(value_minor=1_000, terms=terms(exclusions=["birthday"]))
    big = await till.a_coupon(value_minor=2_000, terms=terms(exclusions=["birthday", "spring"]))
    other = await till.a_coupon(value_minor=500, terms=terms(exclusions=["autumn"]))

    answer = await till.evaluate(a_cart(), small.code, big.code, other.code)

    assert [use.coupon_id for use in answer.uses] == [big.coupon_id, other.coupon_id]
    assert await reason_of(till.lock(small.code, big.code)) == "COUPON_NOT_STACKABLE"


async def test_cp_06_ties_go_to_the_earlier_expiry_and_then_the_lower_id(till: Till) -> None:
    await till.group("till", Group.MODE_BEST_FOR_MEMBER)
    first, second = [await till.a_coupon(terms=terms(group="till")) for _ in range(2)]
    soon = await till.a_coupon(terms=terms(group="till"), last_day="2026-06-29")

    def winner(answer: object) -> str:
        return answer.uses[0].coupon_id  # type: ignore[attr-defined,no-any-return]

    assert winner(await till.evaluate(a_cart(), second.code, first.code)) == first.coupon_id
    assert winner(await till.evaluate(a_cart(), second.code, first.code, soon.code)) == soon.coupon_id


async def test_a_second_coupon_of_a_group_of_one_is_refused_at_the_till(till: Till) -> None:
    await till.group("till", Group.MODE_BEST_FOR_MEMBER)
    one, other = [await till.a_coupon(terms=terms(group="till")) for _ in range(2)]
    await till.redeem(one.code, a_line(1, 10_000))

    assert await reason_of(till.redeem(other.code, a_line(1, 10_000))) == "COUPON_NOT_STACKABLE"
    assert await reason_of(till.redeem(other.code, order="B-1", order_minor=10_000)) == ""


async def test_coupons_that_exclude_each_other_do_so_at_a_till_that_tells_no_lines(till: Till) -> None:
    one, other = [await till.a_coupon(terms=terms(exclusions=["spring"])) for _ in range(2)]
    await till.redeem(one.code, order_minor=10_000)

    assert await reason_of(till.redeem(other.code, order_minor=10_000)) == "COUPON_NOT_STACKABLE"


async def test_a_wallet_is_tried_on_the_cart_and_is_the_persons_after_a_merge(till: Till) -> None:
    loser, survivor = new(), new()
    mine = [await till.a_coupon(each) for each in (loser, survivor)]
    await till.a_coupon(new())
    await till.incentive.happen(a_merge(loser, survivor))

    answer = await till.evaluate(a_cart(profile_id=loser), with_wallet=True)

    assert {use.coupon_id for use in answer.uses} == {each.coupon_id for each in mine}


async def test_cpn_19_codes_tried_on_a_cart_count_as_look_ups_unless_they_are_the_buyers_own(till: Till) -> None:
    owner = new()
    mine = await till.a_coupon(owner)
    for _ in range(3):
        await till.evaluate(a_cart(profile_id=owner), mine.code)
    tries = [code_of(number) for number in range(20)]
    await till.evaluate(a_cart(profile_id=owner), *tries)

    assert await reason_of(till.evaluate(a_cart(profile_id=owner), tries[0])) == "LOOKUP_LIMIT"
    assert await reason_of(till.evaluate(a_cart(profile_id=owner), mine.code, with_wallet=True)) == ""


async def test_a_store_sells_in_its_own_store_whatever_it_says(till: Till) -> None:
    here, there = new(), new()
    coupon = await till.a_coupon(terms=terms(store_ids=[there]))

    with acting(Call(Caller("key:store", frozenset({"incentive.coupons:read"}), store_id=here))):
        assert await reasons(till, a_cart(store_id=there), coupon.code) == {coupon.code: "STORE_NOT_ELIGIBLE"}
    with acting(Call(Caller("key:store", frozenset({"incentive.coupons:read"}), store_id=there))):
        assert await reasons(till, a_cart(), coupon.code) == {}


async def test_lines_of_one_number_are_refused_with_the_field(till: Till) -> None:
    cart = a_cart(lines=[a_line(1, 100), a_line(1, 200)])

    assert await reason_of(till.evaluate(cart)) == "COUPON_CART_INVALID"
    assert await reason_of(till.lock("whatever", cart=cart)) == "COUPON_CART_INVALID"


async def test_a_discount_is_split_over_what_other_coupons_left_of_each_line(till: Till) -> None:
    tea = await till.a_coupon(value_minor=2_000, terms=terms(products=["p-1"]))
    all_lines = await till.a_coupon(value_minor=1_000)

    answer = await till.evaluate(a_cart(3_000, 3_000), tea.code, all_lines.code)

    assert [split(use) for use in answer.uses] == [[2_000], [250, 750]]
