"""What a pot gives: to the best and evenly to the others, in random parts, by lot, or by levels. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.incentive.pots.domain.draws import Draws, Tickets

CHANCE_VALUE_MAX = 5_000_000
"""The most that a prize of chance may be worth, in fen (spec value §8)."""


class Score(NamedTuple):
    """Where a member stands in a pot: points, and when the last of them was made."""

    profile_id: str
    score: int
    reach_time: datetime


class Award(NamedTuple):
    """What a member gets. With fewer points than `score_kept_min`, by refunds, it falls away."""

    of: Score
    amount: int
    score_kept_min: int
    prize: str = ""


class ThinPool(StrEnum):
    """What becomes of a pool with fewer units than members: nothing of it is paid, or the first get one unit each."""

    VOID = "void"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Prizes:
    """`top_amount` to each of the `top_count` best, `shared_pool` split among the others."""

    top_count: int
    top_amount: int
    shared_pool: int
    thin_pool: ThinPool

    @property
    def most(self) -> int:
        """What is paid at most."""
        return self.top_count * self.top_amount + self.shared_pool

    def amounts(self, members: int) -> list[int]:
        """What each of the members gets, in their order. Zeros for those who get nothing."""
        best = min(self.top_count, members)
        return [self.top_amount] * best + self._split(members - best)

    def _split(self, members: int) -> list[int]:
        if not members:
            return []
        each, more = divmod(self.shared_pool, members)
        if not each and self.thin_pool == ThinPool.VOID:
            return [0] * members
        return [each + 1] * more + [each] * (members - more)

    def awards(self, entries: Sequence[Score], score_min: int) -> Iterator[Award]:
        """What the entries get. Of the best, everybody has to keep as many points as the last of them had."""
        best = entries[: self.top_count]
        for place, (entry, amount) in enumerate(zip(entries, self.amounts(len(entries)), strict=True)):
            yield Award(entry, amount, best[-1].score if place < len(best) else score_min)


@dataclass(frozen=True, slots=True)
class RandomSplit:
    """`pool` in `packet_count` random parts of `packet_min` to `packet_max` each, for the first in order."""

    packet_count: int
    pool: int
    packet_min: int
    packet_max: int

    @property
    def most(self) -> int:
        """What is paid at most."""
        return self.pool

    @property
    def is_possible(self) -> bool:
        """Whether parts within the bounds can make the pool (POT-07)."""
        return self.packet_count * self.packet_min <= self.pool <= self.packet_count * self.packet_max

    def amounts(self, draws: Draws) -> list[int]:
        """The parts. Each is drawn from what leaves the rest possible, and around the mean of what is left; then all
        are shuffled, so that every place has the same chances."""
        parts, left = [], self.pool
        for places in range(self.packet_count, 0, -1):
            least = max(self.packet_min, left - (places - 1) * self.packet_max)
            most = min(self.packet_max, left - (places - 1) * self.packet_min, 2 * left // places - self.packet_min)
            parts.append(least + draws.below(most - least + 1))
            left -= parts[-1]
        draws.shuffle(parts)
        return parts

    def awards(self, entries: Sequence[Score], score_min: int, draws: Draws) -> Iterator[Award]:
        """What the first of the entries get. Parts that nobody is there for are not paid."""
        for entry, amount in zip(entries, self.amounts(draws), strict=False):
            yield Award(entry, amount, score_min)


@dataclass(frozen=True, slots=True)
class LotteryPrize:
    """`quantity` prizes of one kind. `value_minor` is what one is worth, in fen."""

    name: str
    amount: int
    quantity: int
    value_minor: int


@dataclass(frozen=True, slots=True)
class Lottery:
    """Prizes that are drawn, best first. Everybody has one ticket, or one for each point; nobody wins twice."""

    prizes: tuple[LotteryPrize, ...]
    per_point: bool

    @property
    def most(self) -> int:
        """What is paid at most."""
        return sum(prize.amount * prize.quantity for prize in self.prizes)

    def awards(self, entries: Sequence[Score], score_min: int, draws: Draws) -> Iterator[Award]:
        """Who draws what, in the order of the draws, for as long as there are prizes and people."""
        drum = Tickets([entry.score if self.per_point else 1 for entry in entries])
        for prize in self.prizes:
            for _ in range(prize.quantity):
                if not drum.total:
                    return
                yield Award(entries[drum.take(draws.below(drum.total))], prize.amount, score_min, prize.name)


@dataclass(frozen=True, slots=True)
class Level:
    """What `score_min` points give."""

    score_min: int
    amount: int


@dataclass(frozen=True, slots=True)
class Levels:
    """What members claim while the pot runs, up to `budget` in all. Levels rise."""

    levels: tuple[Level, ...]
    budget: int

    @property
    def most(self) -> int:
        """What is paid at most."""
        return self.budget

    def reached(self, score: int) -> int:
        """The highest level that a score reaches, from 1; 0 for none."""
        return sum(score >= level.score_min for level in self.levels)


Plan = Prizes | RandomSplit | Lottery | Levels
"""What a pot gives."""
