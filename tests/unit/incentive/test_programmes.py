"""Last days, and the instants at which they are over."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.incentive.ledger.domain.programmes import Expiry, Policy, Programme

NOON = datetime(2026, 1, 31, 4, tzinfo=UTC)


def a_programme(**fields: Any) -> Programme:
    defaults: dict[str, Any] = dict.fromkeys(
        ("debt_max", "balance_max", "daily_earn_max", "yearly_earn_max", "fair_value", "maturity_seconds"), 0
    )
    defaults |= {"asset": "points", "name": "Points", "time_zone": "Asia/Shanghai", "expiry": Expiry.NEVER}
    defaults |= {"expiry_count": 0, "clawback": Policy.UNLIMITED, "grace_days": 7, "grace_on_void": False}
    defaults |= {"version": 1, "effective_time": NOON, "create_time": NOON}
    return Programme(**defaults | fields)


@pytest.mark.parametrize(
    ("expiry", "counted", "last_day"),
    [
        (Expiry.NEVER, 0, None),
        (Expiry.DAYS, 0, date(2026, 1, 31)),
        (Expiry.DAYS, 365, date(2027, 1, 31)),
        (Expiry.MONTH_END, 0, date(2026, 1, 31)),
        (Expiry.MONTH_END, 1, date(2026, 2, 28)),
        (Expiry.MONTH_END, 11, date(2026, 12, 31)),
        (Expiry.MONTH_END, 25, date(2028, 2, 29)),
        (Expiry.YEAR_END, 0, date(2026, 12, 31)),
        (Expiry.YEAR_END, 1, date(2027, 12, 31)),
    ],
)
def test_the_last_day_is_counted_from_the_local_day_of_earning(
    expiry: Expiry, counted: int, last_day: date | None
) -> None:
    assert a_programme(expiry=expiry, expiry_count=counted).last_day(NOON) == last_day


def test_what_is_earned_at_local_midnight_is_of_the_new_day() -> None:
    programme, midnight = a_programme(expiry=Expiry.DAYS), datetime(2026, 3, 31, 16, tzinfo=UTC)

    assert programme.last_day(midnight - timedelta(microseconds=1)) == date(2026, 3, 31)
    assert programme.last_day(midnight) == date(2026, 4, 1)


ZONES = st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"])


@given(ZONES, st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_day_is_over_when_the_next_begins_however_long_it_was(zone: str, day: date) -> None:
    programme = a_programme(time_zone=zone)

    end = programme.end_of(day)

    assert end == programme.start_of(day + timedelta(days=1))
    assert end.astimezone(ZoneInfo(zone)).strftime("%H:%M") == "00:00"
    assert programme.day_of(end - timedelta(microseconds=1)) == day
    assert timedelta(hours=23) <= end - programme.start_of(day) <= timedelta(hours=25)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 150))
def test_the_room_is_what_the_tightest_bound_leaves_and_never_negative(
    balance_max: int, daily: int, yearly: int, reached: int
) -> None:
    programme = a_programme(balance_max=balance_max, daily_earn_max=daily, yearly_earn_max=yearly)
    bounds = [bound for bound in (balance_max, daily, yearly) if bound]
    if bounds:
        assert programme.room(reached, reached, reached) == max(0, min(bounds) - reached)
