"""Spending to a plan: the plan's curve, and the controller that lets a share of the traffic through (spec value §2.7).

The controller adds to `p` what lies behind and takes twice as much where it is ahead. That makes the spend an integral
of an integral: it swings around the plan rather than settling on it, by less than a hundredth of the cap with these
gains. Smaller ones brake too late when traffic of twenty times the plan comes back after an hour's silence.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

STEP = timedelta(seconds=10)
HORIZON = timedelta(minutes=10)
SLOT = timedelta(minutes=5)
WINDOW = timedelta(hours=1)
HISTORY = timedelta(days=28)
HISTORY_MIN = timedelta(days=7)
FINISH_EARLY_MAX = timedelta(hours=2)
FINISH_EARLY_PART = 12
SLOTS_PER_DAY = timedelta(days=1) // SLOT
UNIFORM_SHARE = 0.05

KP = 0.2
KI = 0.001
LEAK = 0.995
SMOOTHING = 0.3
BRAKE = 2
P_MIN = 0.01
P_START = 0.1
SLOW_START_DECISIONS = 200

Weights = tuple[float, ...]
"""Traffic to expect in each five minutes of a week, from Monday's midnight; empty when nobody knows."""


class Plan(NamedTuple):
    """How a cap is to be spent: from `start`, and all of it some time before `end`."""

    start: datetime
    end: datetime
    time_zone: str
    weights: Weights = ()

    @property
    def finish(self) -> datetime:
        """When all is to be spent: two hours before the end, sooner before the end of a short plan."""
        return self.end - min(FINISH_EARLY_MAX, (self.end - self.start) / FINISH_EARLY_PART)

    def share(self, now: datetime) -> float:
        """The part of the cap that is to be spent by now."""
        if not self.start < now < self.finish:
            return float(now >= self.finish)
        if not self.weights:
            return (now - self.start) / (self.finish - self.start)
        starts, sums = _curve(self)
        at = bisect_right(starts, now) - 1
        part = (now - starts[at]) / (min(starts[at] + SLOT, self.finish) - starts[at])
        before = sums[at - 1] if at else 0.0
        return (before + part * (sums[at] - before)) / sums[-1]


@lru_cache(maxsize=1000)
def _curve(plan: Plan) -> tuple[list[datetime], list[float]]:
    """The slots of a plan, and the traffic expected up to the end of each."""
    starts, zone = list(_slots(plan)), ZoneInfo(plan.time_zone)
    mean = sum(plan.weights) / len(plan.weights) or 1.0
    expected = [plan.weights[slot_of_week(start, zone)] + UNIFORM_SHARE * mean for start in starts]
    lengths = [(min(start + SLOT, plan.finish) - start) / SLOT for start in starts]
    return starts, list(accumulate(each * length for each, length in zip(expected, lengths, strict=True)))


def _slots(plan: Plan) -> Iterator[datetime]:
    start = plan.start
    while start < plan.finish:
        yield start
        start += SLOT


def slot_of_week(moment: datetime, zone: ZoneInfo) -> int:
    """Which five minutes of the local week an instant is in."""
    local = moment.astimezone(zone)
    return local.weekday() * SLOTS_PER_DAY + (local.hour * 60 + local.minute) // 5


def slot_start(moment: datetime) -> datetime:
    """When the five minutes began that an instant is in."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (moment - epoch) // SLOT * SLOT


def weights_of(history: Mapping[datetime, int], time_zone: str) -> Weights:
    """Traffic to expect, from what was seen in five minutes each; empty with less than a week of history."""
    if not history or max(history) - min(history) < HISTORY_MIN - SLOT:
        return ()
    zone, sums = ZoneInfo(time_zone), [0.0] * (7 * SLOTS_PER_DAY)
    for start, decisions in history.items():
        sums[slot_of_week(start, zone)] += decisions
    return tuple(sums) if any(sums) else ()


@dataclass(frozen=True, slots=True)
class Pace:
    """The controller's state. `p` is the share of the traffic that is let through."""

    p: float = P_START
    integral: float = 0.0
    smoothed: float = 0.0


class Seen(NamedTuple):
    """What a step goes by: what was spent, and the wants decided in all and since the step before."""

    spent: int
    decisions: int
    fresh: int


def step(pace: Pace, plan: Plan, cap: int, seen: Seen, now: datetime) -> Pace:
    """The state after ten seconds.

    The first two hundred wants get through at the rate of the slow start. Where nobody wanted anything there is
    nothing to learn: the state stays, so that an hour without traffic winds nothing up.
    """
    if seen.decisions < SLOW_START_DECISIONS or not seen.fresh:
        return pace
    behind = cap * plan.share(now) - seen.spent
    error = behind / _ahead(plan, cap, now)
    integral = _clamp(LEAK * pace.integral + error * STEP.total_seconds(), -1.0, 1.0)
    smoothed = SMOOTHING * error + (1 - SMOOTHING) * pace.smoothed
    gain = BRAKE if behind < 0 else 1
    p = _clamp(pace.p + gain * (KP * smoothed + KI * integral), P_MIN, 1.0)
    return replace(pace, p=p, integral=integral, smoothed=smoothed)


def _ahead(plan: Plan, cap: int, now: datetime) -> float:
    """What the plan spends within the horizon; at least a tenth of what an even plan would."""
    even = cap * (HORIZON / (plan.finish - plan.start))
    return max(cap * (plan.share(now + HORIZON) - plan.share(now)), 0.1 * even, 1e-9)


def ratio(plan: Plan, cap: int, spent: int, now: datetime) -> float:
    """What was spent against what was to be: above 1 is too fast. The first ten minutes are taken as a whole."""
    return spent / max(cap * plan.share(max(now, plan.start + HORIZON)), 1.0)


def passes(member: str, budget_id: UUID, now: datetime, p: float) -> bool:
    """Whether a member is let through: the same answer all through an hour, whoever asks and how often."""
    if p >= 1.0:
        return True
    window = int(now.timestamp()) // int(WINDOW.total_seconds())
    digest = hashlib.blake2b(f"{member}/{budget_id}/{window}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < p * 2**64


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
