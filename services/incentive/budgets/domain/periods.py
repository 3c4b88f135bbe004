"""When a cap begins anew: local midnights, half-open, however long the day between them."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

TIME_ZONE_DEFAULT = "Asia/Shanghai"

_MACHINE_ZONES = frozenset({"localtime", "Factory", "posixrules"})


class Period(StrEnum):
    """How long a cap lasts."""

    NONE = "none"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Bucket(NamedTuple):
    """The time that one cap is for: `[start, end)`."""

    start: datetime
    end: datetime


def bucket_of(period: Period, time_zone: str, now: datetime) -> Bucket | None:
    """The bucket that an instant is in; None without a period."""
    if period == Period.NONE:
        return None
    zone = ZoneInfo(time_zone)
    first, after = _days(period, now.astimezone(zone).date())
    return Bucket(_midnight(first, zone), _midnight(after, zone))


def _days(period: Period, day: date) -> tuple[date, date]:
    if period == Period.DAY:
        return day, day + timedelta(days=1)
    if period == Period.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def is_zone(time_zone: str) -> bool:
    """Whether this is an IANA time zone."""
    return time_zone in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _MACHINE_ZONES
