"""Comparisons of one value, as closures (spec people §4.2 `attr`, §4.3).

A comparison with a missing or wrongly typed value is false; `ne`, `nin`, `missing` and `has_none` are plain
complements, so true then. Numbers compare as numbers, `"30"` is not 30 and true is not 1. Text is compared folded (NFKC
and case).
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from logic.trees import TreeFault

MISSING = object()
VALUES_MAX = 1000

Compare = Callable[[Any], bool]


def fold(value: Any) -> Any:
    """The form in which a value is compared."""
    if isinstance(value, str):
        return unicodedata.normalize("NFKC", value).casefold()
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float) and not math.isfinite(value):
        return ("float", str(value))
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    return value


def compile_comparison(op: object, value: object, path: str) -> Compare:
    """The closure of `op value`. Raises `TreeFault` when the operator or its value is not one."""
    if not isinstance(op, str) or op not in _OPERATORS:
        raise TreeFault(f"{path}.op", f"must be one of {', '.join(_OPERATORS)}")
    return _OPERATORS[op](value, f"{path}.value")


def look_up(values: Mapping[str, Any], steps: tuple[str, ...]) -> Any:
    """The value at a dotted path; `MISSING` when there is none. A null counts as none."""
    found: Any = values
    for step in steps:
        found = found.get(step) if type(found) is dict or isinstance(found, Mapping) else None
        if found is None:
            return MISSING
    return found


def _equal(value: object, path: str) -> Compare:
    wanted = fold(_scalar(value, path))
    return lambda found: found is not MISSING and bool(fold(found) == wanted)


def _ordered(decide: Callable[[Any, Any], bool]) -> Callable[[object, str], Compare]:
    def compile_one(value: object, path: str) -> Compare:
        wanted = fold(_scalar(value, path))
        if isinstance(wanted, tuple):
            raise TreeFault(path, "must be a number or a text")
        return lambda found: type(fold(found)) is type(wanted) and decide(fold(found), wanted)

    return compile_one


def _between(value: object, path: str) -> Compare:
    if not isinstance(value, list) or len(value) != 2:
        raise TreeFault(path, "must be a list of the lowest and the highest value")
    at_least, at_most = _OPERATORS["ge"](value[0], f"{path}[0]"), _OPERATORS["le"](value[1], f"{path}[1]")
    return lambda found: at_least(found) and at_most(found)


def _among(value: object, path: str) -> Compare:
    wanted = set(_list(value, path))
    return lambda found: found is not MISSING and _hashable(fold(found)) in wanted


def _exists(value: object, path: str) -> Compare:
    if value is not None:
        raise TreeFault(path, "must be left out")
    return lambda found: found is not MISSING


def _text(decide: Callable[[str, str], bool]) -> Callable[[object, str], Compare]:
    def compile_one(value: object, path: str) -> Compare:
        if not isinstance(value, str) or not value:
            raise TreeFault(path, "must be a text")
        wanted = fold(value)
        return lambda found: isinstance(found, str) and decide(fold(found), wanted)

    return compile_one


def _has(decide: Callable[[set[Any], set[Any]], bool]) -> Callable[[object, str], Compare]:
    def compile_one(value: object, path: str) -> Compare:
        wanted = set(_list(value, path))
        return lambda found: isinstance(found, list) and decide({_hashable(fold(item)) for item in found}, wanted)

    return compile_one


def _complement(of: Callable[[object, str], Compare]) -> Callable[[object, str], Compare]:
    def compile_one(value: object, path: str) -> Compare:
        inner = of(value, path)
        return lambda found: not inner(found)

    return compile_one


def _scalar(value: object, path: str) -> object:
    if isinstance(value, str | bool | int | float):
        return value
    raise TreeFault(path, "must be a text, a number, true or false")


def _list(value: object, path: str) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= VALUES_MAX:
        raise TreeFault(path, f"must be a list of 1 to {VALUES_MAX} values")
    return [fold(_scalar(item, f"{path}[{index}]")) for index, item in enumerate(value)]


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | tuple | Decimal) else str(value)


_has_any = _has(lambda found, wanted: bool(found & wanted))

_OPERATORS: dict[str, Callable[[object, str], Compare]] = {
    "eq": _equal,
    "ne": _complement(_equal),
    "gt": _ordered(lambda found, wanted: found > wanted),
    "ge": _ordered(lambda found, wanted: found >= wanted),
    "lt": _ordered(lambda found, wanted: found < wanted),
    "le": _ordered(lambda found, wanted: found <= wanted),
    "between": _between,
    "in": _among,
    "nin": _complement(_among),
    "exists": _exists,
    "missing": _complement(_exists),
    "contains": _text(lambda found, wanted: wanted in found),
    "starts_with": _text(str.startswith),
    "ends_with": _text(str.endswith),
    "has_any": _has_any,
    "has_all": _has(lambda found, wanted: wanted <= found),
    "has_none": _complement(_has_any),
}
