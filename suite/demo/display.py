"""What is seen while the days go by: a live table on a terminal, a line now and then elsewhere."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from suite.demo.sharing import Sharing
from suite.demo.stillness import Stillness
from suite.demo.trade import Trade

REFRESH_SECONDS = 0.5
LINE_EVERY_DAYS = 5


class Display:
    """Counts of the run so far, and of what waits where."""

    def __init__(self, console: Console, days: int, done: int, stillness: Stillness) -> None:
        self._console, self._days, self._first, self._stillness = console, days, done, stillness
        self._started = time.monotonic()
        self._date: date | None = None
        self._counts: Callable[[], tuple[int, int, int, int]] = lambda: (0, 0, 0, 0)
        self.done = done

    def follow(self, trade: Trade, sharing: Sharing) -> None:
        """Show these counts."""
        self._counts = lambda: (trade.orders, trade.lines, sharing.clicks, sharing.events)

    @property
    def seconds(self) -> float:
        """Since the first day of this run began."""
        return time.monotonic() - self._started

    def throughput(self) -> str:
        """What was brought in, and how fast."""
        orders, lines, clicks, events = self._counts()
        per_second = 1 / max(self.seconds, 1e-9)
        return (
            f"{orders:,} orders ({orders * per_second:,.0f}/s, {lines * per_second:,.0f} lines/s), "
            f"{clicks:,} clicks ({clicks * per_second:,.0f}/s), {events:,} events ({events * per_second:,.0f}/s)"
        )

    def day(self, number: int, day: date) -> None:
        """A day begins."""
        self.done, self._date = number, day
        if not self._console.is_terminal and number % LINE_EVERY_DAYS == 0 and number > self._first:
            self._console.print(f"day {number} of {self._days}: {self.throughput()}", highlight=False, soft_wrap=True)

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Show it until the block ends."""
        if not self._console.is_terminal:
            yield
            return
        with Live(self._render(), console=self._console, auto_refresh=False, transient=True) as live:
            task = asyncio.create_task(self._refresh(live))
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _refresh(self, live: Live) -> None:
        while True:
            await self._stillness.peek()
            live.update(self._render(), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)

    def _render(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        rate = (self.done - self._first) / max(self.seconds, 1e-9)
        grid.add_row(
            "day", ProgressBar(self._days, self.done, width=40), f"{self.done}/{self._days}  {self._date or ''}"
        )
        grid.add_row("rate", f"{rate:.2f} days/s", self.throughput())
        for name, waiting in sorted(self._stillness.lag.items()):
            grid.add_row("lag", name, f"{waiting:,}")
        return grid
