"""What is owed for points, and when it becomes revenue (IFRS 15 style, spec value §2.1). Pure, and exact until printed.

Of a cohort, the points of one month, the allocated price A is recognised in the proportion in which the points are
redeemed of those that are expected to be: to date A × R / E. What is never redeemed, breakage, is in it by that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import NamedTuple

PER_THOUSAND = 1000
"""Fair values are minor units of a thousand points."""


class Share(NamedTuple):
    """How a price parts between goods and points."""

    revenue: Fraction
    liability: Fraction


def allocate(price: int, points_value: int) -> Share:
    """Part what was paid by stand-alone prices: goods at `price`, points worth `points_value` without breakage."""
    whole = Fraction(price + points_value)
    return Share(price * price / whole, price * points_value / whole)


def recognised(allocated: Fraction, redeemed: int, expected: int) -> Fraction:
    """What is revenue to date. More than was expected has been redeemed: then that was the least to expect."""
    most = max(expected, redeemed)
    return allocated * redeemed / most if most else Fraction(0)


def printed(value: Fraction) -> int:
    """In whole units, half up."""
    return floor(value + Fraction(1, 2))


@dataclass(slots=True)
class Cohort:
    """Points of one month. `redeemed` is by month; `estimates` by the month from which on they hold."""

    month: str
    issued: int
    value: int
    redeemed: Mapping[str, int] = field(default_factory=dict)
    estimates: Mapping[str, int] = field(default_factory=dict)

    @property
    def allocated(self) -> Fraction:
        """The price allocated to it, in minor units."""
        return Fraction(self.value, PER_THOUSAND)

    def redeemed_by(self, month: str) -> int:
        """Redeemed by the end of a month."""
        return sum(count for when, count in self.redeemed.items() if when <= month)

    def expected_by(self, month: str) -> int:
        """How many were expected to be redeemed in the end, as estimated by a month; all, if nobody estimated."""
        known = [effective for effective in self.estimates if effective <= month]
        return self.estimates[max(known)] if known else self.issued

    def recognised_by(self, month: str) -> Fraction:
        """Revenue to the end of a month."""
        return recognised(self.allocated, self.redeemed_by(month), self.expected_by(month))

    def recognised_in(self, month: str) -> int:
        """Revenue of a month, printed: what the printed revenue to date grew by, so that months add up to it."""
        return printed(self.recognised_by(month)) - printed(self.recognised_by(previous(month)))


class Month(NamedTuple):
    """A month of the journal."""

    month: str
    deferred: int
    recognised: int
    balance: int


def journal(cohorts: list[Cohort], until: str) -> Iterator[Month]:
    """All cohorts together, month by month, from the first on."""
    balance = 0
    month = min((cohort.month for cohort in cohorts), default="")
    while month and month <= until:
        deferred = sum(printed(cohort.allocated) for cohort in cohorts if cohort.month == month)
        revenue = sum(cohort.recognised_in(month) for cohort in cohorts if cohort.month <= month)
        balance += deferred - revenue
        yield Month(month, deferred, revenue, balance)
        month = following(month)


def previous(month: str) -> str:
    """The month before."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year - (number == 1):04}-{12 if number == 1 else number - 1:02}"


def following(month: str) -> str:
    """The month after."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + (number == 12):04}-{1 if number == 12 else number + 1:02}"
