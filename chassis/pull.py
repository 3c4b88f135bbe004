"""Pulling messages of one stream, keeping them while they are worked on, and working around failures."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import api

from chassis import telemetry
from chassis.errors import Conflict, DeadlineExceeded, QuotaExceeded, Unavailable
from chassis.nats import Errors, Nats

T = TypeVar("T")

log = structlog.get_logger(__name__)

MESSAGES_MAX = 64
BYTES_MAX = 2 * 1024 * 1024
"""Of messages worked off in one transaction, so that it stays short."""
IN_FLIGHT_MAX = 4 * MESSAGES_MAX
FETCH_SECONDS = 2.0
ACK_SECONDS = 12.0
OUTAGE_SECONDS_MAX = 2.0

OUTAGES = (Unavailable, DeadlineExceeded, Conflict, QuotaExceeded, TimeoutError, ConnectionError)
"""What passes by itself: no event is to blame for it."""

WorkOff = Callable[[str, Sequence[Msg]], Awaitable[dict[str, float]]]


async def bisect(items: Sequence[T], apply: Callable[[Sequence[T]], Awaitable[None]]) -> list[tuple[T, Exception]]:
    """Apply to all; where that fails to each half, down to single items. Returns the items that fail alone.

    An outage is waited out with growing pauses.
    """
    try:
        await through_outages(lambda: apply(items))
    except Exception as error:
        if len(items) == 1:
            return [(items[0], error)]
        middle = len(items) // 2
        return await bisect(items[:middle], apply) + await bisect(items[middle:], apply)
    return []


async def through_outages(work: Callable[[], Awaitable[None]]) -> None:
    """Do the work, again and again until no outage is in its way. Raises everything else."""
    failures = 0
    while True:
        try:
            return await work()
        except OUTAGES as error:
            failures += 1
            if failures == 3:  # once per outage; the first two may just be bad luck
                log.warning("waiting for an outage to end", error=repr(error))
            await asyncio.sleep(backoff(failures))


def backoff(failures: int) -> float:
    """Seconds to pause after so many failures in a row, with jitter."""
    return min(OUTAGE_SECONDS_MAX, 0.02 * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311


def _heed_cancellation() -> None:
    """Python 3.11's `wait_for`, which the client of NATS uses, loses a cancellation that meets its result."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Source:
    """A durable pull consumer on the stream of one service."""

    def __init__(self, nats: Nats, service: str, types: Sequence[str], *, durable: str) -> None:
        self._nats = nats
        self._service = service
        self._types = types
        self._durable = durable
        self._stream = nats.stream(service)

    async def run(self, work_off: WorkOff) -> None:
        """Pull until cancelled; the connection, the stream and the consumer may come and go."""
        failures = 0
        while True:
            _heed_cancellation()
            try:
                subscription = await self._subscribe()
                failures = 0
                await self._pull(subscription, work_off)
            except Errors as error:
                failures += 1
                if failures == 1:
                    log.warning("cannot pull", stream=self._stream, error=repr(error))
                await asyncio.sleep(backoff(failures))

    async def lag(self) -> int:
        """Messages that wait or are being worked on."""
        info = await self._nats.js.consumer_info(self._stream, self._durable)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def _subscribe(self) -> Any:
        if not self._nats.client.is_connected:
            raise nats.errors.ConnectionClosedError
        await self._nats.ensure_stream(self._service)
        config = api.ConsumerConfig(
            durable_name=self._durable,
            filter_subjects=[self._nats.subject(f"{name}.*") for name in self._types],
            deliver_policy=api.DeliverPolicy.ALL,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_ack_pending=IN_FLIGHT_MAX,
            max_deliver=-1,
        )
        await self._nats.js.add_consumer(self._stream, config)
        return await self._nats.js.pull_subscribe_bind(consumer=self._durable, stream=self._stream)

    async def _pull(self, subscription: Any, work_off: WorkOff) -> None:
        try:
            while True:
                _heed_cancellation()
                with suppress(nats.errors.TimeoutError):
                    messages = await subscription.fetch(MESSAGES_MAX, timeout=FETCH_SECONDS)
                    if messages:
                        await self._take(messages, work_off)
        finally:
            with suppress(*Errors):
                await subscription.unsubscribe()

    async def _take(self, messages: Sequence[Msg], work_off: WorkOff) -> None:
        telemetry.consumer_lag.record(messages[-1].metadata.num_pending, consumer=self._durable, stream=self._stream)
        unfinished = list(messages)
        try:
            async with _kept(unfinished):
                for portion in _portions(messages):
                    again = await work_off(self._service, portion)
                    for message in portion:
                        unfinished.remove(message)
                        await _answer(message, again.get(message.reply))
        except asyncio.CancelledError:
            for message in unfinished:
                await _answer(message, 0.0)  # another replica may have it at once
            raise


async def _answer(message: Msg, again_after: float | None) -> None:
    """Acknowledge, or have the message again. If that is lost, the message comes again and finds its effect done."""
    with suppress(*Errors):
        if again_after is None:
            await message.ack()
        else:
            await message.nak(delay=again_after)


@asynccontextmanager
async def _kept(messages: Sequence[Msg]) -> AsyncIterator[None]:
    """Keep the server from handing the messages to others while they are worked on."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(ACK_SECONDS / 3)
            for message in list(messages):
                with suppress(*Errors):
                    await message.in_progress()

    keeper = asyncio.create_task(keep(), name="keep-messages")
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


def _portions(messages: Sequence[Msg]) -> Iterator[list[Msg]]:
    portion: list[Msg] = []
    size = 0
    for message in messages:
        if portion and size + len(message.data) > BYTES_MAX:
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += len(message.data)
    if portion:
        yield portion
