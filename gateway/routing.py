"""From a path to what answers it: templates such as `/v1/orders/{order_id}:pay`, nothing guessed."""

import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from chassis.errors import InvalidArgument
from gateway.errors import MethodNotAllowed, RouteNotFound

T = TypeVar("T")

_PARAMETER = re.compile(r"\{([a-zA-Z0-9_]+)\}(?::([a-zA-Z0-9_-]+))?")


@dataclass
class _Node(Generic[T]):
    literals: "dict[str, _Node[T]]" = field(default_factory=dict)
    parameters: "dict[str, _Node[T]]" = field(default_factory=dict)  # by the verb after the colon, "" for none
    names: tuple[str, ...] = ()
    answers: dict[str, T] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """What answers, and the values that stood in the path."""

    answer: T
    values: dict[str, str]


def parameters_of(template: str) -> tuple[str, ...]:
    """Names of the values that stand in a path."""
    return tuple(name for name, _ in _PARAMETER.findall(template))


class Router(Generic[T]):
    """Routes by path and method. A literal goes before a value; a trailing slash is another path."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: str, answer: T) -> None:
        """Add a route. Raises `ValueError` if it is there already."""
        node = self._root
        for segment in template.split("/")[1:]:
            node = _child(node, segment)
        names = parameters_of(template)
        if method in node.answers or (node.answers and node.names != names):
            raise ValueError(f"{method} {template} is routed twice")
        node.names, node.answers[method] = names, answer

    def find(self, method: str, raw_path: str) -> Match[T]:
        """What answers a request, with the path still percent-encoded. Raises `RouteNotFound`, `MethodNotAllowed`."""
        raw: list[str] = []
        node = _walk(self._root, raw_path.split("/")[1:], 0, raw)
        if node is None:
            raise RouteNotFound
        answer = node.answers.get("GET" if method == "HEAD" else method)
        if answer is None:
            raise MethodNotAllowed(_allowed(node))
        return Match(answer, {name: _decoded(name, text) for name, text in zip(node.names, raw, strict=True)})

    def answers(self, raw_path: str) -> dict[str, T]:
        """Everything that answers at a path, by method. Raises `RouteNotFound`."""
        node = _walk(self._root, raw_path.split("/")[1:], 0, [])
        if node is None:
            raise RouteNotFound
        return node.answers


def _child(node: _Node[T], segment: str) -> _Node[T]:
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is not None:
        return node.parameters.setdefault(parameter[2] or "", _Node())
    if "{" in segment or "*" in segment:
        raise ValueError(f"{segment} is no template that is known")
    return node.literals.setdefault(segment, _Node())


def _walk(node: _Node[T], segments: list[str], at: int, raw: list[str]) -> _Node[T] | None:
    """The node of a path; `raw` becomes the values on the way. Goes back where a literal led nowhere."""
    if at == len(segments):
        return node if node.answers else None
    segment = segments[at]
    literal = node.literals.get(segment)
    if literal is not None:
        found = _walk(literal, segments, at + 1, raw)
        if found is not None:
            return found
    for value, child in _values(node, segment):
        raw.append(value)
        found = _walk(child, segments, at + 1, raw)
        if found is not None:
            return found
        raw.pop()
    return None


def _values(node: _Node[T], segment: str) -> list[tuple[str, _Node[T]]]:
    """How a segment can be read as a value: with a verb at its end, or as a whole."""
    if not node.parameters:
        return []
    value, _, verb = segment.rpartition(":")
    options = [(value, node.parameters.get(verb)) if verb else ("", None), (segment, node.parameters.get(""))]
    return [(text, child) for text, child in options if text and child is not None]


def _allowed(node: _Node[T]) -> list[str]:
    return sorted({*node.answers, "OPTIONS", *(["HEAD"] if "GET" in node.answers else [])})


def _decoded(name: str, text: str) -> str:
    try:
        return unquote(text, errors="strict") if "%" in text else text
    except UnicodeDecodeError:
        raise InvalidArgument(name, "must be percent-encoded UTF-8") from None
