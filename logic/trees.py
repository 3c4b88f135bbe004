"""Compiles a JSON tree into a closure (spec people §4.2).

Depth and leaves are limited (§4.3, 8), so that no tree is too dear to evaluate. What a leaf means is told by its user.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

DEPTH_MAX = 8
LEAVES_MAX = 200
VERSION = 1

T = TypeVar("T")
Test = Callable[[T], bool]
LeafCompiler = Callable[[Any, str], Test[T]]
"""Takes the body of a leaf and its path in the tree."""


class TreeFault(Exception):
    """The tree is not valid: at `path`, `rule` is broken."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path} {rule}")
        self.path = path
        self.rule = rule


@dataclass
class _Compiler:
    leaves: Mapping[str, LeafCompiler[Any]]
    operators_max: int | None
    operators: int = field(default=0)
    count: int = field(default=0)

    def node(self, tree: object, path: str, depth: int) -> Test[Any]:
        if depth > DEPTH_MAX:
            raise TreeFault(path, f"must not be deeper than {DEPTH_MAX} levels")
        self.operators += 1
        if self.operators_max is not None and self.operators > self.operators_max:
            raise TreeFault("$", f"must not have more than {self.operators_max} operators")
        kind, body = only_entry(tree, path)
        below = f"{path}.{kind}"
        if kind in ("all", "any"):
            return self._many(kind, body, below, depth)
        if kind == "not":
            inner = self.node(body, below, depth + 1)
            return lambda subject: not inner(subject)
        if kind == "const":
            return _const(body, below)
        return self._leaf(kind, body, below)

    def _many(self, kind: str, body: object, path: str, depth: int) -> Test[Any]:
        if not isinstance(body, list) or not body:
            raise TreeFault(path, "must be a list of at least one condition")
        parts = tuple(self.node(part, f"{path}[{index}]", depth + 1) for index, part in enumerate(body))
        if kind == "all":
            return lambda subject: all(part(subject) for part in parts)
        return lambda subject: any(part(subject) for part in parts)

    def _leaf(self, kind: str, body: object, path: str) -> Test[Any]:
        compiler = self.leaves.get(kind)
        if compiler is None:
            known = ", ".join(["all", "any", "not", "const", *self.leaves])
            raise TreeFault(path, f"is not a condition; known are {known}")
        self.count += 1
        if self.count > LEAVES_MAX:
            raise TreeFault("$", f"must not have more than {LEAVES_MAX} leaves")
        return compiler(body, path)


def parse_tree(text: str, bytes_max: int) -> object:
    """The tree that a JSON text tells. Raises `TreeFault` when it is longer than `bytes_max`, or is not JSON."""
    if len(text.encode()) > bytes_max:
        raise TreeFault("$", f"must not be longer than {bytes_max} bytes")
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise TreeFault("$", "must be JSON") from error


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def compile_tree(tree: object, leaves: Mapping[str, LeafCompiler[T]], *, operators_max: int | None = None) -> Test[T]:
    """The closure of a tree. Its root may carry `"v": 1`. Raises `TreeFault`.

    Every node counts as an operator: `all`, `any`, `not`, `const` and each leaf.
    """
    if not isinstance(tree, dict):
        raise TreeFault("$", "must be an object")
    version = tree.get("v", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise TreeFault("$.v", f"must be {VERSION}")
    return _Compiler(leaves, operators_max).node({key: value for key, value in tree.items() if key != "v"}, "$", 1)


def only_entry(tree: object, path: str) -> tuple[str, Any]:
    """The one entry of an object. Raises `TreeFault` when it is not an object with one entry."""
    if not isinstance(tree, dict) or len(tree) != 1:
        raise TreeFault(path, "must be an object with exactly one condition")
    return next(iter(tree.items()))


def fields(body: object, path: str, *, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a leaf. Raises `TreeFault` when one is missing or unknown."""
    if not isinstance(body, dict):
        raise TreeFault(path, "must be an object")
    for name in required:
        if name not in body:
            raise TreeFault(f"{path}.{name}", "is required")
    for name in body:
        if name not in required and name not in optional:
            raise TreeFault(f"{path}.{name}", f"is not known; known are {', '.join(required + optional)}")
    return body


def _const(body: object, path: str) -> Test[Any]:
    if not isinstance(body, bool):
        raise TreeFault(path, "must be true or false")
    return lambda _subject: body
