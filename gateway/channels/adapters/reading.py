"""Reading what platforms send: required fields, times, JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.channels.errors import CallbackInvalid


def required(fields: Mapping[str, Any], name: str) -> str:
    """A field as text. Raises `CallbackInvalid` when it is missing or empty."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise CallbackInvalid(name, "is required")
    return str(value)


def seconds(value: Any, name: str) -> datetime:
    """An instant given in seconds of the epoch, as number or text. Raises `CallbackInvalid`."""
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise CallbackInvalid(name, "must be seconds of the epoch") from None


def json_object(body: bytes | str) -> dict[str, Any]:
    """A JSON object. Raises `CallbackInvalid`."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        decoded = None
    if not isinstance(decoded, dict):
        raise CallbackInvalid("body", "must be a JSON object")
    return decoded


def present(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Fields that are there and not empty, under our names."""
    return {ours: fields[theirs] for theirs, ours in names.items() if fields.get(theirs) not in (None, "")}
