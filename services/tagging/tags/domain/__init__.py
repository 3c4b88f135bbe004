"""Judging a person: which tags and segments follow from attributes, facts, tags by hand and time.

Pure, and a function of what happened alone: a person is judged at every instant at which something happened or at which
a window or a tag by hand ran out, in order, so that the same history gives the same entries however it was cut into
batches.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from services.tagging.rules.domain import Condition, Fact, Rule, View
from services.tagging.segments.domain import Expression, Membership, Segment
from services.tagging.subjects.domain import Processing
from services.tagging.taxonomy.domain import Tag

BY_HAND = ""
STEPS_MAX = 10_000


class Held(NamedTuple):
    """Why a person has a tag. `displaced`: the rule holds, but the tag gave way to another of its exclusive group."""

    operator: str
    displaced: bool
    add_time: datetime
    expire_time: datetime | None = None


TagRow = tuple[str, str]
"""A tag and the rule that set it; `BY_HAND` for none."""


class ProfileTag(NamedTuple):
    """A tag that a person has, as it is shown."""

    tag_id: str
    key: str
    rule_id: str
    operator: str
    add_time: datetime
    expire_time: datetime | None


class TagChange(NamedTuple):
    """A person got or lost a tag."""

    profile_id: str
    tag_id: str
    key: str
    rule_id: str
    added: bool
    time: datetime


class StayChange(NamedTuple):
    """A person entered or left a segment."""

    profile_id: str
    segment_id: str
    entry_id: str
    entered: bool
    time: datetime
    enter_time: datetime


@dataclass(frozen=True, slots=True)
class Law:
    """What people are judged by."""

    rules: Sequence[tuple[Rule, Condition]]
    segments: Sequence[tuple[Segment, Expression]]
    tags: Mapping[str, Tag]


_NEVER = Condition(lambda _: False, ())
_NOBODY = Expression(lambda _: False, frozenset())


def bounded(law: Law, processing: Processing | None) -> Law:
    """What somebody is judged by: no rule when they want no automated decisions; no segment either when they may only
    be stored (PIPL art. 24 and 47)."""
    if processing is None or not any(processing):
        return law
    rules = [(rule, _NEVER) for rule, _ in law.rules]
    segments = [(segment, _NOBODY) for segment, _ in law.segments] if processing.is_restricted else law.segments
    return replace(law, rules=rules, segments=segments)


@dataclass(slots=True)
class Person:
    """A person while being judged."""

    profile_id: str
    attributes: Mapping[str, object]
    facts: Mapping[str, Sequence[Fact]]
    tags: dict[TagRow, Held]
    stays: dict[str, Membership]
    judge_time: datetime | None
    due_time: datetime | None = None
    changes: list[TagChange | StayChange] = field(default_factory=list)

    def shown(self) -> dict[str, TagRow]:
        """The tags that the person has; a tag by hand stands before the same one by rule."""
        rows = sorted((row for row, held in self.tags.items() if not held.displaced), reverse=True)
        return {row[0]: row for row in rows}


Edit = Callable[[Person, Law, datetime], None]


def judge(
    person: Person, law: Law, instants: Sequence[datetime], *, new_id: Callable[[], object], edit: Edit | None = None
) -> None:
    """Judge a person at these instants and at all in between at which time alone changes something.

    Instants before the last judgement are late: they are judged at it. `edit` changes the tags by hand at the last one.
    """
    last = max(instants)
    for instant in _moments(person, law, sorted(set(instants))):
        _step(person, law, instant, new_id, edit if instant >= last else None)
        person.judge_time = instant
        person.due_time = _due(person, law, instant)


def _moments(person: Person, law: Law, instants: Sequence[datetime]) -> Iterator[datetime]:
    if person.judge_time:
        person.due_time = _due(person, law, person.judge_time)
    for _ in range(STEPS_MAX):
        if not instants:
            return
        target = max(instants[0], person.judge_time or instants[0])
        if person.due_time and person.due_time < target:
            yield person.due_time
        else:
            instants = instants[1:]
            yield target
    raise AssertionError("time moves on with every step")


def _step(person: Person, law: Law, now: datetime, new_id: Callable[[], object], edit: Edit | None) -> None:
    before = person.shown()
    _expire(person, now)
    _apply_rules(person, law, now)
    if edit:
        edit(person, law, now)
    after = person.shown()
    for tag_id in sorted(before.keys() - after.keys()):
        person.changes.append(_tag_change(person, law, before[tag_id], added=False, now=now))
    for tag_id in sorted(after.keys() - before.keys()):
        person.changes.append(_tag_change(person, law, after[tag_id], added=True, now=now))
    _apply_segments(person, law, now, new_id)


def _expire(person: Person, now: datetime) -> None:
    for row, held in list(person.tags.items()):
        if held.expire_time and held.expire_time <= now:
            del person.tags[row]


def _apply_rules(person: Person, law: Law, now: datetime) -> None:
    view = View(person.attributes, person.facts, now)
    for rule, condition in law.rules:
        row = (rule.tag_id, rule.rule_id)
        holds = condition.holds(view)
        if holds and row not in person.tags:
            give(person, law, row, Held("", False, now))
        elif not holds:
            person.tags.pop(row, None)


def give(person: Person, law: Law, row: TagRow, held: Held) -> None:
    """Give a tag; in an exclusive group the others give way."""
    group = law.tags[row[0]].exclusive_group
    if group:
        for other in [other for other in person.tags if other[0] != row[0]]:
            if law.tags[other[0]].exclusive_group == group:
                _give_way(person, other)
    person.tags[row] = held


def _give_way(person: Person, row: TagRow) -> None:
    if row[1] == BY_HAND:
        del person.tags[row]
    else:
        person.tags[row] = person.tags[row]._replace(displaced=True)


def _apply_segments(person: Person, law: Law, now: datetime, new_id: Callable[[], object]) -> None:
    keys = {law.tags[tag_id].key for tag_id in person.shown()}
    for segment, expression in law.segments:
        inside = segment.segment_id in person.stays
        if expression.holds(keys) == inside:
            continue
        stay = person.stays.pop(segment.segment_id) if inside else Membership(str(new_id()), now)
        if not inside:
            person.stays[segment.segment_id] = stay
        person.changes.append(
            StayChange(person.profile_id, segment.segment_id, stay.entry_id, not inside, now, stay.enter_time)
        )


def _tag_change(person: Person, law: Law, row: TagRow, *, added: bool, now: datetime) -> TagChange:
    return TagChange(person.profile_id, row[0], law.tags[row[0]].key, row[1], added, now)


def _due(person: Person, law: Law, now: datetime) -> datetime | None:
    view = View(person.attributes, person.facts, now)
    coming = [condition.next_change(view) for _, condition in law.rules]
    coming += [held.expire_time for held in person.tags.values()]
    return min((moment for moment in coming if moment and moment > now), default=None)
