"""Amounts as people read them."""

import pytest

from logic.money import amount_text


@pytest.mark.parametrize(
    ("amount_minor", "currency_code", "text"),
    [
        (0, "CNY", "0.00"),
        (5, "CNY", "0.05"),
        (123_456, "CNY", "1234.56"),
        (-5, "CNY", "-0.05"),
        (7, "JPY", "7"),
        (1, "KWD", "0.001"),
        (12_345, "KWD", "12.345"),
    ],
)
def test_an_amount_has_the_places_of_its_currency(amount_minor: int, currency_code: str, text: str) -> None:
    assert amount_text(amount_minor, currency_code) == text
