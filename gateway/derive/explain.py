"""The slow way through a body that was refused: everything that is wrong with it, each with a JSON pointer."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor

from chassis import rules
from chassis.errors import InvalidArgument
from gateway.derive.contract import message_class, rules_of
from gateway.derive.names import choices, enum_type
from gateway.derive.parameters import VIOLATIONS_MAX
from gateway.derive.readers import TIMESTAMP, encode
from gateway.derive.requests import INTEGER, RANGES, WIDE, Kwargs
from gateway.errors import BodyInvalid
from gateway.pointers import child, pointer

_TIME = Annotated[datetime, msgspec.Meta(tz=True)]
_IS_INTEGER = re.compile(INTEGER, re.ASCII).fullmatch
_NOTHING = object()
Found = list[tuple[str, str]]
Reading = Callable[[FieldDescriptor, Any], Any]


def explain(body: bytes, descriptor: Any, known: Kwargs) -> InvalidArgument:
    """Why a body was refused. `known` are the fields that stand elsewhere: in the path or in a header."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        return BodyInvalid("", f"the body is not valid JSON: {error}")
    except UnicodeDecodeError:
        return BodyInvalid("", "the body is not valid JSON: it is not UTF-8")
    except RecursionError:
        return BodyInvalid("", "the body is nested too deeply")
    if not isinstance(value, dict):
        return BodyInvalid("", "the body must be a JSON object")
    shape: Found = []
    content = _message(descriptor, value, "", shape, known)
    broken = _broken_rules(descriptor, {**content, **known}, shape) if len(shape) < VIOLATIONS_MAX else []
    if shape:
        return BodyInvalid.of_pointers([*shape, *broken][:VIOLATIONS_MAX])
    refusal = InvalidArgument.of(broken[:VIOLATIONS_MAX] or [("", "does not have the form that the contract asks for")])
    return refusal


def _broken_rules(descriptor: Any, content: Kwargs, shape: Found) -> Found:
    """Rules that what could be read breaks, but for those that would only repeat what is wrong with the shape."""
    try:
        rules.check(message_class(descriptor)(**content))
    except InvalidArgument as refusal:
        found = [(pointer(path), text) for path, text in refusal.violations[: 2 * VIOLATIONS_MAX]]
        return [(place, text) for place, text in found if not _is_told(place, shape)]
    return []


def _is_told(place: str, shape: Found) -> bool:
    return any(faulty == place or faulty.startswith(f"{place}/") for faulty, _ in shape)


def _message(descriptor: Any, value: dict[str, Any], at: str, found: Found, elsewhere: Kwargs) -> Kwargs:
    content: Kwargs = {}
    fields = {
        field.name: field for field in descriptor.fields if field.name not in elsewhere or field.name == "request_id"
    }
    for name, item in value.items():
        if len(found) >= VIOLATIONS_MAX:
            break
        place = child(at, name)
        field = fields.get(name)
        if field is None:
            found.append((place, _unknown(name, fields, elsewhere)))
        elif item is not None:
            read = _field(field, item, place, found)
            if read is not _NOTHING:
                content[name] = read
    for oneof in descriptor.oneofs:
        names = [field.name for field in oneof.fields if value.get(field.name) is not None]
        if len(names) > 1:
            found.append((child(at, names[1]), f"must not stand beside `{names[0]}`: only one of them may"))
    return content


def _unknown(name: str, fields: dict[str, Any], elsewhere: Kwargs) -> str:
    if name in elsewhere:
        return "stands in the path already"
    close = get_close_matches(name, fields, n=1, cutoff=0.6)
    return f"is not known; did you mean `{close[0]}`?" if close else "is not known"


def _field(field: FieldDescriptor, value: Any, at: str, found: Found) -> Any:
    if not field.is_repeated:
        return _value(field, value, at, found)
    if not isinstance(value, list):
        found.append((at, f"must be a list, not {_kind(value)}"))
        return _NOTHING
    items = [_value(field, item, f"{at}/{index}", found) for index, item in enumerate(value)]
    return _NOTHING if _NOTHING in items else items


def _value(field: FieldDescriptor, value: Any, at: str, found: Found) -> Any:
    inner: Any = field.message_type
    if inner is not None and inner.full_name != TIMESTAMP:
        if isinstance(value, dict):
            return _message(inner, value, at, found, {})
        found.append((at, f"must be an object, not {_kind(value)}"))
        return _NOTHING
    try:
        read: Reading = _READERS.get(field.type, _text)
        return read(field, value) if inner is None else _time(value)
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        found.append((at, str(error)))
        return _NOTHING


def _time(value: Any) -> Any:
    try:
        return msgspec.convert(value, _TIME).astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time within the years 1 to 9999") from None
    except msgspec.ValidationError:
        raise ValueError(f"must be an RFC 3339 time with a zone, not {_kind(value)}") from None


def _text(field: FieldDescriptor, value: Any) -> str:
    if rules_of(field).json_object:
        if not isinstance(value, dict):
            raise ValueError(f"must be an object, not {_kind(value)}")
        return encode(value).decode()
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {_kind(value)}")
    return value


def _integer(field: FieldDescriptor, value: Any) -> int:
    low, high = RANGES[field.type]
    is_wide = high >= WIDE
    if isinstance(value, str) and is_wide and _IS_INTEGER(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"must be a whole number, not {_kind(value)}")
    if not low <= value <= high:
        raise ValueError(f"must be a whole number from {low} to {high}")
    return value


def _number(_field: FieldDescriptor, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"must be a number, not {_kind(value)}")
    return float(value)


def _bool(_field: FieldDescriptor, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_kind(value)}")
    return value


def _enum(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, str):
        try:
            return enum_type(field.enum_type).named(value)
        except ValueError:
            pass
    raise ValueError(f"must be one of {', '.join(choices(field.enum_type))}")


def _bytes(_field: FieldDescriptor, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("must be base64") from None


_READERS: dict[int, Reading] = {
    **dict.fromkeys(RANGES, _integer),
    FieldDescriptor.TYPE_DOUBLE: _number,
    FieldDescriptor.TYPE_FLOAT: _number,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_ENUM: _enum,
    FieldDescriptor.TYPE_BYTES: _bytes,
}


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number"}
    return "null" if value is None else kinds.get(type(value), "a number with a fraction")
