"""Examples of requests for the document: those the contract states, else made from rules and comments (`e.g.`)."""

import json
import re
from typing import Any

from bowen.options.v1.edge_pb2 import example as example_option
from google.protobuf.descriptor import FieldDescriptor

from gateway.derive.contract import REQUEST_ID, rules_of
from gateway.derive.names import choices
from gateway.derive.readers import TIMESTAMP
from gateway.derive.requests import RANGES, pattern_of

IDENTIFIER = "0197a0c4-6e00-7000-8000-000000000001"
MOMENT = "2026-06-20T04:00:00Z"
_SAYS = re.compile(r"(?:e\.g\.|[Ee]xample:|Registered type:)[^`]*`([^`]+)`")
_COMMON = (
    "a-1",
    "CNY",
    "points",
    "wx.openid",
    "2026-06-20",
    "issuer/welcome",
    "https://mall.example/p/1",
    "profile.profiles:read",
)
"""Tried in this order where a comment gives no example."""


class NoExample(Exception):
    """No example that keeps the rules can be made."""


class Examples:
    """Gives an example of a message: the one its contract states, or its required fields."""

    def __init__(self, comments: dict[str, str]) -> None:
        self._comments = comments

    def message(self, descriptor: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
        """An example. Raises `NoExample`."""
        if stated := descriptor.GetOptions().Extensions[example_option]:
            whole: dict[str, Any] = json.loads(stated)
            return {name: value for name, value in whole.items() if name not in without}
        example: dict[str, Any] = {}
        for field in descriptor.fields:
            if field.name in (*without, REQUEST_ID) or _is_later_of_oneof(field, example):
                continue
            if _is_needed(field) or _is_in_oneof(field):
                value = self._value(field)
                example[field.name] = [value] if field.is_repeated else value
        return example

    def _value(self, field: FieldDescriptor) -> Any:
        inner: Any = field.message_type
        if inner is not None:
            return MOMENT if inner.full_name == TIMESTAMP else self.message(inner)
        if field.enum_type is not None:
            return next(choices(field.enum_type))
        if field.type in RANGES:
            return max(rules_of(field).min, 1)
        return self._text(field) if field.type == FieldDescriptor.TYPE_STRING else False

    def _text(self, field: FieldDescriptor) -> Any:
        rules = rules_of(field)
        if rules.json_object:
            return {}
        if rules.uuid:
            return IDENTIFIER
        told = _SAYS.findall(self._comments.get(field.full_name, ""))
        most = rules.max_len or 1000
        for text in (*told, *rules.one_of, *_COMMON):
            if len(text) <= most and re.fullmatch(pattern_of(rules) or ".+", text, re.ASCII):
                return text
        raise NoExample(field.full_name)


def _is_needed(field: FieldDescriptor) -> bool:
    rules = rules_of(field)
    return bool(rules.required or rules.min_items)


def _is_in_oneof(field: FieldDescriptor) -> bool:
    return len(_alternatives(field)) > 1


def _is_later_of_oneof(field: FieldDescriptor, example: dict[str, Any]) -> bool:
    return _is_in_oneof(field) and any(name in example for name in _alternatives(field))


def _alternatives(field: FieldDescriptor) -> list[str]:
    oneof = field.containing_oneof
    return [] if oneof is None else [other.name for other in oneof.fields]
