"""The rules of an asset: its days, its bounds, what a clawback takes. Pure.

A lot can be used to the end of its printed day in the programme's time zone, be the day 23 or 25 hours long
(spec value §2.1).
"""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from logic.calendar import day_of, is_zone, midnight
from services.incentive.ledger.errors import ProgrammeInvalid

GRACE_DAYS_DEFAULT = 7

_FARTHEST = date.max - timedelta(days=366)


class Expiry(StrEnum):
    """What the last day of a lot is."""

    NEVER = "never"
    DAYS = "days"
    MONTH_END = "month_end"
    YEAR_END = "year_end"


class Policy(StrEnum):
    """What a clawback takes beyond what is left of the earning itself."""

    UNLIMITED = "unlimited"
    WITHIN_BALANCE = "within_balance"
    ONLY_PENDING = "only_pending"


@dataclass(frozen=True, slots=True)
class Programme:
    """One version of the rules of an asset. Bounds of 0 are none."""

    asset: str
    name: str
    time_zone: str
    expiry: Expiry
    expiry_count: int
    maturity_seconds: int
    clawback: Policy
    debt_max: int
    grace_days: int
    grace_on_void: bool
    balance_max: int
    daily_earn_max: int
    yearly_earn_max: int
    fair_value: int
    version: int
    effective_time: datetime
    create_time: datetime
    member_transfers: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether it bounds what one may have or earn."""
        return bool(self.balance_max or self.daily_earn_max or self.yearly_earn_max)

    def day_of(self, moment: datetime) -> date:
        """The local day of an instant."""
        return day_of(moment, self.time_zone)

    def start_of(self, day: date) -> datetime:
        """The first instant of a local day."""
        return midnight(day, self.time_zone)

    def end_of(self, day: date) -> datetime:
        """The first instant after a local day."""
        return self.start_of(day + timedelta(days=1))

    def starts(self, moment: datetime) -> tuple[datetime, datetime]:
        """The first instants of the local day and year of an instant."""
        day = self.day_of(moment)
        return self.start_of(day), self.start_of(day.replace(month=1, day=1))

    def last_day(self, earn_time: datetime) -> date | None:
        """The last day of what is earned at an instant; None if it never expires."""
        day = self.day_of(earn_time)
        match self.expiry:
            case Expiry.NEVER:
                return None
            case Expiry.DAYS:
                return day + timedelta(days=self.expiry_count)
            case Expiry.MONTH_END:
                return _month_end(day.year, day.month + self.expiry_count)
            case Expiry.YEAR_END:
                return _month_end(day.year + self.expiry_count, 12)

    def mature_time(self, earn_time: datetime) -> datetime | None:
        """When a reward matures; None if it is available at once."""
        return earn_time + timedelta(seconds=self.maturity_seconds) if self.maturity_seconds else None

    def room(self, balance: int, earned_today: int, earned_this_year: int) -> int:
        """How much more one may earn."""
        bounds = (
            (self.balance_max, balance),
            (self.daily_earn_max, earned_today),
            (self.yearly_earn_max, earned_this_year),
        )
        return max(0, min(most - reached for most, reached in bounds if most))


def _month_end(year: int, month: int) -> date:
    years, month = divmod(month - 1, 12)
    year += years
    return date(year, month + 1, calendar.monthrange(year, month + 1)[1])


def checked(programme: Programme, *, now: datetime) -> Programme:
    """The programme, if its fields fit together. Raises `ProgrammeInvalid`."""
    if not is_zone(programme.time_zone):
        raise ProgrammeInvalid("programme.time_zone", f"{programme.time_zone} is not an IANA time zone")
    try:
        last_day = programme.last_day(now)
    except (OverflowError, ValueError):
        last_day = date.max
    if last_day and last_day > _FARTHEST:
        raise ProgrammeInvalid("programme.expiry_count", "is too far away")
    if programme.expiry == Expiry.NEVER and programme.expiry_count:
        raise ProgrammeInvalid("programme.expiry_count", "counts nothing when nothing expires")
    if programme.version > 1 and programme.effective_time < now:
        raise ProgrammeInvalid("programme.effective_time", "is past")
    return programme
