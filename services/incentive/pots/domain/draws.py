"""Chance that anybody can repeat: numbers that follow from a seed, and tickets to draw with them."""

import hashlib
import hmac
from collections.abc import MutableSequence, Sequence
from typing import Any

SEED_BYTES = 32
_SPAN = 1 << 256


class Draws:
    """A sequence of numbers: HMAC-SHA-256 under `seed` of `context` and a counter of 8 bytes, from 0.

    A number that would favour some outcomes over others is skipped, so that all are equally likely.
    """

    def __init__(self, seed: bytes, context: str) -> None:
        self._seed, self._context, self._count = seed, context.encode(), 0

    def below(self, bound: int) -> int:
        """The next number from 0 up to, not including, `bound`."""
        while True:
            number = self._next()
            if number < _SPAN - _SPAN % bound:
                return number % bound

    def shuffle(self, items: MutableSequence[Any]) -> None:
        """Put items into an order of which every one is equally likely."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def _next(self) -> int:
        message = self._context + self._count.to_bytes(8)
        self._count += 1
        return int.from_bytes(hmac.digest(self._seed, message, hashlib.sha256))


class Tickets:
    """A drum with some tickets of everybody. Sums of ranges make every draw a matter of a few steps (Fenwick 1994)."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.total = sum(counts)
        self._counts = list(counts)
        self._sums = [0, *counts]
        for index in range(1, len(self._sums)):
            above = index + (index & -index)
            if above < len(self._sums):
                self._sums[above] += self._sums[index]

    def take(self, ticket: int) -> int:
        """Who has a ticket, counted from 0; all tickets of that one leave the drum."""
        at, step = 0, 1 << len(self._counts).bit_length()
        while step:
            if at + step < len(self._sums) and self._sums[at + step] <= ticket:
                at += step
                ticket -= self._sums[at]
            step >>= 1
        self._remove(at)
        return at

    def _remove(self, owner: int) -> None:
        count, index = self._counts[owner], owner + 1
        self._counts[owner] = 0
        self.total -= count
        while index < len(self._sums):
            self._sums[index] -= count
            index += index & -index
