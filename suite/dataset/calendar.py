"""The shops' calendar: business days of America/New_York within UTC instants.

The data has no time zone. Its `transaction_timestamp` is UTC: opening hours in it move by an hour when daylight saving
begins, the year runs from 2017-01-01 to 2018-01-01 05:00, and of the 2,102 dated coupon redemptions 2,099 fall on a day
on which the household shopped if the stamps are read as UTC and days as New York's (1,869 if days are UTC's).
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
FIRST = date(2017, 1, 1)
DAYS = 365


def day_of(number: int) -> date:
    """The date of the n-th day of the data, from 0."""
    return FIRST + timedelta(days=number)


def start_of(day: date) -> datetime:
    """The instant at which a business day begins, in UTC."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def noon_of(day: date) -> datetime:
    """Noon in the shops, in UTC."""
    return datetime.combine(day, time(12), ZONE).astimezone(UTC)


def from_seconds(seconds: int) -> datetime:
    """A Unix time as an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def date_of(seconds: int) -> date:
    """The day of a bare date, which the data keeps as midnight in Unix seconds."""
    return from_seconds(int(seconds)).date()


def seconds_of(number: int) -> int:
    """When the n-th day begins, in Unix seconds."""
    return int(start_of(day_of(number)).timestamp())
