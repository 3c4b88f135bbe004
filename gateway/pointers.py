"""JSON pointers (RFC 6901) from the paths of violations."""

import re

_STEP = re.compile(r"\[(\d+)\]|\.")


def pointer(path: str) -> str:
    """The pointer of a path such as `lines[1].quantity`. What begins with a slash is a pointer already."""
    if not path or path.startswith("/"):
        return path
    return "/" + _STEP.sub(lambda step: "/" + (step[1] or ""), _escaped(path)).replace("//", "/")


def child(parent: str, name: str) -> str:
    """The pointer of a member."""
    return f"{parent}/{_escaped(name)}"


def _escaped(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1")
