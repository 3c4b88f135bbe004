"""Hypothesis strategies: requests of a contract, as JSON and as messages."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from gateway.derive.contract import message_class, rules_of
from gateway.derive.names import choices
from gateway.derive.readers import TIMESTAMP
from gateway.derive.requests import RANGES

FIRST, LAST = datetime(1970, 1, 3, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)
TIMES = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def messages(descriptor: Any, *, without: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Messages of a type, in the forms that requests take."""
    return _kwargs(descriptor, without).map(lambda content: message_class(descriptor)(**content))


def _kwargs(descriptor: Any, without: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    fields = [field for field in descriptor.fields if field.name not in without]
    single = {field.name: _field(field) for field in fields if field.containing_oneof is None or _is_optional(field)}
    needed = {name: values for name, values in single.items() if _is_needed(descriptor.fields_by_name[name])}
    others = {name: values for name, values in single.items() if name not in needed}
    content = st.fixed_dictionaries(needed, optional=others)
    for oneof in descriptor.oneofs:
        members = [field for field in oneof.fields if field.name not in without]
        if len(members) > 1:
            choice = st.one_of(*(st.fixed_dictionaries({field.name: _field(field)}) for field in members))
            content = st.tuples(content, choice).map(lambda both: {**both[0], **both[1]})
    return content


def _is_optional(field: Any) -> bool:
    return len(field.containing_oneof.fields) == 1


def _is_needed(field: Any) -> bool:
    rules = rules_of(field)
    return bool(rules.required or rules.min_items)


def _field(field: Any) -> st.SearchStrategy[Any]:
    rules = rules_of(field)
    if not field.is_repeated:
        return _value(field, rules)
    fewest = max(rules.min_items, int(rules.required))
    return st.lists(_value(field, rules), min_size=fewest, max_size=fewest + 2)


def _value(field: Any, rules: Any) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return TIMES if field.message_type.full_name == TIMESTAMP else _kwargs(field.message_type)
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values if value.number]
        assert len(list(choices(field.enum_type))) == len(numbers)
        return st.sampled_from(numbers)
    if field.type in RANGES:
        low, high = RANGES[field.type]
        low = max(low, rules.min) if rules.HasField("min") else low
        high = min(high, rules.max) if rules.HasField("max") else high
        return st.integers(low, high)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return st.booleans()
    return _text(rules)


def _text(rules: Any) -> st.SearchStrategy[str]:
    if rules.json_object:
        import json

        return st.dictionaries(TEXT, JSON, max_size=3).map(lambda content: json.dumps(content, ensure_ascii=False))
    if rules.uuid:
        return st.uuids().map(str)
    if rules.one_of:
        return st.sampled_from(list(rules.one_of))
    if rules.pattern:
        return st.from_regex(rules.pattern, fullmatch=True, alphabet=st.characters(codec="ascii")).filter(
            lambda text: not rules.max_len or len(text) <= rules.max_len
        )
    most = min(rules.max_len or 20, 20)
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=max(rules.min_len, 1), max_size=most
    )
