"""How orders are named, and rows turned into columns."""

from collections.abc import Sequence
from typing import Any

Key = tuple[str, str]
"""Order number and source."""


def transposed(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """The columns of rows of one width, also where there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
