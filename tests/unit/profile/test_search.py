"""What stands in the blind index for names and numbers, held against plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from chassis.errors import InvalidArgument
from services.profile.search import domain
from services.profile.search.domain import Field, Fragment
from services.profile.vault.domain import Vault

VAULT = Vault(bytes(32), {1: bytes(32)})
NAMES = st.text(st.sampled_from("abcＡBÉé 王张小明·ー한-"), max_size=12)
NUMBERS = st.text(st.sampled_from("0123"), min_size=8, max_size=13).map("+{}".format)


def has_all(tokens, fragment):
    return set(fragment.tokens(VAULT)) <= set(tokens)


@given(NAMES, st.data())
def test_every_part_of_a_name_that_may_be_asked_for_is_in_the_index(name, data):
    folded = domain.fold(name)
    start = data.draw(st.integers(0, len(folded)))
    part = folded[start : data.draw(st.integers(start, len(folded)))]
    try:
        fragment = domain.fragment_of(part)
    except InvalidArgument:
        return

    assert fragment.field is Field.NAME
    assert has_all(domain.name_tokens(VAULT, [name]), fragment)
    assert fragment.stands_in([name])


@given(NUMBERS, st.data())
def test_every_run_of_four_digits_or_more_is_in_the_index(number, data):
    digits = number[1:]
    start = data.draw(st.integers(0, len(digits) - 4))
    part = digits[start : data.draw(st.integers(start + 4, len(digits)))]

    fragment = domain.fragment_of(part)

    assert fragment == Fragment(Field.PHONE, part)
    assert has_all(domain.phone_tokens(VAULT, number), fragment)


@given(NAMES, NAMES.filter(lambda text: len(domain.fold(text)) >= 3))
def test_what_the_index_lacks_stands_nowhere(name, query):
    fragment = Fragment(Field.NAME, domain.fold(query))

    if not has_all(domain.name_tokens(VAULT, [name]), fragment):
        assert not fragment.stands_in([name])


@pytest.mark.parametrize(
    ("query", "fragment"),
    [
        ("138 0013-8000", (Field.PHONE, "13800138000")),
        ("+86 138", (Field.PHONE, "86138")),
        ("８０００", (Field.PHONE, "8000")),
        ("Zhang  San", (Field.NAME, "zhangsan")),
        ("王", (Field.NAME, "王")),
        ("a王", (Field.NAME, "a王")),
    ],
)
def test_what_a_clerk_types_is_a_number_or_a_name(query, fragment):
    assert domain.fragment_of(query) == fragment


@pytest.mark.parametrize("query", ["ab", "138", " ", "+", "é"])
def test_what_would_find_everybody_is_refused(query):
    with pytest.raises(InvalidArgument, match="FRAGMENT_TOO_SHORT"):
        domain.fragment_of(query)


def test_first_and_last_name_are_found_together_in_either_order():
    values = {"firstName": Raw(b'"San"'), "last_name": Raw(b'"Zhang"'), "nickname": Raw(b'"Z3"'), "city": Raw(b'"X"')}

    assert sorted(domain.names_of(values)) == ["SanZhang", "Z3", "ZhangSan"]
    assert domain.names_of({"name": Raw(b"3"), "lastName": Raw(b"null")}) == []


def test_without_the_key_nobody_can_tell_what_a_token_stands_for():
    other = Vault(b"x" * 32, {1: bytes(32)})

    assert set(domain.name_tokens(VAULT, ["王小明"])).isdisjoint(domain.name_tokens(other, ["王小明"]))
    assert set(domain.phone_tokens(VAULT, "1234")).isdisjoint(domain.name_tokens(VAULT, ["1234"]))
