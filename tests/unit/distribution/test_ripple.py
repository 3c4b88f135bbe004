"""Tokens, generations and visits."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.distribution.ripples.domain import Touch, first_visits, k_milli, token_of

START = datetime(2026, 6, 20, tzinfo=UTC)


def test_shr_17_the_k_factor_of_four_generations():
    """Spec value §3.4: i = 3, c = 0.2 from 100: K 0.6 ± 0.01."""
    assert abs(k_milli([100, 60, 36, 22]) - 600) <= 10


def test_a_chain_of_one_generation_has_no_k_factor():
    assert k_milli([5]) == k_milli([]) == 0


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_different_bits_make_different_tokens_of_one_length(one, other):
    assert (token_of(one) == token_of(other)) == (one == other)
    assert len(token_of(one)) == 22
    assert token_of(one).isalnum()


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("vw"), st.integers(0, 300))))
def test_of_each_link_visitor_and_minute_the_first_visit_is_taken(visits):
    touches = [
        Touch(UUID(int=id_), token, visitor, None, START + timedelta(seconds=seconds))
        for id_, token, visitor, seconds in visits
    ]

    firsts = first_visits(touches)

    keys = [(touch.token, touch.visitor_id, touch.minute) for touch in firsts]
    assert keys == sorted(set(keys))
    assert len({touch.touch_id for touch in firsts}) == len(firsts)
