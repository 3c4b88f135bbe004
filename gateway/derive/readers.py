"""From a message to JSON: one straight-line reader per message type.

Names are snake_case; scalars and lists always stand there, unset messages and optional fields never; integers are
numbers while a double can hold them and strings beyond; times are RFC 3339 with `Z`; a JSON object is embedded.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor

from gateway.derive.contract import ContractUnsupported, rules_of
from gateway.derive.names import names
from gateway.derive.source import Source, attribute

Reader = Callable[[Any], dict[str, Any]]

EXACT = 1 << 53
"""From here on a double cannot hold every integer."""

encode = msgspec.json.Encoder().encode
TIMESTAMP = "google.protobuf.Timestamp"

_WIDE = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_SFIXED64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_FIXED64,
    }
)


class Readers:
    """Readers by message type, compiled when they are first needed."""

    def __init__(self) -> None:
        self._compiled: dict[str, Reader] = {}

    def reader(self, descriptor: Any) -> Reader:
        """The reader of a message type. Raises `ContractUnsupported`."""
        known = self._compiled.get(descriptor.full_name)
        if known is not None:
            return known
        self._compiled[descriptor.full_name] = lambda message: self._compiled[descriptor.full_name](message)
        source = Source("m", wide=_wide, time=_time, embed=_embed)
        source.line("d = {}")
        for field in descriptor.fields:
            self._field(source, field)
        source.line("return d")
        compiled = self._compiled[descriptor.full_name] = source.compile(descriptor.full_name)
        return compiled

    def _field(self, source: Source, field: FieldDescriptor) -> None:
        name = field.name
        held = attribute("m", name)
        if field.is_repeated:
            source.line(f"d[{name!r}] = [{self._value(source, field, 'x')} for x in {held}]")
        elif field.has_presence:
            source.line(f"if m.HasField({name!r}): d[{name!r}] = {self._value(source, field, held)}")
        else:
            source.line(f"d[{name!r}] = {self._value(source, field, held)}")

    def _value(self, source: Source, field: FieldDescriptor, value: str) -> str:
        """An expression for the JSON of one value."""
        inner: Any = field.message_type
        if inner is not None:
            return self._message(source, inner, value)
        if field.enum_type is not None:
            return f"{source.name(names(field.enum_type))}[{value}]"
        if field.type in _WIDE:
            return f"wide({value})"
        if rules_of(field).json_object:
            return f"embed({value})"
        return value

    def _message(self, source: Source, inner: Any, value: str) -> str:
        if inner.full_name == TIMESTAMP:
            return f"time({value})"
        if inner.full_name.startswith("google.") or inner.GetOptions().map_entry:
            raise ContractUnsupported(f"{inner.full_name} has no form in JSON here")
        return f"{source.name(self.reader(inner))}({value})"


def _wide(number: int) -> int | str:
    return number if -EXACT < number < EXACT else str(number)


def _time(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp.seconds, UTC).replace(microsecond=stamp.nanos // 1000)


def _embed(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode() or b"{}")
