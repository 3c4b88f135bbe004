"""Who is in which arm, and what the arms came to.

People are told apart by a hash, so that nobody changes sides by coming back. The holdout is the same in all campaigns
for a quarter of a year: those who are in it have been left alone by everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from math import sqrt
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

HOLDOUT_BP_DEFAULT = 500
OUTCOME_DAYS_DEFAULT = 30
HOLDOUT = "(holdout)"
"""The arm of those who get nothing. No arm that is made can be called so."""

_SPAN = 2**64
_Z = 1.959963984540054  # 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm and its share of people."""

    name: str
    weight: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms and a holdout."""

    holdout_bp: int = HOLDOUT_BP_DEFAULT
    arms: tuple[Arm, ...] = ()
    outcome_days: int = OUTCOME_DAYS_DEFAULT


def arm_of(experiment: Experiment, campaign_id: UUID, profile_id: str, time: datetime, zone: str) -> str:
    """The arm of a person; `HOLDOUT` for one who gets nothing, empty where there are no arms."""
    local = time.astimezone(ZoneInfo(zone))
    if _point(f"{local.year}Q{(local.month + 2) // 3}", profile_id) * 10_000 < experiment.holdout_bp * _SPAN:
        return HOLDOUT
    total, reached = sum(arm.weight for arm in experiment.arms), 0
    point = _point(str(campaign_id), profile_id)
    for arm in experiment.arms:
        reached += arm.weight
        if point * total < reached * _SPAN:
            return arm.name
    return ""


def _point(salt: str, profile_id: str) -> int:
    return int.from_bytes(blake2b(profile_id.encode(), digest_size=8, key=salt.encode()).digest(), "big")


class ArmTotals(NamedTuple):
    """What an arm came to: people, those who bought, what they bought, what they were given, and of those who bought
    those who had never bought before."""

    arm: str
    people: int
    buyers: int
    net_minor: int
    cost: int
    first_buyers: int = 0

    def cost_per(self, buyers: float) -> float | None:
        """What one of so many costs; None where there are none."""
        return self.cost / buyers if buyers > 0 else None


class Readout(NamedTuple):
    """An arm held against the holdout. Rates are differences of shares of buyers; the interval is one of 95 %."""

    totals: ArmTotals
    uplift: float
    uplift_low: float
    uplift_high: float
    first_uplift: float = 0.0

    @property
    def incremental_first_buyers(self) -> float:
        """Buyers who bought for the first time and would not have bought."""
        return self.first_uplift * self.totals.people

    @property
    def incremental_buyers(self) -> float:
        """Buyers who would not have bought."""
        return self.uplift * self.totals.people

    @property
    def is_told_apart(self) -> bool:
        """Whether the interval leaves out that nothing changed."""
        return self.uplift_low > 0 or self.uplift_high < 0

    def cost_per(self, uplift: float) -> float | None:
        """What one more buyer costs at such an uplift; None where there are none."""
        return self.totals.cost_per(uplift * self.totals.people)


def read_out(totals: Sequence[ArmTotals]) -> tuple[ArmTotals, list[Readout]]:
    """The holdout, and each arm against it. With nobody in one of them the interval is from −1 to 1."""
    held = next((each for each in totals if each.arm == HOLDOUT), ArmTotals(HOLDOUT, 0, 0, 0, 0))
    return held, [_against(each, held) for each in totals if each.arm != HOLDOUT]


def _against(arm: ArmTotals, held: ArmTotals) -> Readout:
    if not arm.people or not held.people:
        return Readout(arm, 0.0, -1.0, 1.0)
    low, high = difference(arm.buyers, arm.people, held.buyers, held.people)
    first = arm.first_buyers / arm.people - held.first_buyers / held.people
    return Readout(arm, arm.buyers / arm.people - held.buyers / held.people, low, high, first)


def difference(hits: int, of: int, other_hits: int, of_other: int) -> tuple[float, float]:
    """The 95 % interval of a difference of proportions.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17 (1998), method 10: the Wilson score interval of both.
    """
    one, other = hits / of, other_hits / of_other
    low, high = _wilson(one, of)
    other_low, other_high = _wilson(other, of_other)
    return (
        one - other - sqrt((one - low) ** 2 + (other_high - other) ** 2),
        one - other + sqrt((high - one) ** 2 + (other - other_low) ** 2),
    )


def _wilson(share: float, of: int) -> tuple[float, float]:
    square = _Z * _Z
    middle, spread = 2 * of * share + square, _Z * sqrt(square + 4 * of * share * (1 - share))
    return (middle - spread) / (2 * (of + square)), (middle + spread) / (2 * (of + square))
