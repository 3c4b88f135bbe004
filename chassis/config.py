"""Settings: a frozen dataclass, read once from the environment, every fault reported at once."""

import os
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

PREFIX = "BOWEN_"
S = TypeVar("S")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsInvalid(Exception):
    """The environment does not give valid settings. `faults` lists everything that is wrong with it."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("invalid settings:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read settings: field `database_url` from `BOWEN_DATABASE_URL`, or from the file `BOWEN_DATABASE_URL_FILE` names.

    Fields may be str, int, float, bool, datetime (RFC 3339), timedelta (seconds), tuple[str, ...] (comma-separated),
    one of these or None, or a dataclass, whose fields are read as if they stood here. An empty variable counts as
    absent. A `ValueError` from `__post_init__` is a fault as well. Raises `SettingsInvalid`.
    """
    faults: list[str] = []
    settings = _load(cls, os.environ if environ is None else environ, faults)
    if faults:
        raise SettingsInvalid(faults)
    return typing.cast(S, settings)


def _load(cls: type, environ: Mapping[str, str], faults: list[str]) -> Any:
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    known = len(faults)
    for item in fields(cls):
        if is_dataclass(hints[item.name]):
            values[item.name] = _load(hints[item.name], environ, faults)
        else:
            _load_field(item, hints[item.name], environ, values, faults)
    if len(faults) > known:
        return None
    try:
        return cls(**values)
    except ValueError as error:
        faults.append(str(error))
        return None


def _load_field(
    item: "Field[Any]", kind: Any, environ: Mapping[str, str], values: dict[str, Any], faults: list[str]
) -> None:
    name = PREFIX + item.name.upper()
    try:
        text = _text(name, environ)
        if text is not None:
            values[item.name] = _parse(kind, text)
        elif item.default is MISSING and item.default_factory is MISSING:
            faults.append(f"{name} is required")
    except ValueError as error:
        faults.append(f"{name} {error}")


def _text(name: str, environ: Mapping[str, str]) -> str | None:
    direct, path = environ.get(name) or None, environ.get(f"{name}_FILE") or None
    if path is None:
        return direct
    if direct is not None:
        raise ValueError(f"and {name}_FILE are both set")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ValueError(f"cannot be read from {path}: {error.strerror}") from None


def _parse(kind: Any, text: str) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    if typing.get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    parse, rule = _PARSERS[kind]
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise ValueError(rule) from None


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _datetime(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time


_PARSERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    str: (str, "must be text"),
    int: (int, "must be a whole number"),
    float: (float, "must be a number"),
    bool: (_bool, "must be true or false"),
    datetime: (_datetime, "must be an RFC 3339 time with a zone"),
    timedelta: (lambda text: timedelta(seconds=float(text)), "must be a number of seconds"),
}
