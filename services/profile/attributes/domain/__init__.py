"""Facts about a person and how two of them about the same thing are reconciled: by rule, else the latest holds.

`null` unsets: the fact stays, as the newest thing known, so that an older value which arrives later does not return.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from chassis import jsontext
from services.profile.attributes.domain import rules as merging
from services.profile.attributes.domain.gates import Gate
from services.profile.attributes.domain.rules import LATEST, Fact, Rules
from services.profile.search import domain as search

BYTES_MAX = 128 * 1024
"""Names and values of one person together. The newest are kept."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NULL = b"null"
_OVERHEAD = 50

Values = Mapping[str, msgspec.Raw]
"""Values by name as they came: JSON text, not looked into."""

NO_VALUES: Values = {}


Facts = Mapping[str, Fact]


class Known(NamedTuple):
    """All that is known of a person. `version` grows by one with every change of a value and with every merge."""

    facts: Facts
    version: int
    update_time: datetime | None


NOTHING = Known({}, 0, None)


class Stated(NamedTuple):
    """A source says something about a person."""

    profile_id: UUID
    facts: Facts


class United(NamedTuple):
    """Two people are one."""

    survivor_id: UUID
    loser_id: UUID


class Union(NamedTuple):
    """What was known of both sides of a merge, and what is known of the survivor."""

    survivor: Known
    loser: Known
    after: Known


class _Context(msgspec.Struct):
    """The part of an event's context that says something of its person."""

    traits: dict[str, msgspec.Raw] = {}


_contexts = msgspec.json.Decoder(_Context)
_values = msgspec.json.Decoder(dict[str, msgspec.Raw])
_facts = msgspec.json.Decoder(dict[str, Fact])


def values(text: str) -> dict[str, msgspec.Raw]:
    """The members of a JSON object; none of an empty text. Raises `ValueError` for anything else."""
    if not text:
        return {}
    try:
        members = _values.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError(jsontext.NO_OBJECT) from None
    if told := jsontext.beyond(text):
        raise ValueError(told)
    return members


def traits_of(text: str, is_traits: bool) -> Values:
    """The traits that an event stated: `text` itself, or what stands under `traits` in it. None of an empty text."""
    if not text or is_traits:
        return values(text)
    try:
        return _contexts.decode(text).traits
    except (msgspec.MsgspecError, RecursionError):
        return {}


def without_traits(context: str, names: Container[str]) -> str:
    """An event's context, without traits of these names."""
    if '"traits"' not in context:
        return context
    try:
        told, traits = _values.decode(context), _contexts.decode(context).traits
    except (msgspec.MsgspecError, RecursionError):
        return context
    told["traits"] = msgspec.Raw(msgspec.json.encode({k: v for k, v in traits.items() if k not in names}))
    return msgspec.json.encode(told).decode()


def decode(text: str) -> dict[str, Fact]:
    """Facts from their stored form."""
    return _facts.decode(text)


def encode(facts: Facts) -> str:
    """Facts in their stored form: a JSON object of name to [time, source, value], or [time, source, value, parts]."""
    return msgspec.json.encode(stored(facts)).decode()


def stored(facts: Facts) -> dict[str, tuple[object, ...]]:
    """Facts as they are encoded: without parts where there are none, as a release without rules reads them."""
    return {name: merging.stored(fact) for name, fact in facts.items()}


def stated(values: Mapping[str, msgspec.Raw], time: datetime, source_id: str) -> dict[str, Fact]:
    """What a source says at a time."""
    micros = (time - _EPOCH) // _MICROSECOND
    return {name: Fact(micros, source_id, value) for name, value in values.items()}


def corrected(values: Mapping[str, msgspec.Raw], time: datetime, source_id: str) -> dict[str, Fact]:
    """What somebody says who may correct others: under every rule it unsets what was said before."""
    return {name: merging.correction(fact) for name, fact in stated(values, time, source_id).items()}


def ruled(facts: Facts, rules: Rules) -> dict[str, Fact]:
    """What a source says, in the form that its rules keep."""
    if not rules and not any(fact.parts for fact in facts.values()):
        return dict(facts)
    folded = {name: merging.fold(rules.get(name, LATEST), fact) for name, fact in facts.items()}
    return {name: fact for name, fact in folded.items() if fact is not None}


def fold(known: Facts, more: Facts, rules: Rules = merging.NO_RULES) -> dict[str, Fact]:
    """Both together, the same in either order: see `rules.fold`. What only one side says stays as it is."""
    return fold_all((known, more), rules)


def fold_all(sources: Iterable[Facts], rules: Rules = merging.NO_RULES) -> dict[str, Fact]:
    """All sources together, the same in any order: see `fold`."""
    folded: dict[str, Fact] = {}
    for facts in sources:
        for name, fact in facts.items():
            held = folded.get(name)
            if held is None:
                folded[name] = fact
            elif (both := merging.fold(rules.get(name, LATEST), held, fact)) is not None:
                folded[name] = both
    return _within_bounds(folded)


Told = tuple[str, int, str, bytes]
"""A fact as something that can be looked up: its name, time, source and value."""


def told(sources: Iterable[Facts]) -> set[Told]:
    """Everything that was said."""
    return {_told(name, part) for facts in sources for name, fact in facts.items() for part in fact.made_of}


def without(facts: Facts, taken: Container[Told], rules: Rules) -> dict[str, Fact]:
    """Facts, without what was taken away."""
    left: dict[str, Fact] = {}
    for name, fact in facts.items():
        kept = [part for part in fact.made_of if _told(name, part) not in taken]
        if len(kept) == len(fact.made_of):
            left[name] = fact
        elif (rest := merging.fold(rules.get(name, LATEST), *kept)) is not None:
            left[name] = rest
    return left


def _told(name: str, fact: Fact) -> Told:
    return name, fact.time, fact.source_id, bytes(fact.value)


def _within_bounds(facts: dict[str, Fact]) -> dict[str, Fact]:
    if sum(_size(name, fact) for name, fact in facts.items()) <= BYTES_MAX:
        return facts
    kept: dict[str, Fact] = {}
    total = 0
    for name, fact in sorted(facts.items(), key=lambda item: (-item[1].time, item[0])):
        total += _size(name, fact)
        if total > BYTES_MAX:
            break
        kept[name] = fact
    return kept


def _size(name: str, fact: Fact) -> int:
    return 4 * len(name) + sum(len(bytes(each.value)) + len(each.source_id) + _OVERHEAD for each in (fact, *fact.parts))


def gate(rules: Rules, now: datetime) -> Gate:
    """What may be known of whom, by the rules that hold."""
    return Gate([name for name, rule in rules.items() if rule.is_sensitive], now)


def is_older(fact: Fact | None, moment: datetime) -> bool:
    """Whether something is known that was true before a moment, and not since."""
    return fact is not None and bytes(fact.value) != _NULL and fact.time < (moment - _EPOCH) // _MICROSECOND


def changed(before: Facts, after: Facts) -> list[str]:
    """Names whose value is another one now."""
    return sorted(name for name in before.keys() | after.keys() if _value(before, name) != _value(after, name))


def _value(facts: Facts, name: str) -> bytes:
    fact = facts.get(name)
    return bytes(fact.value) if fact else _NULL


def called(known: Known) -> dict[str, bytes]:
    """What a person's names come from, to tell whether they changed."""
    return search.named({name: fact.value for name, fact in known.facts.items()})


def public(facts: Facts) -> str:
    """What is known, as a JSON object of name to value. Unset attributes are not in it."""
    return msgspec.json.encode(
        {name: fact.value for name, fact in facts.items() if bytes(fact.value) != _NULL}
    ).decode()
