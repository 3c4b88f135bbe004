"""How a budget is being spent: rates, alarms, the pace and what is done about it (spec value §2.7)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain import pacing
from services.incentive.budgets.domain.nodes import Budget, Stage
from services.incentive.budgets.domain.pacing import STEP, Pace, Plan, Seen, Weights

ALARMS_BP = (5_000, 8_000, 9_500, 10_000)
RATIO_MAX = 1.25
AHEAD_MAX = timedelta(seconds=60)
RATE_SECONDS = 10.0
FIRST_LOOK = timedelta(seconds=10)
"""What a first look takes all that was spent to have been spent in."""


class AlarmKind(StrEnum):
    """What an alarm is about."""

    SPENT = "spent"
    PACE = "pace"


class Alarm(NamedTuple):
    """Something that an operator should know. `level_bp` is of the cap, or of the plan."""

    budget: Budget
    kind: AlarmKind
    level_bp: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class Meter:
    """What was observed of a budget up to `time`. `start` is that of its period or plan.

    `used` is committed and reserved; rates are per second, over about the last ten. `ahead_time` is since when the
    spend is too fast, `step_time` when the controller was moved on last, at so many decisions.
    """

    budget_id: UUID
    time: datetime
    start: datetime | None
    cap: int
    used: int
    decisions: int
    grants: int
    used_rate: float = 0.0
    grants_rate: float = 0.0
    alarm_bp: int = 0
    stage: Stage = Stage.NONE
    ahead_time: datetime | None = None
    pace: Pace = field(default_factory=Pace)
    step_time: datetime | None = None
    step_decisions: int = 0
    weights: Weights = ()


def plan_of(budget: Budget, weights: Weights) -> Plan | None:
    """How a budget is to be spent; None when nobody asked for a plan."""
    return Plan(*budget.span, budget.time_zone, weights) if budget.paced and budget.span else None


def begun(budget: Budget, before: Meter | None, weights: Weights, now: datetime) -> Meter:
    """The meter of a budget that had none, or whose period is new: the share that gets through is carried over."""
    pace = Pace(before.pace.p) if before else Pace()
    start = budget.span.start if budget.span else None
    time = max(before.time if before else now - FIRST_LOOK, now - FIRST_LOOK)
    return Meter(budget.budget_id, time, start, budget.cap, 0, 0, 0, pace=pace, weights=weights)


def read(before: Meter, budget: Budget, now: datetime) -> tuple[Meter, list[Alarm]]:
    """The meter after a look at the budget, and the alarms that it raises. Looks go forward in time."""
    if now <= before.time:
        return before, []
    after = replace(
        before,
        time=now,
        cap=budget.cap,
        used=budget.used,
        decisions=budget.decisions,
        grants=budget.grants,
        used_rate=_rate(before.used_rate, budget.used - before.used, now - before.time),
        grants_rate=_rate(before.grants_rate, budget.grants - before.grants, now - before.time),
    )
    plan = plan_of(budget, before.weights)
    if plan:
        after, paced = _judged(_stepped(after, plan, budget, now), plan, budget, now)
    else:
        paced = []
    spent = list(_spent(before, after, budget))
    return replace(after, alarm_bp=_level(before, budget)), [*spent, *paced]


def _rate(before: float, moved: int, elapsed: timedelta) -> float:
    seconds = elapsed.total_seconds()
    weight = 1 - math.exp(-seconds / RATE_SECONDS)
    return before + weight * (moved / seconds - before)


def _stepped(meter: Meter, plan: Plan, budget: Budget, now: datetime) -> Meter:
    if meter.step_time and now - meter.step_time < STEP:
        return meter
    seen = Seen(budget.used, budget.decisions, budget.decisions - meter.step_decisions)
    pace = pacing.step(meter.pace, plan, budget.cap, seen, now)
    return replace(meter, pace=pace, step_time=now, step_decisions=budget.decisions)


def _judged(meter: Meter, plan: Plan, budget: Budget, now: datetime) -> tuple[Meter, list[Alarm]]:
    """Too fast for a minute: one step further. No longer ahead of the plan: all steps are undone."""
    ratio = pacing.ratio(plan, budget.cap, budget.used, now)
    if ratio <= RATIO_MAX:
        return replace(meter, ahead_time=None, stage=meter.stage if ratio > 1.0 else Stage.NONE), []
    since = meter.ahead_time or now
    if now - since < AHEAD_MAX:
        return replace(meter, ahead_time=since), []
    meter = replace(meter, ahead_time=now, stage=meter.stage.next)
    return meter, [Alarm(budget, AlarmKind.PACE, round(ratio * 10_000), meter.stage)]


def _level(before: Meter, budget: Budget) -> int:
    """The highest alarm of the cap that is reached, or was: what is put back and spent again raises none anew."""
    reached = max((each for each in ALARMS_BP if budget.used * 10_000 >= each * budget.cap), default=0)
    return reached if budget.cap != before.cap else max(before.alarm_bp, reached)


def _spent(before: Meter, after: Meter, budget: Budget) -> Iterator[Alarm]:
    for each in ALARMS_BP:
        if before.alarm_bp < each <= _level(before, budget):
            yield Alarm(budget, AlarmKind.SPENT, each, after.stage)


def exhaust_time(budget: Budget, meter: Meter, now: datetime) -> datetime | None:
    """When all is spent at the rate of now; None if it is not before the period or the plan ends."""
    if meter.used_rate <= 0 or budget.left <= 0:
        return None
    seconds = budget.left / meter.used_rate
    end = budget.span.end if budget.span else None
    if seconds > timedelta(days=3650).total_seconds() or (end and now + timedelta(seconds=seconds) >= end):
        return None
    return now + timedelta(seconds=seconds)
