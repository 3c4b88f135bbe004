"""Which of several facts about the same attribute holds (spec people §1C, C1).

Of an attribute everything is kept that may still matter: what no other fact outdoes. Outdoing is a strict order, so
what is left is the same in whatever order and portions facts come, also when some come twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec

PARTS_MAX = 64
"""Facts kept of one attribute: the best, of a union the latest."""

OFFICIAL = frozenset({"privacy-request", "retention"})
"""Sources whose `null` unsets under every rule: what a person or the law demands outranks every list."""

_NULL = b"null"


class Kind(IntEnum):
    """How facts are reconciled. The numbers are those of the contract."""

    LATEST = 1
    SOURCE_PRIORITY = 2
    MAX = 3
    MIN = 4
    UNION = 5


class Fact(NamedTuple):
    """What a source said of one attribute: `value` is JSON text, `time` in microseconds of the epoch.

    `parts` are the facts that it is made of, where a rule keeps several; it then shows what they come to.
    """

    time: int
    source_id: str
    value: msgspec.Raw
    parts: tuple["Fact", ...] = ()

    @property
    def made_of(self) -> tuple["Fact", ...]:
        """What was said: its parts, or the fact itself."""
        return self.parts or (self,)

    @property
    def is_null(self) -> bool:
        """Whether it unsets."""
        return bytes(self.value) == _NULL


class Rule(NamedTuple):
    """The rule of one attribute. `sources` are those of `SOURCE_PRIORITY`, the most trusted first."""

    kind: Kind
    sources: tuple[str, ...] = ()
    is_sensitive: bool = False


class RuleRecord(NamedTuple):
    """A rule with who set it. The fields are the columns of the table."""

    version: int
    name: str
    kind: int
    sources: Sequence[str]
    actor: str
    note: str
    create_time: datetime
    is_sensitive: bool = False


Rules = Mapping[str, Rule]
NO_RULES: Rules = MappingProxyType({})
LATEST = Rule(Kind.LATEST)
RULES_MAX = 500


def fold(rule: Rule, *facts: Fact) -> Fact | None:
    """What facts about one attribute come to; None when nothing was said.

    The latest: by event time, of equally late ones the greatest. Source priority: of the most trusted source, the
    latest; what it unset is open to others again. Maximum and minimum: of numbers, else of texts, since it was last
    unset. Union: all elements that were said since then.
    """
    if not facts:
        return None
    said = [part for fact in facts for part in fact.made_of]
    if rule.kind is Kind.LATEST:
        return max(said, key=_age)
    if rule.kind is Kind.UNION:
        return _united(said)
    kept = _outstanding(rule, said)
    shown = max(
        (part for part in kept if not part.is_null), key=lambda part: (_rank(rule, part), _age(part)), default=None
    )
    return _made(shown or kept[0], kept)


def stored(fact: Fact) -> tuple[object, ...]:
    """The fact as it is encoded."""
    return (*fact[:3], [stored(part) for part in fact.parts]) if fact.parts else fact[:3]


def correction(fact: Fact) -> Fact:
    """The fact, said by one who may correct others: everything before is unset with it."""
    if fact.is_null:
        return fact
    unset = Fact(fact.time - 1, fact.source_id, msgspec.Raw(_NULL))
    return fact._replace(parts=(unset, fact))


def _age(fact: Fact) -> tuple[int, bytes, str]:
    return fact.time, bytes(fact.value), fact.source_id


def _made(shown: Fact, kept: Sequence[Fact]) -> Fact:
    return shown if len(kept) == 1 else shown._replace(parts=tuple(kept))


def _outstanding(rule: Rule, said: Iterable[Fact]) -> list[Fact]:
    """What no later fact of at least the same rank outdoes: the latest first, ranks growing with age."""
    kept: list[Fact] = []
    for fact in sorted(said, key=lambda part: (part.time, part.is_null, _rank(rule, part), _age(part)), reverse=True):
        if not kept or _reach(rule, fact) > max(_reach(rule, later) for later in kept):
            kept.append(fact)
    return kept if len(kept) <= PARTS_MAX else [kept[0], *kept[1 - PARTS_MAX :]]


def _reach(rule: Rule, fact: Fact) -> tuple[int, "_Value"]:
    """Up to which rank a fact outdoes earlier ones. `null` does all, where sources have no ranks or it is official."""
    if fact.is_null and (rule.kind is not Kind.SOURCE_PRIORITY or fact.source_id in OFFICIAL):
        return _EVERYTHING
    return _rank(rule, fact)


def _rank(rule: Rule, fact: Fact) -> tuple[int, "_Value"]:
    if rule.kind is Kind.SOURCE_PRIORITY:
        listed = fact.source_id in rule.sources
        return (len(rule.sources) - rule.sources.index(fact.source_id) if listed else 0), _Value(0)
    value = msgspec.json.decode(fact.value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 2, _Value(value, rule.kind is Kind.MIN)
    return (1, _Value(value, rule.kind is Kind.MIN)) if isinstance(value, str) else (0, _Value(0))


class _Value:
    """A number or a text, of which the greater is better, or the smaller."""

    __slots__ = ("is_reversed", "value")

    def __init__(self, value: object, is_reversed: bool = False) -> None:
        self.value, self.is_reversed = value, is_reversed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Value) and self.value == other.value

    def __lt__(self, other: "_Value") -> bool:
        low, high = (other, self) if self.is_reversed else (self, other)
        return bool(low.value < high.value)  # type: ignore[operator] # both are of one type: ranks begin with it

    __hash__ = None  # type: ignore[assignment] # a value is compared, never looked up


_EVERYTHING = (3, _Value(0))


def _united(said: Iterable[Fact]) -> Fact | None:
    """One part per element, with when it was last said, and the last `null`, which is needed for what comes late."""
    unset: Fact | None = None
    elements: dict[bytes, Fact] = {}
    for fact in said:
        if fact.is_null:
            unset = fact if unset is None else max(unset, fact, key=_age)
            continue
        for element in _elements(fact):
            held = elements.get(bytes(element.value))
            elements[bytes(element.value)] = element if held is None else max(held, element, key=_age)
    kept = [each for each in elements.values() if unset is None or each.time > unset.time]
    kept = sorted(kept, key=_age, reverse=True)[: PARTS_MAX - 1]
    parts = sorted(kept, key=lambda each: bytes(each.value)) + ([unset] if unset else [])
    if not kept:
        return unset
    latest = max(kept, key=_age)
    joined = b"[" + b",".join(bytes(each.value)[1:-1] for each in parts if not each.is_null) + b"]"
    return Fact(latest.time, latest.source_id, msgspec.Raw(joined), tuple(parts))


def _elements(fact: Fact) -> Iterable[Fact]:
    """Each element as a list of one, in one way of writing."""
    value = msgspec.json.decode(fact.value)
    for element in value if isinstance(value, list) else [value]:
        text = msgspec.json.encode([element], order="sorted")
        yield Fact(fact.time, fact.source_id, msgspec.Raw(text))
