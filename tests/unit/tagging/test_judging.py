"""Judging a person: the same history gives the same verdicts, however it is cut."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.tagging.rules.domain import Fact, Rule, State, compile_condition
from services.tagging.segments.domain import Segment, compile_expression
from services.tagging.tags.domain import BY_HAND, Edit, Held, Law, Person, StayChange, TagChange, give, judge
from services.tagging.tags.domain.merging import inherit
from services.tagging.taxonomy.domain import Tag

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def a_tag(key: str, *, exclusive: str = "") -> Tag:
    return Tag(key, exclusive or "group", key, key, "interaction", exclusive, NOON)


def a_rule(tag: str, tree: object) -> tuple[Rule, object]:
    when = json.dumps(tree)
    return Rule(f"rule of {tag}", tag, when, State.ACTIVE, NOON), compile_condition(when)


def a_segment(name: str, tree: object) -> tuple[Segment, object]:
    expression = json.dumps(tree)
    return Segment(name, name, expression, NOON), compile_expression(expression)


def bought(least: int, last: str) -> object:
    return {"event": {"name": "bought", "window": {"last": last}, "agg": "count", "op": "ge", "value": least}}


LAW = Law(
    rules=[a_rule("often", bought(3, "30m")), a_rule("lately", bought(1, "10m"))],  # type: ignore[list-item]
    segments=[  # type: ignore[arg-type]
        a_segment("loyal", {"all": [{"tag": {"key": "often"}}, {"not": {"tag": {"key": "blocked"}}}]}),
        a_segment("quiet", {"not": {"tag": {"key": "lately"}}}),
    ],
    tags={tag.tag_id: tag for tag in (a_tag("often"), a_tag("lately"), a_tag("blocked"))},
)


def a_person(*minutes: int) -> Person:
    facts = {"bought": [Fact(at(minute), {}) for minute in sorted(minutes)]}
    return Person("p", {}, facts, {}, {}, None)


def told(person: Person) -> list[tuple[str, str, bool, datetime]]:
    return [
        ("tag", change.key, change.added, change.time)
        if isinstance(change, TagChange)
        else ("segment", change.segment_id, change.entered, change.time)
        for change in person.changes
    ]


def ids() -> object:
    numbers = count()
    return lambda: next(numbers)


def by_hand(tag_id: str, expire_time: datetime | None = None) -> Edit:
    return lambda person, law, now: give(person, law, (tag_id, BY_HAND), Held("anna", False, now, expire_time))


def test_a_window_that_runs_out_takes_the_tag_at_that_very_instant() -> None:
    person = a_person(0, 1, 2)

    judge(person, LAW, [at(2), at(100)], new_id=ids())  # type: ignore[arg-type]

    assert told(person) == [
        ("tag", "lately", True, at(2)),
        ("tag", "often", True, at(2)),
        ("segment", "loyal", True, at(2)),
        ("tag", "lately", False, at(12)),
        ("segment", "quiet", True, at(12)),
        ("tag", "often", False, at(30)),
        ("segment", "loyal", False, at(30)),
    ]


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=12, unique=True),
    st.lists(st.integers(0, 11), max_size=4),
)
def test_the_same_history_is_judged_alike_however_it_is_cut_into_batches(minutes: list[int], cuts: list[int]) -> None:
    minutes = sorted(minutes)
    at_once, in_parts = a_person(*minutes), a_person()

    judge(at_once, LAW, [at(minute) for minute in minutes], new_id=ids())  # type: ignore[arg-type]
    for part in _cut(minutes, cuts):
        in_parts.facts = {"bought": [*in_parts.facts["bought"], *(Fact(at(minute), {}) for minute in part)]}
        judge(in_parts, LAW, [at(minute) for minute in part], new_id=ids())  # type: ignore[arg-type]

    assert told(at_once) == told(in_parts)
    assert at_once.due_time == in_parts.due_time


def _cut(minutes: Sequence[int], cuts: Sequence[int]) -> list[Sequence[int]]:
    edges = sorted({0, len(minutes), *(cut for cut in cuts if cut < len(minutes))})
    return [minutes[low:high] for low, high in pairwise(edges)]


@given(st.lists(st.integers(0, 90), min_size=1, max_size=12))
def test_entries_and_exits_of_a_segment_take_turns(minutes: list[int]) -> None:
    person = a_person(*minutes)

    judge(person, LAW, [at(minute) for minute in (*minutes, 300)], new_id=ids())  # type: ignore[arg-type]

    for segment in ("loyal", "quiet"):
        turns = [change for change in person.changes if isinstance(change, StayChange) and change.segment_id == segment]
        assert [change.entered for change in turns] == [index % 2 == 0 for index in range(len(turns))]
        for entered, left in zip(turns[::2], turns[1::2], strict=False):
            assert entered.entry_id == left.entry_id
    assert person.due_time is None


def test_in_an_exclusive_group_the_newer_tag_wins_and_the_rule_of_the_other_does_not_fight_back() -> None:
    law = Law(
        rules=[a_rule("gold", {"attr": {"path": "spent", "op": "ge", "value": 100}})],  # type: ignore[list-item]
        segments=[],
        tags={tag.tag_id: tag for tag in (a_tag("gold", exclusive="level"), a_tag("silver", exclusive="level"))},
    )
    person = Person("p", {"spent": 200}, {}, {}, {}, None)

    judge(person, law, [at(0)], new_id=ids())  # type: ignore[arg-type]
    judge(person, law, [at(1)], new_id=ids(), edit=by_hand("silver"))  # type: ignore[arg-type]
    judge(person, law, [at(2)], new_id=ids())  # type: ignore[arg-type]

    assert list(person.shown()) == ["silver"]
    assert told(person) == [("tag", "gold", True, at(0)), ("tag", "gold", False, at(1)), ("tag", "silver", True, at(1))]


def test_a_tag_by_hand_ends_when_its_time_is_over() -> None:
    person = a_person()

    judge(person, LAW, [at(0)], new_id=ids(), edit=by_hand("blocked", at(5)))  # type: ignore[arg-type]
    assert person.due_time == at(5)
    judge(person, LAW, [at(9)], new_id=ids())  # type: ignore[arg-type]

    assert told(person)[-1] == ("tag", "blocked", False, at(5))


def test_a_stay_that_a_survivor_inherits_is_neither_left_nor_entered() -> None:
    loser, survivor = a_person(0, 1), a_person(2)
    judge(loser, LAW, [at(1)], new_id=ids())  # type: ignore[arg-type]
    judge(survivor, LAW, [at(2)], new_id=ids())  # type: ignore[arg-type]
    quiet = Person("q", {}, {"bought": []}, {}, {}, None)
    judge(quiet, LAW, [at(2)], new_id=ids())  # type: ignore[arg-type]
    survivor.facts = {"bought": [*loser.facts["bought"], *survivor.facts["bought"]]}
    survivor.changes.clear()

    inherit(survivor, loser)
    inherit(survivor, quiet)
    judge(survivor, LAW, [at(3)], new_id=ids())  # type: ignore[arg-type]

    assert ("tag", "often", True, at(3)) in told(survivor)
    assert ("segment", "loyal", True, at(3)) in told(survivor)
    assert ("segment", "quiet", False, at(3)) in told(survivor)
