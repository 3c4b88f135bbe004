"""The composition root that every service shares: settings, database, NATS, server, background work, orderly end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from chassis import lifecycle, migrate
from chassis.client import Client
from chassis.clock import Clock, SandboxClock, SystemClock
from chassis.consumer import Consumer
from chassis.db import Database
from chassis.errors import Conflict, DeadlineExceeded, QuotaExceeded, Unavailable
from chassis.nats import Nats
from chassis.outbox import Relay
from chassis.server import Server

log = structlog.get_logger()

RETRY_SECONDS_MAX = 2.0
NATS_SECONDS_MAX = 2.0
FLUSH_SECONDS_MAX = 2.0
FLUSH_POLL_SECONDS = 0.02
_OUTAGES = (OSError, Unavailable, DeadlineExceeded, QuotaExceeded, Conflict)


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """What every service is told. A service adds its own fields by inheritance."""

    listen: str
    database_url: str = field(repr=False)
    nats_url: str = field(default="nats://127.0.0.1:7106", repr=False)
    sandbox: bool = False
    sandbox_start: datetime | None = None
    log_level: str = "info"
    database_pool_max: int = 10
    concurrency_max: int = 1000
    require_caller: bool = False
    drain_s: float = 0.0
    grace_s: float = 25.0

    def __post_init__(self) -> None:
        if self.sandbox and self.sandbox_start is None:
            raise ValueError("BOWEN_SANDBOX_START is required when BOWEN_SANDBOX is true")
        if self.log_level.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("BOWEN_LOG_LEVEL must be debug, info, warning or error")

    def clock(self) -> Clock:
        """The clock that the settings ask for."""
        return SandboxClock(self.sandbox_start) if self.sandbox and self.sandbox_start else SystemClock()


S = TypeVar("S", bound=ProcessSettings)
T = TypeVar("T")


class Process(Generic[S]):
    """One running service. What is opened through `resources` is closed at the end, last opened first."""

    def __init__(self, name: str, settings: S, nats: Nats, *, server: Server, db: Database, clock: Clock) -> None:
        self.name, self.settings, self.nats, self.server, self.db, self.clock = name, settings, nats, server, db, clock
        self.resources = AsyncExitStack()
        self.readiness = lifecycle.Readiness(server.set_ready)
        self.relay = Relay(db, nats)
        self.consumers: list[Consumer] = []
        self._tasks: list[tuple[str, Callable[[], Awaitable[None]]]] = []

    @classmethod
    @asynccontextmanager
    async def start(
        cls, settings: S, *, name: str, migrations: Path, stop: asyncio.Event
    ) -> AsyncIterator["Process[S]"]:
        """A process that is alive, and connected to its database, but not ready: `serve` makes it so.

        Waits for as long as the database cannot be reached; NATS may come later. Raises `Unstartable` if
        the database is older than the code, and `Stopped` if `stop` is set meanwhile.
        """
        clock = settings.clock()
        server = Server(
            listen=settings.listen,
            service=name,
            clock=clock,
            concurrency_max=settings.concurrency_max,
            require_caller=settings.require_caller,
            drain_s=settings.drain_s,
        )
        async with AsyncExitStack() as stack:
            db = Database.open(
                settings.database_url, pool_max=settings.database_pool_max, application_name=f"bowen-{name}"
            )
            stack.push_async_callback(db.close)
            stack.push_async_callback(server.stop, 0)
            log.info("alive", port=await server.start(complete=False))
            nats = await _unless(stop, _connected(settings, name, db, migrations))
            stack.push_async_callback(nats.close)
            process = cls(name, settings, nats, server=server, db=db, clock=clock)
            await stack.enter_async_context(process.resources)
            yield process

    def consumer(self, name: str = "") -> Consumer:
        """A consumer of events, named as the service unless told otherwise. It runs while the process serves."""
        consumer = Consumer(self.nats, self.db, name=name or self.name, clock=self.clock)
        self.consumers.append(consumer)
        return consumer

    def client(self, target: str, *, timeout_s: float = 2.0) -> Client:
        """A client of another component, closed with the process."""
        client = Client.connect(target, name=self.name, timeout_s=timeout_s, clock=self.clock)
        self.resources.push_async_callback(client.close)
        return client

    def background(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work that goes on while the process serves. If it crashes, the process ends."""
        self._tasks.append((name, work))

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work` again and again, `seconds` apart. Outages are logged and outlived; anything else is a crash."""
        self.background(name, lambda: _again(seconds, name, work))

    async def serve(self, stop: asyncio.Event) -> None:
        """Be ready until `stop`, then end in order: no new calls, calls done, consumers done, facts published.

        Ready means that the database answers. Without NATS a service goes on: its facts wait in the outbox.
        """
        self.server.completed()
        self.readiness.add("database", self.db.ping)
        async with lifecycle.Tasks(stop) as tasks:
            tasks.start(self.relay.run, name="relay")
            for number, consumer in enumerate(self.consumers):
                tasks.start(consumer.run, name=f"consumer {number}")
            for name, work in self._tasks:
                tasks.start(work, name=f"work {name}")
            tasks.start(self.readiness.run, name="readiness")
            lifecycle.settle()
            log.info("serving", port=self.server.port)
            await stop.wait()
            await tasks.end("readiness")
            await self.server.stop(self.settings.grace_s)
            await tasks.end("consumer")
            await tasks.end("work")
            await self._flush()
        log.info("stopped")

    async def _flush(self) -> None:
        """Give the relay a moment for what was committed last. What it leaves is durable and waits for the next."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS_MAX):
                while self.nats.healthy and await self._has_facts():  # noqa: ASYNC110 (the database cannot tell)
                    await asyncio.sleep(FLUSH_POLL_SECONDS)
        except (*_OUTAGES, TimeoutError):
            log.info("facts are left in the outbox for the next process")

    async def _has_facts(self) -> bool:
        async with self.db.read() as tx:
            return bool((await tx.exec_driver_sql("SELECT EXISTS (SELECT FROM outbox)")).scalar())


async def _again(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await work()
        except _OUTAGES as error:
            log.warning("background work will try again", task=name, error=str(error))
        await asyncio.sleep(seconds)


async def _connected(settings: ProcessSettings, name: str, db: Database, migrations: Path) -> Nats:
    await _database_answers(db)
    try:
        await asyncio.to_thread(migrate.check, settings.database_url, migrations)
    except migrate.MigrationError as error:
        raise lifecycle.Unstartable(str(error)) from error
    nats = await Nats.connect(settings.nats_url, name=f"bowen-{name}", wait_seconds=NATS_SECONDS_MAX)
    await nats.ensure_stream(name)
    return nats


async def _database_answers(db: Database) -> None:
    delay_s = 0.1
    while True:
        try:
            return await db.ping()
        except _OUTAGES as error:
            log.warning("waiting for the database", error=str(error) or type(error).__name__)
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, RETRY_SECONDS_MAX)


async def _unless(stop: asyncio.Event, work: Awaitable[T]) -> T:
    """The outcome of `work`, unless `stop` is set first: then `Stopped`."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    raise lifecycle.Stopped
