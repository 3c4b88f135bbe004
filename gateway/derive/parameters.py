"""Fields that come as text, in the path or the query: each read by its type."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor

from chassis.errors import InvalidArgument
from gateway.derive.contract import ContractUnsupported
from gateway.derive.names import choices, enum_type
from gateway.derive.readers import TIMESTAMP
from gateway.derive.requests import INTEGER, RANGES, Kwargs

Parse = Callable[[str], Any]
VIOLATIONS_MAX = 100
"""Who breaks more rules is told no more of them: each costs time."""
_IS_INTEGER = re.compile(INTEGER, re.ASCII).fullmatch
_BOOLS = {"true": True, "false": False}


class Parameters:
    """Reads fields of one message from text."""

    def __init__(self, fields: Iterable[FieldDescriptor]) -> None:
        self._fields = {field.name: (field.is_repeated, _parser(field)) for field in fields}

    def read(self, pairs: Iterable[tuple[str, str]]) -> Kwargs:
        """What to construct the message with. Raises `InvalidArgument` with everything that is wrong."""
        content: Kwargs = {}
        broken: list[tuple[str, str]] = []
        for name, text in pairs:
            try:
                self._read(name, text, content)
            except ValueError as error:
                broken.append((name, str(error)))
                if len(broken) == VIOLATIONS_MAX:
                    break
        if broken:
            raise InvalidArgument.of(broken)
        return content

    def _read(self, name: str, text: str, content: Kwargs) -> None:
        if name not in self._fields:
            close = get_close_matches(name, self._fields, n=1, cutoff=0.6)
            raise ValueError(f"is not known; did you mean `{close[0]}`?" if close else "is not known")
        is_repeated, parse = self._fields[name]
        if is_repeated:
            content.setdefault(name, []).append(parse(text))
        elif name in content:
            raise ValueError("must stand there once")
        else:
            content[name] = parse(text)


def _parser(field: FieldDescriptor) -> Parse:
    inner: Any = field.message_type
    if inner is not None and inner.full_name == TIMESTAMP:
        return _time
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.type in RANGES:
        return _integer(*RANGES[field.type])
    if field.type == FieldDescriptor.TYPE_STRING:
        return str
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _bool
    raise ContractUnsupported(f"{field.full_name} cannot stand in a path or query here")


def _integer(low: int, high: int) -> Parse:
    def parse(text: str) -> int:
        if not _IS_INTEGER(text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _bool(text: str) -> bool:
    if text not in _BOOLS:
        raise ValueError("must be true or false")
    return _BOOLS[text]


def _time(text: str) -> datetime:
    try:
        time: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
        return time.astimezone(UTC)
    except msgspec.ValidationError:
        raise ValueError("must be an RFC 3339 time with a zone") from None
    except OverflowError:
        raise ValueError("must be a time within the years 1 to 9999") from None


def _enum(descriptor: Any) -> Parse:
    kind = enum_type(descriptor)

    def parse(text: str) -> Any:
        try:
            return kind.named(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(choices(descriptor))}") from None

    return parse
