"""Conditions on one fact: what campaigns, missions and pots ask of an event or order (spec value §2.3)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from logic.attributes import compile_attribute
from logic.trees import Test, compile_tree, parse_tree

OPERATORS_MAX = 64
CONDITION_BYTES_MAX = 4096
PROPERTIES_CHARS_MAX = 256 * 1024
"""Larger properties are not looked into: they count as missing, so that nothing holds a batch up."""


@lru_cache(maxsize=10_000)
def compile_condition(text: str) -> Test[Mapping[str, Any]]:
    """The closure of a condition. Raises `TreeFault`."""
    return compile_tree(parse_tree(text, CONDITION_BYTES_MAX), {"attr": compile_attribute}, operators_max=OPERATORS_MAX)


def read_properties(text: str) -> Mapping[str, Any]:
    """The properties of an event; none of what is no object, or too large."""
    if not text or len(text) > PROPERTIES_CHARS_MAX:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
