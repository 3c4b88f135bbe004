"""Money and lines out of trusted events."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.distribution.orders.domain.ecommerce import WHOLE, completed, minor_units, order_number_of, properties_of
from services.distribution.orders.errors import OrderInvalid
from tests.unit.distribution.test_commission import NOW, UUID


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
