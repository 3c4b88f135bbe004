"""Spans of memberships: what is news of one that is said."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.groups import domain
from services.profile.groups.domain import GroupType, Joining, Place, Span
from services.profile.groups.errors import MembershipInvalid

DAYS = 12
NOBODY = UUID(int=0)


def day(number):
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def days_of(span):
    return {n for n in range(DAYS) if span.start <= day(n) and (span.end is None or day(n) < span.end)}


@st.composite
def a_span(draw):
    start = draw(st.integers(0, DAYS - 2))
    return Span(day(start), draw(st.none() | st.integers(start + 1, DAYS - 1).map(day)))


def held_after(said):
    """What is held once spans were said one after the other."""
    held = []
    for span in said:
        held += domain.uncovered(span, held)
    return held


@given(st.lists(a_span(), max_size=5), a_span())
def test_what_is_added_is_what_was_said_and_was_not_held(said, wanted):
    held = held_after(said)
    before = set().union(*map(days_of, held)) if held else set()

    added = list(domain.uncovered(wanted, held))

    assert [span for span in added if not days_of(span)] == []
    assert sum(len(days_of(span)) for span in added) == len(set().union(*map(days_of, added)) if added else set())
    assert (set().union(*map(days_of, added)) if added else set()) == days_of(wanted) - before


@given(st.lists(a_span(), min_size=1, max_size=5).flatmap(lambda said: st.tuples(st.just(said), st.permutations(said))))
def test_in_whatever_order_spans_are_said_the_same_days_are_held(orders):
    first, second = ({n for span in held_after(said) for n in days_of(span)} for said in orders)

    assert first == second


@pytest.mark.parametrize(
    ("at", "news"),
    [(0, [(0, 2)]), (2, []), (4, []), (5, [(5, 8)]), (8, []), (9, []), (10, [(10, None)])],
)
def test_what_an_event_saw_takes_back_nothing_that_is_known_of_later(at, news):
    held = [Span(day(2), day(5)), Span(day(8), day(10))]
    seen = Joining(NOBODY, Place(GroupType.STORE, "s"), Span(day(at)), "pos", {}, day(at), is_observed=True)

    assert domain.news(seen, held) == [Span(day(start), end and day(end)) for start, end in news]


@pytest.mark.parametrize("end", [0, 1])
def test_a_span_that_ends_before_it_begins_is_none(end):
    with pytest.raises(MembershipInvalid):
        domain.span_of(day(1), day(end))


@pytest.mark.parametrize(
    ("traits", "kind"),
    [
        ({}, GroupType.COMPANY),
        ({"group_type": "household"}, GroupType.HOUSEHOLD),
        ({"group_type": " Store "}, GroupType.STORE),
        ({"group_type": "club"}, GroupType.COMPANY),
        ({"group_type": 3}, GroupType.COMPANY),
    ],
)
def test_a_segment_call_speaks_of_a_company_unless_it_says_otherwise(traits, kind):
    assert domain.type_of({name: msgspec.Raw(msgspec.json.encode(value)) for name, value in traits.items()}) is kind
