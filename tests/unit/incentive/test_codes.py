"""Codes of coupons: what is typed wrongly is never another code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.incentive.coupons.domain import ALPHABET, CODE_BITS, code_from_text, code_of
from services.incentive.coupons.errors import CouponNotFound

CODES = st.integers(0, 2**CODE_BITS - 1).map(code_of)
PLACES = st.integers(0, 12)


@given(CODES)
def test_a_code_has_twelve_characters_and_a_check_and_is_read_back(code: str) -> None:
    assert len(code) == 13
    assert code_from_text(code) == code_from_text(code.lower()) == code_from_text(f" {code[:5]}-{code[5:]} ") == code


@given(CODES)
def test_look_alikes_are_folded(code: str) -> None:
    assert code_from_text(code.replace("0", "O").replace("1", "I")) == code
    assert code_from_text(code.replace("0", "o").replace("1", "l")) == code


@given(CODES, PLACES, st.sampled_from(ALPHABET))
def test_every_wrong_character_is_found(code: str, place: int, character: str) -> None:
    typed = code[:place] + character + code[place + 1 :]

    if typed == code:
        assert code_from_text(typed) == code
    else:
        with pytest.raises(CouponNotFound):
            code_from_text(typed)


@given(CODES, PLACES, PLACES)
def test_every_swap_of_two_characters_is_found(code: str, one: int, other: int) -> None:
    characters = list(code)
    characters[one], characters[other] = characters[other], characters[one]

    if "".join(characters) == code:
        assert code_from_text("".join(characters)) == code
    else:
        with pytest.raises(CouponNotFound):
            code_from_text("".join(characters))


@given(st.text(max_size=20).filter(lambda text: len(text.strip()) != 13))
def test_other_text_is_no_code(text: str) -> None:
    try:
        code = code_from_text(text)
    except CouponNotFound:
        return
    assert set(code) <= set(ALPHABET)
    assert len(code) == 13


def test_different_numbers_have_different_codes() -> None:
    numbers = [0, 1, 31, 32, 2**59, 2**60 - 1]

    assert len({code_of(number) for number in numbers}) == len(numbers)
