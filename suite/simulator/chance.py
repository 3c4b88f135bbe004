"""Chance with a seed: ids that a second run repeats, and draws that hit their rate exactly."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import NAMESPACE_OID, uuid5

T = TypeVar("T")

DELAY_MAX = timedelta(days=14)
WHOLE_BP = 10_000


class Chance:
    """One source of randomness of a simulation."""

    def __init__(self, seed: int, stream: str) -> None:
        self.random = random.Random(f"{seed}:{stream}")
        self._prefix = f"bowen.simulator:{seed}:{stream}"
        self._counts: dict[str, int] = defaultdict(int)
        self._carry: dict[str, int] = {}

    def new_id(self, noun: str) -> str:
        """The next id of a noun: the same in every run with this seed."""
        self._counts[noun] += 1
        return str(uuid5(NAMESPACE_OID, f"{self._prefix}:{noun}:{self._counts[noun]}"))

    def take(self, draw: str, items: Sequence[T], rate_bp: int) -> list[T]:
        """Draw a share of the items, in their order.

        Stratified: what a draw owes is carried to its next call, so all calls of a draw together take the rate of all
        items, rounded down or up; only which items is chance.
        """
        if draw not in self._carry:
            self._carry[draw] = self.random.randrange(WHOLE_BP)
        count, self._carry[draw] = divmod(self._carry[draw] + len(items) * rate_bp, WHOLE_BP)
        count = min(count, len(items))
        return [items[place] for place in sorted(self.random.sample(range(len(items)), count))]

    def happens(self, rate_bp: int) -> bool:
        """A plain draw."""
        return self.random.randrange(WHOLE_BP) < rate_bp

    def within(self, shortest: timedelta, longest: timedelta) -> timedelta:
        """A uniform span of whole seconds."""
        return timedelta(seconds=self.random.randint(int(shortest.total_seconds()), int(longest.total_seconds())))

    def about(self, mean: timedelta) -> timedelta:
        """An exponential span of whole seconds, at least one, at most two weeks."""
        seconds = 1 + int(self.random.expovariate(1 / mean.total_seconds()))
        return min(timedelta(seconds=seconds), DELAY_MAX)
