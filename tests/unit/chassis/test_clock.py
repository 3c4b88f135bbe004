"""Clocks."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import FixedClock, SandboxClock, SystemClock

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)
TIMES = st.integers(-10_000_000, 10_000_000).map(lambda seconds: START + timedelta(seconds=seconds))


def test_the_system_clock_is_aware_and_ignores_how_old_an_event_is() -> None:
    clock = SystemClock()

    before = clock.now()

    assert before.tzinfo is UTC
    assert clock.at(START) >= before


def test_a_sandbox_begins_at_its_start() -> None:
    assert SandboxClock(START).now() == START


def test_a_sandbox_is_at_the_time_it_was_told_and_then_at_the_latest() -> None:
    clock = SandboxClock(START)

    with clock.use(LATER):
        with clock.use(START):
            assert clock.now() == START
        assert clock.now() == LATER

    assert clock.now() == LATER


@given(times=st.lists(TIMES, max_size=20))
def test_outside_of_calls_a_sandbox_never_goes_back(times: list[datetime]) -> None:
    clock = SandboxClock(START)
    for moment in times:
        before = clock.now()
        assert clock.at(moment) == moment
        assert clock.now() >= before

    assert clock.now() == max([START, *times])


async def test_the_times_of_concurrent_calls_do_not_mix() -> None:
    clock, both = SandboxClock(START), asyncio.Barrier(2)

    async def call(moment: datetime) -> datetime:
        with clock.use(moment):
            await both.wait()
            return clock.now()

    assert await asyncio.gather(call(LATER), call(START)) == [LATER, START]


def test_times_of_other_zones_become_utc() -> None:
    shanghai = timezone(timedelta(hours=8))

    with (clock := SandboxClock(START)).use(LATER.astimezone(shanghai)):
        assert clock.now().tzinfo is UTC


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(START)

    assert clock.at(LATER) == clock.now() == START
    assert clock.advance(60) == clock.now() == START + timedelta(minutes=1)
