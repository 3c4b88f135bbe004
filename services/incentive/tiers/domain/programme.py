"""What a programme of levels asks for."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from logic.calendar import Period, day_of, later, midnight


class Downgrade(StrEnum):
    """What becomes of those who earned too little to stay."""

    ONE_DOWN = "one_down"
    BALANCE_BASED = "balance_based"


class Metric(NamedTuple):
    """What counts: paid orders in a currency, or what is earned of an asset."""

    currency_code: str = ""
    asset: str = ""


class Level(NamedTuple):
    """A level. Those by application are not earned."""

    name: str
    threshold: int
    by_application: bool = False


class Window(NamedTuple):
    """The last `months`, or a cycle of a year from `cycle_start`, a month and a day."""

    months: int = 0
    cycle_start: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Programme:
    """Levels from the lowest to the highest; number 0 is none."""

    programme_id: UUID
    name: str
    metric: Metric
    levels: tuple[Level, ...]
    window: Window
    downgrade: Downgrade
    grace_days: int
    time_zone: str
    create_time: datetime

    def name_of(self, number: int) -> str:
        """The name of a level; empty for none."""
        return self.levels[number - 1].name if number else ""

    def is_by_application(self, number: int) -> bool:
        """Whether a level is not earned."""
        return number > 0 and self.levels[number - 1].by_application

    def earned_level(self, earned: int) -> int:
        """The highest level that an amount is enough for."""
        return sum(not level.by_application and level.threshold <= earned for level in self.levels)

    def next_level(self, number: int) -> Level | None:
        """The next level that can be earned."""
        following = self.levels[number : number + 1]
        return following[0] if following and not following[0].by_application else None

    def window_start(self, moment: datetime) -> datetime:
        """The first instant at which what was earned counts at `moment`; at the end of a cycle, that cycle's."""
        if self.window.cycle_start:
            return self._cycle(moment - timedelta(microseconds=1))[0]
        day = day_of(moment, self.time_zone)
        return midnight(later(day, Period.MONTH, -self.window.months), self.time_zone)

    def keep_time(self, level: int, moment: datetime) -> datetime | None:
        """Until when a level that is reached or renewed at `moment` is kept; None if it cannot be lost."""
        if self.is_by_application(level) or level <= self.earned_level(0):
            return None
        if self.window.cycle_start:
            return self._cycle(moment)[1]
        last = later(day_of(moment, self.time_zone), Period.MONTH, self.window.months)
        return midnight(last + timedelta(days=1), self.time_zone)

    def grace_time(self, moment: datetime) -> datetime:
        """The end of the soft landing that begins at `moment`."""
        return midnight(day_of(moment, self.time_zone) + timedelta(days=self.grace_days), self.time_zone)

    def _cycle(self, moment: datetime) -> tuple[datetime, datetime]:
        day = day_of(moment, self.time_zone)
        year = day.year if day >= self._cycle_day(day.year) else day.year - 1
        return (
            midnight(self._cycle_day(year), self.time_zone),
            midnight(self._cycle_day(year + 1), self.time_zone),
        )

    def _cycle_day(self, year: int) -> date:
        month, day = self.window.cycle_start or (1, 1)
        return date(year, month, min(day, monthrange(year, month)[1]))
