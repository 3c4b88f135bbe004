"""From JSON to a message: a msgspec type that decodes and checks in one pass, and a straight-line builder.

A type holds what is cheap and certain to be as strict as the service: shapes, ranges, lengths, patterns of required
fields. The service stays the authority. On any fault `explain` reads the body again and lists everything.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from keyword import iskeyword
from typing import Annotated, Any

import msgspec
from bowen.options.v1.rules_pb2 import Rules
from google.protobuf.descriptor import FieldDescriptor
from msgspec import Meta, Raw

from gateway.derive.contract import REQUEST_ID, ContractUnsupported, rules_of
from gateway.derive.names import enum_type
from gateway.derive.readers import TIMESTAMP
from gateway.derive.source import Source, attribute

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INTEGER = "-?(0|[1-9][0-9]{0,18})"

RANGES: dict[int, tuple[int, int]] = {
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32),
        (-(1 << 31), (1 << 31) - 1),
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, (1 << 32) - 1)),
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64),
        (-(1 << 63), (1 << 63) - 1),
    ),
}
"""Smallest and largest value by type of field. Unsigned 64 bits are not spoken here."""

WIDE = 1 << 53
Kwargs = dict[str, Any]


class NoObject(ValueError):
    """A value is no JSON object, or two of a oneof stand there."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes one message type."""

    decode: Callable[[bytes], Any]
    build: Callable[[Any], Kwargs]

    def kwargs(self, body: bytes) -> Kwargs:
        """What to construct the message with. Raises `ValueError` or `RecursionError`, and `explain` says why."""
        return self.build(self.decode(body))


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: type
    build: Callable[[Any], Kwargs]


class Requests:
    """Decoders of request bodies."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Shape] = {}
        self._pending: set[str] = set()

    def decoder(self, descriptor: Any, *, without: tuple[str, ...] = ()) -> Decoder:
        """A decoder of a request whose fields `without` stand elsewhere. Raises `ContractUnsupported`."""
        shape = self._derive(descriptor, frozenset(without), optional=frozenset({REQUEST_ID}))
        return Decoder(msgspec.json.Decoder(shape.kind).decode, shape.build)

    def _shape(self, descriptor: Any) -> _Shape:
        name = descriptor.full_name
        if name not in self._shapes:
            if name in self._pending or name.startswith("google."):
                raise ContractUnsupported(f"{name} cannot stand in a request here")
            self._pending.add(name)
            self._shapes[name] = self._derive(descriptor, frozenset(), frozenset())
        return self._shapes[name]

    def _derive(self, descriptor: Any, without: frozenset[str], optional: frozenset[str]) -> _Shape:
        source = Source("s", text=_text)
        source.line("k = {}")
        members: list[Any] = []
        for field in descriptor.fields:
            if field.name not in without:
                members.append(self._member(source, field, field.name in optional))
        for oneof in descriptor.oneofs:
            if len(oneof.fields) > 1:
                held = " + ".join(f"({_held(field)} is not None)" for field in oneof.fields)
                source.line(f"if {held} > 1: raise {source.name(NoObject)}")
        source.line("return k")
        kind = msgspec.defstruct(descriptor.name, members, kw_only=True, forbid_unknown_fields=True, gc=False)
        return _Shape(kind, source.compile(descriptor.full_name))

    def _member(self, source: Source, field: FieldDescriptor, is_optional: bool) -> tuple[str, Any, Any]:
        rules = rules_of(field)
        name, held = field.name, _held(field)
        rename = name if iskeyword(name) else None
        if rules.json_object and not field.is_repeated:
            source.line(f"v = text({held})")
            source.line(f"if v is not None: k[{name!r}] = v")
            return _attribute_name(name), Raw, msgspec.field(default=Raw(), name=rename)
        kind, expression = self._kind(source, field, rules)
        is_needed = not is_optional and (rules.required or rules.min_items > 0)
        if is_needed:
            source.line(f"v = {held}; k[{name!r}] = {expression}")
            return _attribute_name(name), kind, msgspec.field(name=rename)
        source.line(f"v = {held}")
        source.line(f"if v is not None: k[{name!r}] = {expression}")
        return _attribute_name(name), kind | None, msgspec.field(default=None, name=rename)

    def _kind(self, source: Source, field: FieldDescriptor, rules: Rules) -> tuple[Any, str]:
        """The type of a member, and an expression over `v` for what the message is built with."""
        if not field.is_repeated:
            return self._value(source, field, rules, "v")
        inner: Any = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            raise ContractUnsupported(f"{field.full_name}: maps are not known here")
        kind, expression = self._value(source, field, rules, "x")
        most = rules.max_items or None
        fewest = max(rules.min_items, int(rules.required)) or None
        return (
            Annotated[list[kind], Meta(min_length=fewest, max_length=most)],  # type: ignore[valid-type] # made here
            "v" if expression == "x" else f"[{expression} for x in v]",
        )

    def _value(self, source: Source, field: FieldDescriptor, rules: Rules, value: str) -> tuple[Any, str]:
        inner: Any = field.message_type
        if inner is not None and inner.full_name == TIMESTAMP:
            return Annotated[datetime, Meta(tz=True)], value
        if inner is not None:
            shape = self._shape(inner)
            return shape.kind, f"{source.name(shape.build)}({value})"
        if field.enum_type is not None:
            return enum_type(field.enum_type), value
        if field.type in RANGES:
            kind = integer(field, rules)
            return (kind, value) if RANGES[field.type][1] < WIDE else (kind, f"int({value})")
        return _plain(field, rules), value


def integer(field: FieldDescriptor, rules: Rules) -> Any:
    """The type of an integer: a number, and for 64 bits also text, as JSON's numbers end at 2^53."""
    low, high = RANGES[field.type]
    if rules.HasField("min") and (rules.required or rules.min <= 0):
        low = max(low, rules.min)
    if rules.HasField("max"):
        high = min(high, max(rules.max, 0))
    number = Annotated[int, Meta(ge=low, le=high)]
    if RANGES[field.type][1] < WIDE:
        return number
    return number | Annotated[str, Meta(pattern=rf"(?a)\A{INTEGER}\Z")]


def _plain(field: FieldDescriptor, rules: Rules) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _string(field, rules)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return bool
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return float
    if field.type == FieldDescriptor.TYPE_BYTES:
        return Annotated[bytes, Meta(max_length=rules.max_len or None)]
    raise ContractUnsupported(f"{field.full_name}: its type is not known here")


def _string(field: FieldDescriptor, rules: Rules) -> Any:
    """Lengths and patterns of text. An empty text counts as absent unless the field is required, so only then."""
    is_needed = rules.required
    fewest = max(rules.min_len, 1) if is_needed else None
    pattern = pattern_of(rules) if is_needed else ""
    return Annotated[
        str,
        Meta(
            min_length=fewest,
            max_length=rules.max_len or None,
            pattern=rf"(?a)\A(?:{pattern})\Z" if pattern else None,
        ),
    ]


def pattern_of(rules: Rules) -> str:
    """The pattern that a text must match as a whole; empty for any."""
    if rules.uuid:
        return UUID
    if rules.one_of:
        return "|".join(re.escape(option) for option in rules.one_of)
    return rules.pattern


def _held(field: FieldDescriptor) -> str:
    return attribute("s", _attribute_name(field.name))


def _attribute_name(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name


def _text(raw: Raw) -> str | None:
    """The text of a JSON object; None if there is none."""
    text = bytes(raw).decode()
    if text in ("", "null"):
        return None
    if not text.startswith("{"):
        raise NoObject
    return text
