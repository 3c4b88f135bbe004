"""The rules of a contract's fields, compiled once per message type and checked on every request.

Besides the `(bowen.options.v1.rules)` of a field, three laws hold for every request: text holds no NUL character
(PostgreSQL cannot store it), an enum holds one of its values, and times and durations are within their range.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from bowen.options.v1.rules_pb2 import Rules
from bowen.options.v1.rules_pb2 import rules as rules_option
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chassis import jsontext
from chassis.errors import InvalidArgument, Violation

Rule = Callable[[Any], str | None]
"""Looks at one value; returns the text of the rule that it breaks."""

Step = Callable[[Any, list[Violation]], None]
"""Looks at one field of a message; appends what is wrong with it."""


class RulesInvalid(Exception):
    """A contract states a rule that does not fit its field."""


def check(message: Message) -> None:
    """Hold a message against the rules of its contract. Raises `InvalidArgument` with all violations."""
    descriptor: Any = message.DESCRIPTOR
    steps = _COMPILED.get(descriptor.full_name)
    if steps is None:
        steps = compiled(descriptor)
    broken: list[Violation] = []
    for step in steps:
        step(message, broken)
    if broken:
        raise InvalidArgument.of(broken)


_COMPILED: dict[str, list[Step]] = {}


def compiled(descriptor: Any) -> list[Step]:
    """The steps that check the messages of a descriptor. Raises `RulesInvalid` for rules that cannot be kept."""
    steps = _COMPILED.get(descriptor.full_name)
    if steps is not None:
        return steps
    steps = _COMPILED[descriptor.full_name] = []
    try:
        for field in descriptor.fields:
            steps.extend(_steps(field))
    except RulesInvalid:
        del _COMPILED[descriptor.full_name]
        raise
    return steps


def _steps(field: FieldDescriptor) -> Iterator[Step]:
    rules: Rules = field.GetOptions().Extensions[rules_option]
    _fits(field, rules)
    if field.message_type and field.message_type.GetOptions().map_entry:
        yield from _sizes(field, rules)
        yield from _map_step(field)
    elif field.is_repeated:
        yield from _sizes(field, rules)
        yield from _messages_step(field) if field.message_type else _values_step(field, rules)
    elif field.message_type:
        yield from _message_step(field, rules)
    else:
        yield from _scalar_step(field, rules)


_NUMBERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
        FieldDescriptor.CPPTYPE_FLOAT,
        FieldDescriptor.CPPTYPE_DOUBLE,
    }
)


def _fits(field: FieldDescriptor, rules: Rules) -> None:
    is_map = bool(field.message_type and field.message_type.GetOptions().map_entry)
    is_text = field.type == FieldDescriptor.TYPE_STRING
    is_bytes = field.type == FieldDescriptor.TYPE_BYTES
    is_bare_bool = field.cpp_type == FieldDescriptor.CPPTYPE_BOOL and not (field.has_presence or field.is_repeated)
    wrong = {
        "required": rules.required and is_bare_bool,
        "min": rules.HasField("min") and (is_map or field.cpp_type not in _NUMBERS),
        "max": rules.HasField("max") and (is_map or field.cpp_type not in _NUMBERS),
        "max_len": rules.max_len and (is_map or not (is_text or is_bytes)),
        "min_items": rules.min_items and not field.is_repeated,
        "max_items": rules.max_items and not field.is_repeated,
    }
    for name in ("min_len", "pattern", "uuid", "one_of", "json_object"):
        wrong[name] = bool(getattr(rules, name)) and (is_map or not is_text)
    names = [name for name, is_wrong in wrong.items() if is_wrong]
    if names:
        raise RulesInvalid(f"{field.full_name}: {', '.join(names)} does not fit the field's type")


def _sizes(field: FieldDescriptor, rules: Rules) -> Iterator[Step]:
    name, fewest, most = field.name, max(rules.min_items, int(rules.required)), rules.max_items
    if fewest:

        def at_least(message: Any, broken: list[Violation]) -> None:
            if len(getattr(message, name)) < fewest:
                broken.append((name, f"must have at least {_count(fewest, 'item')}"))

        yield at_least
    if most:

        def at_most(message: Any, broken: list[Violation]) -> None:
            if len(getattr(message, name)) > most:
                broken.append((name, f"must have at most {_count(most, 'item')}"))

        yield at_most


def _messages_step(field: FieldDescriptor) -> Iterator[Step]:
    inner: Any = field.message_type
    name, nested, well_known = field.name, compiled(inner), _WELL_KNOWN.get(inner.full_name)

    def each_message(message: Any, broken: list[Violation]) -> None:
        items = getattr(message, name)
        if not items:
            return
        for index, item in enumerate(items):
            if inner := _descend(item, nested, well_known):
                broken += _under(f"{name}[{index}]", inner)

    yield each_message


def _values_step(field: FieldDescriptor, rules: Rules) -> Iterator[Step]:
    name, held = field.name, _value_rules(field, rules)

    def each_value(message: Any, broken: list[Violation]) -> None:
        values = getattr(message, name)
        if not values:
            return
        for index, value in enumerate(values):
            if text := _first(held, value):
                broken.append((f"{name}[{index}]", text))

    if held:
        yield each_value


def _map_step(field: FieldDescriptor) -> Iterator[Step]:
    name = field.name
    entry: Any = field.message_type
    key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
    key_rules = _value_rules(key_field, Rules())
    value_rules = _value_rules(value_field, Rules())
    nested = compiled(value_field.message_type) if value_field.message_type else []

    def each_entry(message: Any, broken: list[Violation]) -> None:
        for key, value in getattr(message, name).items():
            text = _first(key_rules, key) or _first(value_rules, value)
            if text:
                broken.append((f"{name}.{key}", text))
            if nested:
                broken += _under(f"{name}.{key}", _descend(value, nested, None))

    if key_rules or value_rules or nested:
        yield each_entry


def _message_step(field: FieldDescriptor, rules: Rules) -> Iterator[Step]:
    name, required = field.name, rules.required
    inner: Any = field.message_type
    nested, well_known = compiled(inner), _WELL_KNOWN.get(inner.full_name)

    def one_message(message: Any, broken: list[Violation]) -> None:
        if message.HasField(name):
            if inner := _descend(getattr(message, name), nested, well_known):
                broken += _under(name, inner)
        elif required:
            broken.append((name, "is required"))

    yield one_message


def _scalar_step(field: FieldDescriptor, rules: Rules) -> Iterator[Step]:
    name, required = field.name, rules.required
    held = _value_rules(field, rules)
    has_presence = field.has_presence
    must_be_filled = required and field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)

    def one_value(message: Any, broken: list[Violation]) -> None:
        value = getattr(message, name)
        if not value and (must_be_filled or not (has_presence and message.HasField(name))):
            if required:
                broken.append((name, "is required"))
            return
        for rule in held:
            if text := rule(value):
                broken.append((name, text))
                return

    if held == [_without_nul] and not required:
        yield _plain_text_step(name)
    elif required or held:
        yield one_value


def _plain_text_step(name: str) -> Step:
    def plain_text(message: Any, broken: list[Violation]) -> None:
        if "\x00" in getattr(message, name):
            broken.append((name, _NUL))

    return plain_text


def _descend(value: Any, nested: list[Step], well_known: Rule | None) -> list[Violation]:
    """What is wrong within a message, seen from there; with itself under an empty path."""
    if well_known is not None:
        text = well_known(value)
        return [("", text)] if text else []
    inner: list[Violation] = []
    for step in nested:
        step(value, inner)
    return inner


def _under(path: str, inner: list[Violation]) -> list[Violation]:
    return [(f"{path}.{inner_path}" if inner_path else path, text) for inner_path, text in inner]


def _first(held: list[Rule], value: Any) -> str | None:
    for rule in held:
        if text := rule(value):
            return text
    return None


def _value_rules(field: FieldDescriptor, rules: Rules) -> list[Rule]:
    """The rules that hold for one value of the field, cheapest first; a value is told the first that it breaks."""
    held: list[Rule] = []
    if field.cpp_type in _NUMBERS:
        held += _number_rules(rules)
    elif field.type == FieldDescriptor.TYPE_BYTES and rules.max_len:
        held.append(_length(0, rules.max_len, "byte"))
    elif field.enum_type is not None:
        held.append(_enum(frozenset(field.enum_type.values_by_number)))
    elif field.type == FieldDescriptor.TYPE_STRING:
        held += _text_rules(rules)
    return held


def _number_rules(rules: Rules) -> Iterator[Rule]:
    low, high = rules.min, rules.max
    if rules.HasField("min"):
        yield lambda value: None if value >= low else f"must be at least {low}"
    if rules.HasField("max"):
        yield lambda value: None if value <= high else f"must be at most {high}"


def _text_rules(rules: Rules) -> Iterator[Rule]:
    if rules.min_len or rules.max_len:
        yield _length(rules.min_len, rules.max_len, "character")
    if rules.uuid:
        yield _pattern(_UUID, "must be a UUID in lower case with dashes")
    if rules.pattern:
        yield _pattern(rules.pattern, f"must match {rules.pattern}")
    if rules.one_of:
        options = tuple(rules.one_of)
        yield lambda value: None if value in options else f"must be one of {', '.join(options)}"
    if rules.json_object:
        yield jsontext.fault
    if not (rules.uuid or rules.one_of):
        yield _without_nul


_NUL = "must not hold a NUL character"


def _without_nul(value: str) -> str | None:
    return _NUL if "\x00" in value else None


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def _pattern(pattern: str, text: str) -> Rule:
    try:
        matches = re.compile(pattern, re.ASCII).fullmatch
    except re.error as error:
        raise RulesInvalid(f"pattern {pattern}: {error}") from None
    return lambda value: None if matches(value) else text


def _length(fewest: int, most: int, unit: str) -> Rule:
    def length(value: Any) -> str | None:
        size = len(value)
        if size < fewest:
            return f"must have at least {_count(fewest, unit)}"
        return f"must have at most {_count(most, unit)}" if most and size > most else None

    return length


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _enum(numbers: frozenset[int]) -> Rule:
    return lambda value: None if value in numbers else "must be a value of its enum"


_DAY_S = 86_400
_TIME_MIN_S = -62_135_596_800 + _DAY_S
_TIME_MAX_S = 253_402_300_799 - _DAY_S
_DURATION_MAX_S = 315_576_000_000


def _timestamp(value: Any) -> str | None:
    """A day is kept free at both ends, so that no change of zone leaves the range."""
    if _TIME_MIN_S <= value.seconds <= _TIME_MAX_S and 0 <= value.nanos < 1_000_000_000:
        return None
    return "must be a time within the years 1 to 9999"


def _duration(value: Any) -> str | None:
    if abs(value.seconds) <= _DURATION_MAX_S and abs(value.nanos) < 1_000_000_000:
        return None
    return "must be a duration within 10000 years"


_WELL_KNOWN: dict[str, Rule] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
}
