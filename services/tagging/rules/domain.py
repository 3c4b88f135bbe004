"""What a rule is, and when it holds for a person. Pure: attributes and facts in, truth and its next change out."""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from logic import comparisons
from logic.attributes import compile_attribute
from logic.trees import Test, TreeFault, compile_tree, fields
from services.tagging.rules.errors import RuleInvalid

WINDOW_DAYS_MAX = 365
NAME_CHARS_MAX = 200

_LAST = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class State(Enum):
    """Where a rule stands."""

    BACKFILLING = "backfilling"
    ACTIVE = "active"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `tag_id` is set on whom `when` holds for."""

    rule_id: str
    tag_id: str
    when: str
    state: State
    create_time: datetime


class Fact(NamedTuple):
    """Something that a person did."""

    time: datetime
    properties: Mapping[str, Any]


class View(NamedTuple):
    """A person as a rule sees it: facts by name, each list by time."""

    attributes: Mapping[str, Any]
    facts: Mapping[str, Sequence[Fact]]
    now: datetime


class Window(NamedTuple):
    """Which facts count. `last` slides with now: `(now − last, now]`; the bounds are `[start, end)`."""

    last: timedelta | None = None
    start: datetime | None = None
    end: datetime | None = None

    def since(self, now: datetime) -> datetime | None:
        """The instant before which no fact counts at `now` or later."""
        return now - self.last if self.last else self.start

    def select(self, facts: Sequence[Fact], now: datetime) -> Sequence[Fact]:
        """The facts that count at `now`."""
        low = bisect_right(facts, now - self.last, key=_time) if self.last else 0
        high = bisect_right(facts, now, key=_time)
        return [fact for fact in facts[low:high] if self._within(fact.time)]

    def _within(self, time: datetime) -> bool:
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)

    def next_change(self, facts: Sequence[Fact], now: datetime) -> datetime | None:
        """The next instant at which a fact begins or ceases to count."""
        coming = [fact.time for fact in facts[bisect_right(facts, now, key=_time) :][:1]]
        if self.last:
            going = facts[bisect_right(facts, now - self.last, key=_time) :][:1]
            coming += [fact.time + self.last for fact in going]
        return min(coming, default=None)


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition, and what it reads."""

    holds: Test[View]
    windows: tuple[tuple[str, Window], ...]

    def next_change(self, view: View) -> datetime | None:
        """The next instant at which it may change though nothing happens."""
        changes = (window.next_change(view.facts.get(name, ()), view.now) for name, window in self.windows)
        return min((change for change in changes if change), default=None)


@dataclass(slots=True)
class _Leaves:
    windows: list[tuple[str, Window]] = field(default_factory=list)

    def attr(self, body: Any, path: str) -> Test[View]:
        compare = compile_attribute(body, path)
        return lambda view: compare(view.attributes)

    def event(self, body: Any, path: str) -> Test[View]:
        given = fields(body, path, required=("name", "agg", "op", "value"), optional=("where", "window"))
        name = _name(given["name"], f"{path}.name")
        if given["agg"] != "count":
            raise TreeFault(f"{path}.agg", "must be count")
        if not isinstance(given["value"], int) or isinstance(given["value"], bool) or given["value"] < 0:
            raise TreeFault(f"{path}.value", "must be a whole number from 0")
        if given["op"] not in ("eq", "ne", "gt", "ge", "lt", "le"):
            raise TreeFault(f"{path}.op", "must be one of eq, ne, gt, ge, lt, le")
        compare = comparisons.compile_comparison(given["op"], given["value"], path)
        where = _where(given.get("where", []), f"{path}.where")
        window = _window(given.get("window", "lifetime"), f"{path}.window")
        self.windows.append((name, window))

        def holds(view: View) -> bool:
            counted = window.select(view.facts.get(name, ()), view.now)
            return compare(sum(all(test(fact.properties) for test in where) for fact in counted))

        return holds


@lru_cache(maxsize=10_000)
def compile_condition(when: str) -> Condition:
    """Compile a condition from its JSON text. Raises `RuleInvalid` with the path of the fault."""
    leaves = _Leaves()
    try:
        holds = compile_tree(json.loads(when), {"attr": leaves.attr, "event": leaves.event})
    except TreeFault as fault:
        raise RuleInvalid(fault.path, fault.rule) from fault
    return Condition(holds, tuple(leaves.windows))


def facts_needed(conditions: Sequence[Condition], now: datetime) -> dict[str, datetime | None]:
    """The names of facts that the conditions read, each with the instant before which none is needed."""
    needed: dict[str, datetime | None] = {}
    for condition in conditions:
        for name, window in condition.windows:
            since = window.since(now)
            earlier = needed.get(name, since)
            needed[name] = min(earlier, since) if earlier and since else None
    return needed


def _where(body: object, path: str) -> tuple[Callable[[Mapping[str, Any]], bool], ...]:
    if not isinstance(body, list) or len(body) > 10:
        raise TreeFault(path, "must be a list of at most 10 comparisons")
    return tuple(compile_attribute(part, f"{path}[{index}]") for index, part in enumerate(body))


def _window(body: object, path: str) -> Window:
    if body == "lifetime":
        return Window()
    if not isinstance(body, dict) or len(body) != 1:
        raise TreeFault(path, 'must be "lifetime", or an object with one of last, since, between')
    kind, value = next(iter(body.items()))
    if kind == "last":
        return Window(last=_duration(value, f"{path}.last"))
    if kind == "since":
        return Window(start=_instant(value, f"{path}.since"))
    if kind == "between" and isinstance(value, list) and len(value) == 2:
        return Window(start=_instant(value[0], f"{path}.between[0]"), end=_instant(value[1], f"{path}.between[1]"))
    raise TreeFault(path, 'must be {"last": "30d"}, {"since": instant} or {"between": [instant, instant]}')


def _duration(value: object, path: str) -> timedelta:
    match = _LAST.fullmatch(value) if isinstance(value, str) else None
    length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if length is None or length > timedelta(days=WINDOW_DAYS_MAX):
        raise TreeFault(
            path, f'must be a duration such as "30d", "12h", "5m" or "10s" of at most {WINDOW_DAYS_MAX} days'
        )
    return length


def _instant(value: object, path: str) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise TreeFault(path, "must be an RFC 3339 instant with its offset")
    return instant.astimezone(UTC)


def _name(value: object, path: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= NAME_CHARS_MAX:
        raise TreeFault(path, f"must be a text of 1 to {NAME_CHARS_MAX} characters")
    return value


def _time(fact: Fact) -> datetime:
    return fact.time
