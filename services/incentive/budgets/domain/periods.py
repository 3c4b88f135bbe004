"""When a cap begins anew: local midnights, half-open, however long the day between them."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from logic import calendar


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
    return Bucket(*calendar.window_of(now, calendar.Period(period), time_zone))
