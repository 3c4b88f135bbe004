"""Facts on their way in: every event has its effect exactly once."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, Generic, NoReturn, TypeVar
from uuid import UUID

import structlog
from bowen.wire.v1 import envelope_pb2
from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg

from chassis import dead_letters, telemetry
from chassis.caller import Call, acting, service
from chassis.clock import Clock, SandboxClock
from chassis.db import Database, Tx, driver
from chassis.dead_letters import DeadLetter
from chassis.nats import Nats
from chassis.outbox import key_of, type_of
from chassis.pull import Source, bisect

M = TypeVar("M", bound=Message)
T = TypeVar("T")

log = structlog.get_logger(__name__)

ATTEMPTS_MAX = 5
RETRY_SECONDS = (0.2, 1.0, 5.0, 15.0)
UNREADABLE = "unreadable"

_CLAIM = """
INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[])
ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING RETURNING event_id
"""


@dataclass(frozen=True, slots=True)
class Delivery(Generic[M]):
    """One event. `now` is the time at which it takes effect: the machine's, or the event's own in a sandbox."""

    event_id: UUID
    event: M
    event_time: datetime
    now: datetime


Handler = Callable[[Tx, Sequence[Delivery[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Route:
    message_class: type[Message]
    handlers: Sequence[Handler]

    def steps(self, name: str) -> "list[tuple[str, Handler]]":
        """The handlers of a consumer, by whose name each takes events in: the last by the consumer's own."""
        names = [*(f"{name}/{number}" for number in range(1, len(self.handlers))), name]
        return list(zip(names, self.handlers, strict=True))


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it came, and the message it came in."""

    event_id: UUID
    event: envelope_pb2.Event
    event_time: datetime
    source: str
    message: Msg


class Consumer:
    """Brings the events of other services to handlers, with one durable pull consumer per source stream.

    Events of one type go to their handler in as few batches as possible; events about one key stay in order, also
    across types. Each batch is one transaction: the inbox, the handler's effects and its own outbox rows. Nobody holds
    rows for two handlers, so each may hold them in its own order. The message is acknowledged after the last commit.
    When a batch fails, what came with it is halved until the culprit stands alone; its neighbours take effect, it comes
    again later, and after `ATTEMPTS_MAX` failures it is a dead letter. Outages are waited out, however long.
    """

    def __init__(
        self,
        nats: Nats,
        db: Database,
        *,
        name: str,
        clock: Clock,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._nats = nats
        self._db = db
        self._name = name
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._routes: dict[str, _Route] = {}
        self._attempts: dict[UUID, int] = {}
        self._sources: dict[str, Source] = {}

    def on(self, message_class: type[M], *handlers: Callable[[Tx, Sequence[Delivery[M]]], Awaitable[None]]) -> None:
        """Have `handlers` called with batches of this event, which carries the `event` option. Before `run`.

        Each is called in a transaction of its own, in this order, and not again when a later one fails. The others
        than the last have to bear an event twice: one that an older version took in may come again.
        """
        self._routes[type_of(message_class.DESCRIPTOR)] = _Route(message_class, handlers)

    async def run(self) -> None:
        """Consume until cancelled."""
        for source, types in _by_source(self._routes):
            self._sources[source] = Source(self._nats, source, types, durable=self._name)
        async with asyncio.TaskGroup() as tasks:
            for source, pull in self._sources.items():
                tasks.create_task(pull.run(self._work_off), name=f"consume-{source}")

    async def lag(self) -> dict[str, int]:
        """Per source service, how many messages are yet to be acknowledged. Raises what NATS raises."""
        return {source: await pull.lag() for source, pull in self._sources.items()}

    async def replay(self, event_id: UUID) -> None:
        """Put a dead letter through its handler again. Raises what the handler raises; the letter then stays."""

        async def again(tx: Tx) -> None:
            letter = await dead_letters.dig_up(tx, self._name, event_id)
            event = envelope_pb2.Event(
                event_id=event_id.bytes, type=letter.type, payload=letter.payload, traceparent=letter.traceparent
            )
            event.time.FromDatetime(letter.event_time)
            for name, handler in self._steps(letter.type):
                if name == self._name or await _claim(tx, name, [event_id]):
                    await self._handle(tx, letter.type, handler, [(event_id, event)])

        await self._db.transact(again)

    async def _work_off(self, source: str, messages: Sequence[Msg]) -> dict[str, float]:
        """Give the messages' events their effect. Returns which must come again (by reply subject), and when."""
        arrivals = [arrival for message in messages for arrival in unpack(source, message)]
        with telemetry.span(f"consume {source}", "consumer", events=len(arrivals)):
            failures = await bisect(arrivals, self._apply)
        again: dict[str, float] = {}
        for arrival, error in failures:
            seconds = await self._failed(arrival, error)
            if seconds is not None:
                reply = arrival.message.reply
                again[reply] = max(seconds, again.get(reply, 0.0))
        return again

    async def _apply(self, arrivals: Sequence[Arrival]) -> None:
        """A transaction for every batch of one type, and for every handler of it."""
        for run in runs([(arrival.event.type, self._key(arrival), arrival) for arrival in arrivals]):
            for name, handler in self._steps(run[0].event.type):
                await self._db.transact(partial(self._take_in, run, name, handler))

    async def _take_in(self, run: Sequence[Arrival], name: str, handler: Handler | None, tx: Tx) -> None:
        """Have those events of one type take effect that have not had it yet. Of equal ids the first counts."""
        events = {arrival.event_id: arrival.event for arrival in reversed(run)}
        claimed = await _claim(tx, name, sorted(events))
        fresh = {arrival.event_id: None for arrival in run if arrival.event_id in claimed}
        if fresh:
            await self._handle(tx, run[0].event.type, handler, [(each, events[each]) for each in fresh])

    def _steps(self, type_name: str) -> list[tuple[str, Handler | None]]:
        route = self._routes.get(type_name)
        return [*route.steps(self._name)] if route else [(self._name, None)]

    def _key(self, arrival: Arrival) -> str:
        """Whom the event is about."""
        route = self._routes.get(arrival.event.type)
        if route is None:
            return str(arrival.event_id)
        return key_of(route.message_class.FromString(arrival.event.payload))

    async def _handle(
        self, tx: Tx, type_name: str, handler: Handler | None, events: Sequence[tuple[UUID, envelope_pb2.Event]]
    ) -> None:
        if type_name == UNREADABLE:
            _refuse_unreadable()
        if handler is None:  # an older version of this service listened to it
            return
        route = self._routes[type_name]
        deliveries = [self._delivery(route, event_id, event) for event_id, event in events]
        call = Call(service(self._name), method=type_name)
        with acting(call), telemetry.extract(events[0][1].traceparent), self._moment(deliveries):
            with telemetry.span(f"handle {type_name}", events=len(deliveries)):
                await handler(tx, deliveries)

    def _delivery(self, route: _Route, event_id: UUID, event: envelope_pb2.Event) -> Delivery[Any]:
        event_time = event.time.ToDatetime(UTC)
        payload = route.message_class.FromString(event.payload)
        return Delivery(event_id, payload, event_time, self._clock.at(event_time))

    @contextmanager
    def _moment(self, deliveries: Sequence[Delivery[Any]]) -> Iterator[None]:
        if not isinstance(self._clock, SandboxClock):
            yield
            return
        with self._clock.use(max(delivery.event_time for delivery in deliveries)):
            yield

    async def _failed(self, arrival: Arrival, error: Exception) -> float | None:
        """After how many seconds the event shall come again; None once it is a dead letter."""
        attempts = self._attempts.get(arrival.event_id, 0) + 1
        if attempts < ATTEMPTS_MAX:
            self._attempts[arrival.event_id] = attempts
            log.warning("event failed", type=arrival.event.type, event_id=str(arrival.event_id), attempts=attempts)
            return self._retry_seconds[min(attempts, len(self._retry_seconds)) - 1]
        await bisect([arrival], lambda _: self._bury(arrival, error, attempts))
        self._attempts.pop(arrival.event_id, None)
        return None

    async def _bury(self, arrival: Arrival, error: Exception, attempts: int) -> None:
        event = arrival.event
        letter = DeadLetter(
            self._name, arrival.event_id, arrival.source, event.type, event.payload, arrival.event_time,
            event.traceparent, f"{type(error).__name__}: {error}", attempts,
        )  # fmt: skip

        async def work(tx: Tx) -> None:
            if await _claim(tx, self._name, [arrival.event_id]):
                await dead_letters.bury(tx, letter)

        await self._db.transact(work)
        log.error("event is a dead letter", type=event.type, event_id=str(arrival.event_id), exc_info=error)


