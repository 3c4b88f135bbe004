"""Rows as the arrays of `unnest`."""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """The columns of rows; there must be at least one row."""
    return [list(column) for column in zip(*rows, strict=True)]
