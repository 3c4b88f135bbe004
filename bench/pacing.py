"""A day of wants in virtual time: how far off plan the spend is when the load triples at noon, paced and unpaced."""

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from bench.harness import Report, check
from services.incentive.budgets.domain import pacing
from services.incentive.budgets.domain.pacing import STEP, Pace, Plan, Seen

MIDNIGHT = datetime(2026, 6, 19, 16, 0, tzinfo=UTC)  # in Shanghai
DAY = Plan(MIDNIGHT, MIDNIGHT + timedelta(days=1), "Asia/Shanghai")
CAP = 1_000_000
REWARD = 50
NODE = UUID(int=7)
SEEDS = range(1, 6)
LEVELS = (1.5, 2.0, 5.0)
ERROR_MAX = 5.0

Load = Callable[[float], float]
"""Traffic at an hour of the day, as a multiple of what the plan could be spent with."""


class Moment(NamedTuple):
    """How a simulated day stands after a step."""

    hour: float
    spent: int
    p: float
    ratio: float


@dataclass
class Simulation:
    """A day of wants, most of which the controller has to turn away."""

    load: Load
    plan: Plan = DAY
    members: int = 20_000
    seed: int = 1
    paced: bool = True

    def run(self) -> Iterator[Moment]:
        """The day, ten seconds after ten seconds."""
        rng, pace, spent, decisions, now = random.Random(self.seed), Pace(), 0, 0, self.plan.start
        per_step = CAP / REWARD * (STEP / (self.plan.finish - self.plan.start))
        while now < self.plan.end:
            expected = per_step * self.load((now - self.plan.start) / timedelta(hours=1))
            fresh = max(0, round(rng.gauss(expected, math.sqrt(expected)))) if expected else 0
            for _ in range(fresh):
                member = f"m{rng.randrange(self.members)}"
                if spent + REWARD <= CAP and (not self.paced or pacing.passes(member, NODE, now, pace.p)):
                    spent += REWARD
            decisions, now = decisions + fresh, now + STEP
            pace = pacing.step(pace, self.plan, CAP, Seen(spent, decisions, fresh), now)
            ratio = pacing.ratio(self.plan, CAP, spent, now)
            yield Moment((now - self.plan.start) / timedelta(hours=1), spent, pace.p, ratio)


def tripled_at_noon(level: float) -> Load:
    """A level load that is three times as high from noon for half an hour."""
    return lambda hour: level * (3 if 12 <= hour < 12.5 else 1)


def at(moments: list[Moment], hour: float) -> Moment:
    """How the day stood at an hour."""
    return next(moment for moment in moments if moment.hour >= hour)


async def run(report: Report) -> None:
    """The day at several levels of traffic, with several seeds."""
    for level in LEVELS:
        load = tripled_at_noon(level)
        started = time.process_time()
        days = [list(Simulation(load, seed=seed).run()) for seed in SEEDS]
        seconds = (time.process_time() - started) / sum(map(len, days))
        unpaced = [list(Simulation(load, seed=seed, paced=False).run()) for seed in SEEDS]
        check(max(day[-1].spent for day in days) <= CAP, "a day spent more than its cap")
        errors = [abs(at(day, 18).ratio - 1) * 100 for day in days]
        without = statistics.median(abs(at(day, 18).ratio - 1) * 100 for day in unpaced)
        swing = statistics.median(statistics.pstdev([m.p for m in day if 4 < m.hour < 20]) for day in days)
        report.bound(
            f"off plan at 18:00, traffic {level:g} times the plan",
            errors,
            at_most=ERROR_MAX,
            unit="%",
            note=f"unpaced {without:.0f} %; the share let through varies by {swing:.2f}; {seconds * 1e6:.0f} µs a step",
        )
