"""Rows on their way to the database, and JSON on its way from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


def columns(rows: Sequence[Sequence[object]], count: int) -> list[list[object]]:
    """Rows as the arrays of `unnest`."""
    return [[row[index] for row in rows] for index in range(count)]


def json_text(value: object) -> str | None:
    """A value as JSON; None stays none."""
    return None if value is None else msgspec.json.encode(value).decode()


def json_object(text: str | None) -> Mapping[str, Any]:
    """The object that a JSON column holds; an empty one where it holds none."""
    return msgspec.json.decode(text) if text else {}
