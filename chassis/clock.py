"""What time it is: the system's, a sandbox's, or a test's."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always aware and in UTC."""

    def now(self) -> datetime:
        """The time of what is being done now."""
        ...

    def at(self, event_time: datetime) -> datetime:
        """The time at which an event that happened at `event_time` takes effect here."""
        ...


class SystemClock:
    """The machine's time. Events take effect when they arrive."""

    def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)

    def at(self, event_time: datetime) -> datetime:
        """The machine's time, however old the event is."""
        return self.now()


_SANDBOX_NOW: ContextVar[datetime | None] = ContextVar("bowen_sandbox_now", default=None)


def sandbox_now() -> datetime | None:
    """The time that this call or delivery brought along; None outside of a sandbox."""
    return _SANDBOX_NOW.get()


class SandboxClock:
    """The time that calls and events bring along, so that a year can be replayed in minutes.

    Inside `use(t)` it is `t`; outside, the latest time seen so far, which starts with `start`.
    """

    def __init__(self, start: datetime) -> None:
        self._watermark = start.astimezone(UTC)

    def now(self) -> datetime:
        """The time set for this call or delivery, else the latest time seen."""
        return _SANDBOX_NOW.get() or self._watermark

    def at(self, event_time: datetime) -> datetime:
        """The event's own time; the latest time seen moves with it."""
        moment = event_time.astimezone(UTC)
        self._watermark = max(self._watermark, moment)
        return moment

    @contextmanager
    def use(self, moment: datetime) -> Iterator[None]:
        """Do what follows at `moment`."""
        token = _SANDBOX_NOW.set(self.at(moment))
        try:
            yield
        finally:
            _SANDBOX_NOW.reset(token)


class FixedClock:
    """Stands still until it is told to advance: for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """The time it was set to."""
        return self._now

    def at(self, event_time: datetime) -> datetime:
        """The time it was set to, however old the event is."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move on and tell the new time."""
        self._now += timedelta(seconds=seconds)
        return self._now
