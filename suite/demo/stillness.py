"""Has everything that was done had all its effects? Looked at from inside: outboxes, JetStream, recorded visits."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import asyncpg
from nats.aio.client import Client
from nats.js import JetStreamContext

from suite.faults import Fault
from suite.machine import SERVICES, Machine

WAIT_SECONDS_MAX = 180.0
POLL_SECONDS_MIN = 0.02
POLL_SECONDS_MAX = 0.2

_VISITS = "SELECT count(*) FROM touch WHERE touch_id = ANY($1::uuid[])"


class Stillness:
    """Watches the machine's queues. Reads only."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._nats = Client()
        self._databases: dict[str, asyncpg.Connection] = {}
        self._watching = asyncio.Lock()
        self.lag: dict[str, int] = {}
        self.waited_seconds = 0.0

    async def __aenter__(self) -> Self:
        await self._nats.connect(self._machine.nats_url, name="bowen demo")
        for service in SERVICES:
            self._databases[service] = await asyncpg.connect(self._machine.databases[service])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._databases.values():
            await connection.close()
        await self._nats.close()

    async def visits(self, touch_ids: Sequence[str]) -> None:
        """Wait until visits are recorded: redirects do not wait for that."""
        wanted = set(touch_ids)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while wanted and await self._recorded(wanted) < len(wanted):
            if time.monotonic() > deadline:
                raise Fault(f"of {len(wanted)} visits not all were recorded within {WAIT_SECONDS_MAX:g} s")
            await asyncio.sleep(POLL_SECONDS_MIN)

    async def _recorded(self, touch_ids: set[str]) -> int:
        async with self._watching:
            return int(await self._databases["distribution"].fetchval(_VISITS, list(touch_ids)))

    async def peek(self) -> None:
        """Renew `lag`."""
        await self._look()

    async def settle(self) -> None:
        """Wait until nothing waits anywhere: two looks in a row find all queues empty and nothing new published."""
        started, pause = time.monotonic(), POLL_SECONDS_MIN
        before = None
        while True:
            seen = await self._look()
            if seen is not None and seen == before:
                break
            before = seen
            if time.monotonic() - started > WAIT_SECONDS_MAX:
                raise Fault(
                    f"what was done had not had all its effects within {WAIT_SECONDS_MAX:g} s; waiting: {self.lag}"
                )
            if seen is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, POLL_SECONDS_MAX)
        self.waited_seconds += time.monotonic() - started

    async def _look(self) -> tuple[int, ...] | None:
        """How much was published into each stream, if nothing of it waits; None if something does."""
        async with self._watching:
            lag, published = await self._lag()
            for service, connection in self._databases.items():
                lag[f"{service} outbox"] = await connection.fetchval("SELECT count(*) FROM outbox")
        self.lag = lag
        return None if any(lag.values()) else published

    async def _lag(self) -> tuple[dict[str, int], tuple[int, ...]]:
        js: JetStreamContext = self._nats.jetstream()
        lag: dict[str, int] = {}
        published: list[int] = []
        for stream in await js.streams_info():
            name = str(stream.config.name)
            published.append(stream.state.last_seq)
            for consumer in await js.consumers_info(name):
                waiting = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
                lag[f"{consumer.name} ← {name.removeprefix('BOWEN_').lower()}"] = waiting
        return lag, tuple(published)

    async def dead_letters(self) -> int:
        """How many events no consumer could make anything of."""
        counts = [await each.fetchval("SELECT count(*) FROM dead_letter") for each in self._databases.values()]
        return sum(counts)