async def _claim(tx: Tx, name: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Those events that had no effect yet on who takes them in by this name; from now on they had."""
    return {row["event_id"] for row in await (await driver(tx)).fetch(_CLAIM, name, event_ids)}


def runs(events: Sequence[tuple[str, str, T]]) -> list[list[T]]:
    """Batches of one type from `(type, key, item)`: an item joins the last batch of its type, ahead of other types' in
    between, unless one of those is about the same key.
    """
    batches: list[list[T]] = []
    last_of_type: dict[str, int] = {}
    last_about: dict[str, int] = {}
    for type_name, key, item in events:
        at = last_of_type.get(type_name)
        if at is None or last_about.get(key, -1) > at:
            at = last_of_type[type_name] = len(batches)
            batches.append([])
        batches[at].append(item)
        last_about[key] = at
    return batches


def _by_source(types: Sequence[str] | dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Event types by the service that publishes them: `bowen.profile.v1.event.recorded` is profile's."""

    def source(type_name: str) -> str:
        return type_name.split(".")[1]

    for name, group in groupby(sorted(types, key=source), key=source):
        yield name, sorted(group)


def unpack(source: str, message: Msg) -> list[Arrival]:
    """The events in a message. One that cannot be read is itself an event, which will be a dead letter."""
    try:
        return [
            Arrival(UUID(bytes=event.event_id), event, event.time.ToDatetime(UTC), source, message)
            for event in envelope_pb2.EventBatch.FromString(message.data).events
        ]
    except (DecodeError, ValueError):
        digest = hashlib.sha256(f"{source}:{message.metadata.sequence.stream}".encode()).digest()
        event = envelope_pb2.Event(event_id=digest[:16], type=UNREADABLE, payload=message.data)
        return [Arrival(UUID(bytes=digest[:16]), event, event.time.ToDatetime(UTC), source, message)]


def _refuse_unreadable() -> NoReturn:
    raise DecodeError("the message is no bowen.wire.v1.EventBatch")
