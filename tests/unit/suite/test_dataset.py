"""The retailer's year becomes plain values that add up."""

import csv
import io
from datetime import timedelta
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.dataset import Journey, Order, open_journey, source, write_members_csv, write_orders_csv
from suite.dataset import calendar as shop_calendar
from suite.dataset.amounts import parts, reckon
from suite.dataset.refunds import DELAY_MAX, DELAY_MIN

CENTS = st.integers(min_value=0, max_value=100_000)


@pytest.fixture(scope="module")
def journey() -> Journey:
    return open_journey(seed=1)


def raw(**columns: int) -> dict[str, source.Ints]:
    names = ("quantity", "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
    return {name: np.array([columns.get(name, 0)]) for name in names}


def test_everybody_and_every_shop_of_the_year_is_there(journey: Journey) -> None:
    assert len(journey.stores) == 457
    assert len(journey.members) == 2_469
    assert sum(bool(member.attributes) for member in journey.members) == 801
    assert sum(store.baskets for store in journey.stores) == 155_848
    assert len(journey.campaigns) == 27


def test_every_home_store_is_a_store(journey: Journey) -> None:
    stores = {store.store_id for store in journey.stores}

    assert {member.home_store_id for member in journey.members} <= stores


def test_every_line_of_an_order_adds_up_to_the_cent(journey: Journey) -> None:
    for line in chain.from_iterable(order.lines for day in journey.days(0, 5) for order in day.orders):
        assert line.quantity >= 1
        assert line.quantity * line.unit_price_minor - line.discount_minor == line.net_minor
        assert 0 <= line.coupon_minor <= line.discount_minor <= line.list_minor


def test_the_money_of_a_day_is_the_till_s_money_and_what_was_cut_off_is_counted(journey: Journey) -> None:
    days = list(journey.days(0, 20))
    end = days[-1].end.timestamp()

    paid = 0
    for batch in source.transaction_batches():
        kept = (batch["quantity"] > 0) | (batch["sales_value"] + batch["retail_disc"] + batch["coupon_match_disc"] > 0)
        paid += int((batch["sales_value"] - batch["coupon_disc"])[kept & (batch["transaction_timestamp"] < end)].sum())

    ours = sum(order.net_minor for day in days for order in day.orders)
    assert ours == paid + sum(day.oddities.coupon_capped_minor for day in days)


def test_lines_in_and_lines_out_differ_by_what_was_counted(journey: Journey) -> None:
    days = list(journey.days(0, 20))
    end = days[-1].end.timestamp()

    rows = sum(int((batch["transaction_timestamp"] < end).sum()) for batch in source.transaction_batches())

    lines = sum(len(order.lines) for day in days for order in day.orders)
    dropped = sum(day.oddities.lines_dropped_empty + day.oddities.lines_dropped_coupon_only for day in days)
    assert lines == rows - dropped + sum(day.oddities.lines_split_for_price for day in days)


@pytest.mark.slow
def test_the_year_has_every_basket_or_has_counted_it(journey: Journey) -> None:
    orders, empty, redeemed = set(), 0, 0
    for day in journey.days():
        orders.update(order.order_id for order in day.orders)
        empty += day.oddities.orders_dropped_empty
        redeemed += len(day.redemptions)

    assert len(orders) + empty == 155_848
    assert empty == 328
    assert redeemed == 2_102


def test_days_follow_each_other_and_hold_what_happened_on_them(journey: Journey) -> None:
    days = list(journey.days(0, 15))

    assert [day.date for day in days] == [shop_calendar.day_of(number) for number in range(15)]
    for day, following in pairwise(days):
        assert day.end == following.start
    for day in days:
        times = [order.ordered_at for order in day.orders]
        assert times == sorted(times)
        happened = times + [each.redeemed_at for each in day.redemptions] + [each.refunded_at for each in day.refunds]
        assert all(day.start <= at < day.end for at in happened)


def test_a_business_day_is_the_shops_day_also_when_clocks_change(journey: Journey) -> None:
    spring_forward = next(journey.days(70, 1))

    assert spring_forward.date.isoformat() == "2017-03-12"
    assert spring_forward.end - spring_forward.start == timedelta(hours=23)


def test_the_same_days_come_out_whatever_range_they_are_asked_in(journey: Journey) -> None:
    whole = list(journey.days(0, 24))

    assert list(journey.days(0, 12)) + list(journey.days(12, 12)) == whole


def test_the_last_days_of_the_year_come_out_and_nothing_after(journey: Journey) -> None:
    days = list(journey.days(363, 10))

    assert [len(day.orders) > 0 for day in days] == [True, True]
    assert list(journey.days(365, 5)) == []


def test_a_refund_gives_back_goods_of_its_order_once_and_some_days_later(journey: Journey) -> None:
    days = list(journey.days(0, 30))
    orders = {order.order_id: order for day in days for order in day.orders}
    refunds = [refund for day in days for refund in day.refunds]

    assert len({refund.order_id for refund in refunds}) == len(refunds) > 0
    for refund in refunds:
        order = orders[refund.order_id]
        paid = {line.line_no: line.net_minor for line in order.lines}
        assert DELAY_MIN <= refund.refunded_at - order.ordered_at <= DELAY_MAX
        assert all(line.amount_minor == paid[line.line_no] for line in refund.lines)
        assert 0 < refund.amount_minor <= order.net_minor
        assert refund.full == (len(refund.lines) == len(order.lines))


def test_another_seed_refunds_other_orders(journey: Journey) -> None:
    ours = {refund.order_id for day in journey.days(0, 20) for refund in day.refunds}
    others = {refund.order_id for day in open_journey(seed=2).days(0, 20) for refund in day.refunds}

    assert ours != others


def test_a_redemption_names_an_order_of_the_same_member_on_the_same_day(journey: Journey) -> None:
    coupons = {coupon.coupon_id for coupon in journey.coupons}
    seen: set[str] = set()
    for day in journey.days(0, 30):
        orders: dict[str, Order] = {order.order_id: order for order in day.orders}
        for redemption in day.redemptions:
            assert redemption.coupon_id in coupons
            assert redemption.redemption_id not in seen
            seen.add(redemption.redemption_id)
            if redemption.order_id is not None:
                assert orders[redemption.order_id].member_no == redemption.member_no
    assert seen


@given(st.integers(1, 100), CENTS, st.data())
def test_parts_of_a_line_sum_to_the_line(quantity: int, listed: int, data: st.DataObject) -> None:
    discount = data.draw(st.integers(0, listed))
    coupon = data.draw(st.integers(0, discount))

    made = parts(quantity, listed, discount, coupon)

    assert sum(part.quantity for part in made) == quantity
    assert sum(part.quantity * part.unit_price_minor for part in made) == listed
    assert sum(part.discount_minor for part in made) == discount
    assert sum(part.coupon_minor for part in made) == coupon
    for part in made:
        assert part.quantity >= 1
        assert 0 <= part.coupon_minor <= part.discount_minor <= part.quantity * part.unit_price_minor


def test_fuel_is_one_piece_that_keeps_its_measure() -> None:
    amounts = reckon(raw(quantity=8_434, sales_value=2_000))

    assert (amounts.quantity.tolist(), amounts.measure.tolist(), amounts.list_minor.tolist()) == ([1], [8_434], [2_000])
    assert amounts.oddities.lines_by_measure == 1


def test_a_hundred_is_a_count_and_a_hundred_and_one_is_a_measure() -> None:
    assert reckon(raw(quantity=100, sales_value=100)).quantity.tolist() == [100]
    assert reckon(raw(quantity=101, sales_value=101)).quantity.tolist() == [1]


def test_a_price_without_a_quantity_is_one_piece() -> None:
    amounts = reckon(raw(sales_value=50))

    assert amounts.quantity.tolist() == [1]
    assert amounts.oddities.lines_quantity_made_one == 1


def test_an_empty_row_and_a_lone_coupon_are_dropped_and_counted_apart() -> None:
    empty, lone = reckon(raw()), reckon(raw(coupon_disc=100))

    assert empty.keep.tolist() == lone.keep.tolist() == []
    assert (empty.oddities.lines_dropped_empty, empty.oddities.lines_dropped_coupon_only) == (1, 0)
    assert (lone.oddities.lines_dropped_empty, lone.oddities.lines_dropped_coupon_only) == (0, 1)


def test_a_coupon_pays_the_price_and_no_more() -> None:
    amounts = reckon(raw(quantity=1, sales_value=80, coupon_disc=100))

    assert amounts.discount_minor.tolist() == [80]
    assert (amounts.oddities.lines_coupon_capped, amounts.oddities.coupon_capped_minor) == (1, 20)


def test_the_member_file_has_a_row_per_member(journey: Journey) -> None:
    file = io.StringIO()

    rows = write_members_csv(file, journey.members)

    read = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert rows == len(read) == 2_469
    assert read[0]["member_no"] == "CJ-1"
    assert read[0]["age"] == "65+"


def test_the_order_file_has_a_row_per_line_and_the_same_money(journey: Journey) -> None:
    file = io.StringIO()
    day = next(journey.days(3, 1))

    rows = write_orders_csv(file, day.orders)

    read = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert rows == len(read) == sum(len(order.lines) for order in day.orders)
    assert sum(int(row["net_minor"]) for row in read) == sum(order.net_minor for order in day.orders)
    assert read[0]["ordered_at"].endswith("Z")
