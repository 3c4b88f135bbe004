"""The leaf that every user of the language has: an attribute at a dotted path, compared with a value."""

from collections.abc import Mapping
from typing import Any

from logic.comparisons import compile_comparison, look_up
from logic.trees import Test, TreeFault, fields

PATH_CHARS_MAX = 200


def compile_attribute(body: Any, path: str) -> Test[Mapping[str, Any]]:
    """The comparison `{path, op, value}` of values. Raises `TreeFault`."""
    given = fields(body, path, required=("path", "op"), optional=("value",))
    name = given["path"]
    if not isinstance(name, str) or not 1 <= len(name) <= PATH_CHARS_MAX:
        raise TreeFault(f"{path}.path", f"must be a text of 1 to {PATH_CHARS_MAX} characters")
    steps = tuple(name.split("."))
    compare = compile_comparison(given["op"], given.get("value"), path)
    return lambda values: compare(look_up(values, steps))
