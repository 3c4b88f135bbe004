"""Straight-line Python, written from a descriptor and compiled once: the fastest code is the one without a loop."""

from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any


class Source:
    """Lines of one function, and the values that they name."""

    def __init__(self, head: str, **names: Any) -> None:
        self._lines = [f"def function({head}):"]
        self._names: dict[str, Any] = dict(names)

    def name(self, value: Any) -> str:
        """A name by which the lines can say `value`."""
        name = f"v{len(self._names)}"
        self._names[name] = value
        return name

    def line(self, text: str) -> None:
        """Add a line of the function's body."""
        self._lines.append("    " + text)

    def compile(self, title: str) -> Callable[..., Any]:
        """The function. Its text comes from our own descriptors only, whose names are checked identifiers."""
        space: dict[str, Any] = dict(self._names)
        exec(compile("\n".join(self._lines), f"<derived {title}>", "exec"), space)  # noqa: S102 (see above)
        function: Callable[..., Any] = space["function"]
        return function

    @property
    def names(self) -> Mapping[str, Any]:
        """What the lines can say."""
        return self._names


def attribute(of: str, name: str) -> str:
    """An expression for an attribute, also if its name is a keyword."""
    if not name.isidentifier():
        raise ValueError(f"{name} is no identifier")
    return f"getattr({of}, {name!r})" if iskeyword(name) else f"{of}.{name}"
