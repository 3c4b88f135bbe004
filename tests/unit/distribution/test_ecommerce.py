"""Money and lines out of trusted events."""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.distribution.orders.domain.ecommerce import (
    WHOLE,
    completed,
    minor_units,
    order_number_of,
    properties_of,
    refunded,
)
from services.distribution.orders.errors import OrderInvalid
from tests.unit.distribution.test_commission import NOW, UUID, an_order


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (Decimal("19.99"), "CNY", 1_999),
        ("19.9", "CNY", 1_990),
        (5, "CNY", 500),
        (Decimal("1e2"), "JPY", 100),
        (Decimal("1.005"), "KWD", 1_005),
    ],
)
def test_money_is_read_exactly_by_the_currencys_exponent(amount, currency, minor):
    assert minor_units(amount, currency, "price") == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (Decimal("19.999"), "CNY"), ("1.5", "JPY"), (-1, "CNY"), (True, "CNY"), (None, "CNY"), ("NaN", "CNY"),
        ("Infinity", "CNY"), (Decimal("1e400"), "CNY"), ("1e999999999", "CNY"), ([], "CNY"), ("", "CNY"),
    ],
)  # fmt: skip
def test_what_is_no_exact_amount_is_refused(amount, currency):
    with pytest.raises(OrderInvalid):
        minor_units(amount, currency, "price")


@given(st.integers(0, 10**11), st.sampled_from(["JPY", "CNY", "KWD"]))
def test_every_amount_survives_the_way_through_json(minor, currency):
    exponent = {"JPY": 0, "CNY": 2, "KWD": 3}[currency]
    text = f'{{"price": {Decimal(minor).scaleb(-exponent):f}}}'

    assert minor_units(properties_of(text)["price"], currency, "price") == minor


def test_an_order_without_products_is_one_line_of_its_revenue():
    row = completed(
        {"order_id": 17, "currency": "cny", "revenue": 25, "total": 30}, source="s", profile_id=UUID(int=1), time=NOW
    )

    (line,) = row.draft.lines
    assert (row.draft.order_number, row.draft.currency_code) == ("17", "CNY")
    assert (line.sku, line.gross_minor) == (WHOLE, 2_500)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = ["order_id", "currency", "products", "discount", "revenue", "subtotal", "total"]
products = st.lists(
    st.dictionaries(st.sampled_from(["sku", "product_id", "price", "quantity", "category"]), json_values), max_size=3
)


@given(st.dictionaries(st.sampled_from(names), json_values | products))
def test_any_properties_are_an_order_or_are_refused(properties):
    with suppress(OrderInvalid):
        row = completed(properties, source="s", profile_id=UUID(int=1), time=NOW)
        assert row.draft.order_number == order_number_of(properties)
        assert all(0 <= line.discount_minor <= line.gross_minor for line in row.draft.lines)


def lines_of(properties, order):
    return dict(refunded(properties, order, refund_number="R", time=NOW).lines)


def with_refunds(order, *amounts):
    lines = [replace(line, refunded_minor=amount) for line, amount in zip(order.lines, amounts, strict=True)]
    return replace(order, draft=replace(order.draft, lines=tuple(lines)))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6), st.integers(1, 10**7))
def test_a_total_is_given_back_to_the_unit_and_never_more_than_is_left(nets, total):
    order = an_order(*nets)

    given_back = lines_of({"total": Decimal(total).scaleb(-2)}, order)

    assert sum(given_back.values()) == min(total, sum(nets))
    assert all(0 < amount <= nets[line_no - 1] for line_no, amount in given_back.items())


def test_an_amount_of_a_product_is_taken_from_its_lines_one_after_another():
    order = an_order(300, 300, 500)
    order = replace(
        order, draft=replace(order.draft, lines=tuple(replace(line, sku="tea") for line in order.lines[:2]))
    )

    assert lines_of({"products": [{"sku": "tea", "amount": "4.00"}]}, order) == {1: 300, 2: 100}
    assert lines_of({"products": [{"sku": "tea", "amount": "1"}, {"sku": "tea", "amount": "3"}]}, order) == {
        1: 300,
        2: 100,
    }


@pytest.mark.parametrize(
    "properties",
    [
        {"total": 0},
        {"total": "-1"},
        {"products": [{"sku": "sku-1", "amount": 0}]},
        {"products": [{"sku": "sku-1", "amount": "3.01"}]},
        {"products": [{"sku": "sku-1", "amount": "2"}, {"sku": "sku-1", "amount": "2"}]},
        {"products": [{"sku": "other", "amount": 1}]},
    ],
)
def test_what_cannot_be_given_back_is_refused(properties):
    with pytest.raises(OrderInvalid):
        lines_of(properties, an_order(300, 500))


def test_a_product_that_was_given_back_before_gives_back_nothing_else():
    """No part of the asked products is left: this must not read as "all that is left of the order"."""
    order = with_refunds(an_order(300, 500), 300, 0)

    with pytest.raises(OrderInvalid):
        lines_of({"products": [{"sku": "sku-1"}]}, order)
