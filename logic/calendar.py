"""Local days, weeks, months and years as half-open windows of instants: a day may have 23 or 25 hours."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

ZONE_DEFAULT = "Asia/Shanghai"

_MACHINE_ZONES = frozenset({"localtime", "Factory", "posixrules"})


class Period(StrEnum):
    """A stretch of local days."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


def is_zone(name: str) -> bool:
    """Whether a name is one of the IANA time zone database."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _MACHINE_ZONES


def midnight(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def day_of(moment: datetime, zone: str) -> date:
    """The local day of an instant."""
    return moment.astimezone(ZoneInfo(zone)).date()


def first_day(day: date, period: Period) -> date:
    """The day with which the period of a day begins: weeks begin on Monday."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)


def later(day: date, period: Period, count: int = 1) -> date:
    """The same day some periods later; the last of the month where there is no such day (29 February, 31 April)."""
    match period:
        case Period.DAY:
            return day + timedelta(days=count)
        case Period.WEEK:
            return day + timedelta(weeks=count)
        case Period.MONTH:
            return _months_later(day, count)
        case Period.YEAR:
            return _months_later(day, 12 * count)


def _months_later(day: date, count: int) -> date:
    years, month = divmod(day.month - 1 + count, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def periods_between(first: date, last: date, period: Period) -> int:
    """How many periods lie between those of two days; 0 within one."""
    start, end = first_day(first, period), first_day(last, period)
    match period:
        case Period.DAY:
            return (end - start).days
        case Period.WEEK:
            return (end - start).days // 7
        case Period.MONTH:
            return (end.year - start.year) * 12 + end.month - start.month
        case Period.YEAR:
            return end.year - start.year


def window_of(moment: datetime, period: Period, zone: str) -> tuple[datetime, datetime]:
    """The calendar's period that an instant lies in."""
    first = first_day(day_of(moment, zone), period)
    return midnight(first, zone), midnight(later(first, period), zone)
