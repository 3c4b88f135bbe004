"""What a mission asks for and gives."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from logic.calendar import Period, day_of, later, midnight, periods_between, window_of

SCOPE = "service:incentive/missions"
"""Whose transfer ids those of missions are."""


class State(StrEnum):
    """Whether a mission counts."""

    RUNNING = "running"
    PAUSED = "paused"


class Measure(StrEnum):
    """What counts."""

    EVENTS = "events"
    ORDERS = "orders"
    NET_MINOR = "net_minor"
    PIECES = "pieces"
    PRODUCTS = "products"

    @property
    def is_of_orders(self) -> bool:
        """Whether orders count, and not events."""
        return self is not Measure.EVENTS


class Activation(StrEnum):
    """When an occurrence begins."""

    USER_ACTION = "user_action"
    FIXED_SCHEDULE = "fixed_schedule"


class Recurrence(StrEnum):
    """Whether it can be done again."""

    NONE = "none"
    ON_EXPIRATION = "on_expiration"
    ON_COMPLETION = "on_completion"


class Metric(NamedTuple):
    """What counts: events of a name, perhaps each value of a property once, or something of paid orders."""

    measure: Measure
    event_name: str = ""
    distinct: str = ""

    @property
    def counts_different(self) -> bool:
        """Whether the same thing counts once only."""
        return bool(self.distinct) or self.measure is Measure.PRODUCTS


class Window(NamedTuple):
    """When an occurrence takes place, and which one it is."""

    number: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Mission:
    """A goal. `period` is None for an occurrence that lasts until the mission ends."""

    mission_id: UUID
    name: str
    state: State
    metric: Metric
    target: int
    period: Period | None
    activation: Activation
    recurrence: Recurrence
    rollback: bool
    when: str
    asset: str
    amount: int
    budget_id: UUID
    time_zone: str
    start_time: datetime
    end_time: datetime
    create_time: datetime

    @property
    def takes_progress(self) -> bool:
        """Whether campaigns can bring it forward: one that counts different things cannot tell what thing that were."""
        return not self.metric.counts_different

    def window(self, moment: datetime, previous: Window | None) -> Window | None:
        """The occurrence that something done at `moment` is for, after `previous`; None when there is none more."""
        if self.activation is Activation.USER_ACTION:
            number = previous.number + 1 if previous else 1
            window = Window(number, moment, self._end_after(moment))
        else:
            window = self._scheduled(moment)
        is_first = previous is None and window.number == 1
        return window if is_first or self.recurrence is not Recurrence.NONE else None

    def _end_after(self, moment: datetime) -> datetime:
        if self.period is None:
            return self.end_time
        last = later(day_of(moment, self.time_zone), self.period)
        return min(midnight(last, self.time_zone), self.end_time)

    def _scheduled(self, moment: datetime) -> Window:
        if self.period is None:
            return Window(1, self.start_time, self.end_time)
        first, day = day_of(self.start_time, self.time_zone), day_of(moment, self.time_zone)
        start, end = window_of(moment, self.period, self.time_zone)
        number = periods_between(first, day, self.period) + 1
        return Window(number, max(start, self.start_time), min(end, self.end_time))
