"""Facts on their way out: appended in the transaction that makes them true, published after its commit."""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from bowen.options.v1 import edge_pb2
from bowen.wire.v1 import envelope_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from chassis import telemetry, upkeep
from chassis.db import Database, Tx, driver, mark
from chassis.errors import InvalidArgument, Refusal, Unavailable
from chassis.ids import new_id
from chassis.nats import Errors, Nats
from chassis.stamps import stamp

log = structlog.get_logger(__name__)

SHARDS = 8
EVENTS_PER_MESSAGE_MAX = 500
MESSAGE_BYTES_MAX = 256 * 1024
EVENT_BYTES_MAX = 768 * 1024
ROWS_PER_PASS_MAX = 200
POLL_SECONDS = 1.0
BUSY_SECONDS = 0.02
ACK_SECONDS_MAX = 5.0
OUTAGE_SECONDS_MAX = 2.0

_MARK = "outbox"
_LOCK = 0x6F7574626F78  # "outbox"
_APPEND = """
INSERT INTO outbox (message_id, subject, event_count, payload)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bytea[])
"""
_NEXT = """
SELECT outbox_id, message_id, subject, event_count, payload,
       extract(epoch FROM clock_timestamp() - create_time)::float8 AS age_seconds
FROM outbox ORDER BY outbox_id LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that has happened. Its message carries the `event` option."""

    message: Message
    time: datetime
    event_id: UUID = field(default_factory=new_id)


def shard_of(key: str) -> int:
    """The shard in which facts about `key` stay in order."""
    return zlib.crc32(key.encode()) % SHARDS


@cache
def type_of(descriptor: Descriptor) -> str:
    """The CloudEvents type of an event message: `bowen.profile.v1.event.recorded`."""
    return f"{descriptor.file.package}.{_option(descriptor).subject}"


def key_of(message: Message) -> str:
    """Whom an event message is about: facts about one key stay in order."""
    return str(getattr(message, _option(message.DESCRIPTOR).key))


@cache
def _option(descriptor: Descriptor) -> edge_pb2.Event:
    if not descriptor.GetOptions().HasExtension(edge_pb2.event):
        raise TypeError(f"{descriptor.full_name} has no (bowen.options.v1.event) option: it is no event")
    return descriptor.GetOptions().Extensions[edge_pb2.event]


async def append(tx: Tx, events: Sequence[Fact]) -> None:
    """Have `events` published if this transaction commits, in order per shard and type.

    Facts about one key stay in order when their writers hold that key's row: lock before you append.
    """
    if not events:
        return
    traceparent = telemetry.inject()
    rows = [row for (subject, facts) in _grouped(events).items() for row in _rows(subject, facts, traceparent)]
    await (await driver(tx)).execute(_APPEND, *map(list, zip(*rows, strict=True)))
    mark(tx, _MARK)


def _grouped(events: Sequence[Fact]) -> dict[str, list[Fact]]:
    groups: dict[str, list[Fact]] = {}
    for fact in events:
        subject = f"{type_of(fact.message.DESCRIPTOR)}.{shard_of(key_of(fact.message))}"
        groups.setdefault(subject, []).append(fact)
    return groups


Row = tuple[UUID, str, int, bytes]


def _rows(subject: str, facts: list[Fact], traceparent: str) -> list[Row]:
    """One row for the facts of one subject; more if they would not fit into a message."""
    rows: list[Row] = []
    batch, size = envelope_pb2.EventBatch(), 0
    type_name, time, time_stamp = type_of(facts[0].message.DESCRIPTOR), facts[0].time, stamp(facts[0].time)
    for fact in facts:
        payload = fact.message.SerializeToString()
        if len(payload) > EVENT_BYTES_MAX:
            raise InvalidArgument("event", f"must not be larger than {EVENT_BYTES_MAX} bytes")
        if batch.events and (size + len(payload) > MESSAGE_BYTES_MAX or len(batch.events) == EVENTS_PER_MESSAGE_MAX):
            rows.append(_row(subject, batch))
            batch, size = envelope_pb2.EventBatch(), 0
        if fact.time is not time:
            time, time_stamp = fact.time, stamp(fact.time)
        batch.events.add(
            event_id=fact.event_id.bytes, type=type_name, time=time_stamp, payload=payload, traceparent=traceparent
        )
        size += len(payload) + 150
    return [*rows, _row(subject, batch)]


def _row(subject: str, batch: envelope_pb2.EventBatch) -> Row:
    return new_id(), subject, len(batch.events), batch.SerializeToString()


class Relay:
    """Publishes the outbox to JetStream in order. Of several replicas one is at work at a time."""

    def __init__(self, db: Database, nats: Nats) -> None:
        self._db = db
        self._nats = nats
        self._wake = asyncio.Event()
        self._failures = 0
        db.on_commit(self._wake.set, of=_MARK)

    async def run(self) -> None:
        """Publish until cancelled, and remove expired notes now and then. Outages delay, nothing is lost."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_for_ever(), name="relay")
            tasks.create_task(upkeep.run(self._db), name="upkeep")

    async def _publish_for_ever(self) -> None:
        while True:
            self._wake.clear()
            pause = await self._guarded_pass()
            if pause:
                await self._woken(pause)

    async def _woken(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        if self._failures:  # a commit does not end an outage
            await asyncio.sleep(seconds)

    async def _guarded_pass(self) -> float:
        """One pass; returns how long to rest after it."""
        try:
            await self._check_nats()
            count = await self._db.transact(self._pass)
        except (*Errors, Refusal) as error:
            return self._failed(error)
        if self._failures:
            log.info("publishing again", tries=self._failures)
        self._failures = 0
        if count is None:
            return BUSY_SECONDS
        return 0.0 if count else POLL_SECONDS

    async def _check_nats(self) -> None:
        if not self._nats.healthy:
            await self._nats.ensure_streams()
            if not self._nats.healthy:
                raise Unavailable("nats is not available")

    def _failed(self, error: Exception) -> float:
        if not self._failures:
            log.warning("facts wait in the outbox", error=repr(error))
        self._failures += 1
        return min(OUTAGE_SECONDS_MAX, 0.05 * 2.0 ** min(self._failures, 10))

    async def _pass(self, tx: Tx) -> int | None:
        """Publish the oldest rows and delete them. None when another replica is at it."""
        connection = await driver(tx)
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return None
        rows = await connection.fetch(_NEXT, ROWS_PER_PASS_MAX)
        if not rows:
            return 0
        telemetry.outbox_age_seconds.record(rows[0]["age_seconds"])
        await self._publish(rows)
        await connection.execute("DELETE FROM outbox WHERE outbox_id = ANY($1)", [row["outbox_id"] for row in rows])
        telemetry.outbox_published.record(sum(row["event_count"] for row in rows))
        return len(rows)

    async def _publish(self, rows: Sequence[Any]) -> None:
        """Send all, then wait until JetStream has stored all. What is sent twice is dropped there by message id."""
        acks: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(ACK_SECONDS_MAX):
                for row in rows:
                    subject, message_id = self._nats.subject(row["subject"]), str(row["message_id"])
                    headers = {"Nats-Msg-Id": message_id}
                    acks.append(await self._nats.js.publish_async(subject, row["payload"], headers=headers))
                await asyncio.gather(*acks)
        finally:
            for ack in acks:
                ack.cancel()
