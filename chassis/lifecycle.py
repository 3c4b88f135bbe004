"""The life of a process: signals, background tasks that fail loudly, and readiness that tells the truth."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

CHECK_SECONDS_MAX = 1.0
GARBAGE_MIN = 50_000
"""How many more objects must have been made than were freed before the garbage collector looks for what is left."""

_HARD_EXIT = 130


class Stopped(Exception):
    """The process was told to stop while it was still starting."""


class Unstartable(Exception):
    """The process cannot do its work here. The message says all that there is to say."""


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run `main` until it ends; SIGTERM and SIGINT set its event, a second one ends the process at once.

    Returns the exit code: 0, or 1 when `main` raised.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_with_signals(main))
        except Stopped:
            return 0
        except Unstartable as error:
            log.error("cannot start", error=str(error))
            return 1
        except Exception:
            log.exception("the process failed")
            return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(_HARD_EXIT)
        log.info("stopping", signal=number.name)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    await main(stop)


def settle() -> None:
    """Take all that the start has made out of the garbage collector's sight: it stays anyway.

    From then on it looks less often: a batch of thousands of events makes more objects than the interpreter expects,
    and it would look through all of them again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_MIN, *gc.get_threshold()[1:])


class Tasks:
    """Background work, by name. One that crashes sets `stop`, and its error is raised when the block ends."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: list[Exception] = []

    def start(self, work: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Begin `work`. Names are unique among what runs."""
        if name in self._tasks:
            raise ValueError(f"a task {name} runs already")
        self._tasks[name] = task = asyncio.create_task(self._watched(work, name), name=name)
        task.add_done_callback(lambda _: self._tasks.pop(name))

    async def _watched(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        try:
            await work()
        except Exception as error:
            log.exception("background task crashed", task=name)
            self._failures.append(error)
            self._stop.set()

    async def end(self, prefix: str = "") -> None:
        """Cancel what runs under names that begin with `prefix`, and wait until it has ended."""
        tasks = [task for name, task in self._tasks.items() if name.startswith(prefix)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> "Tasks":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        await self.end()
        if self._failures and error is None:
            raise self._failures[0]


class Readiness:
    """Asks named checks again and again and publishes whether all are well. A check that raises is not."""

    def __init__(self, publish: Callable[[bool], Awaitable[None]], *, every_s: float = 1.0) -> None:
        self.faults: dict[str, str] = {"start": "starting"}
        self._publish = publish
        self._every_s = every_s
        self._checks: dict[str, Callable[[], Awaitable[None]]] = {}

    def add(self, name: str, check: Callable[[], Awaitable[None]]) -> None:
        """Ask this as well."""
        self._checks[name] = check

    async def refresh(self) -> bool:
        """Ask everything once, at the same time, and publish the answer."""
        names = list(self._checks)
        found = await asyncio.gather(*(self._fault(name) for name in names))
        faults = {name: fault for name, fault in zip(names, found, strict=True) if fault}
        if faults.keys() != self.faults.keys():
            log.info("readiness changed", ready=not faults, faults=faults)
        self.faults = faults
        await self._publish(not faults)
        return not faults

    async def _fault(self, name: str) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                await self._checks[name]()
        except Exception as error:
            return str(error) or type(error).__name__
        return ""

    async def run(self) -> None:
        """Keep asking until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._every_s)
