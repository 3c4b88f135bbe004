"""Event messages and a service's worth of plumbing for the tests of the chassis."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bowen.options.v1 import edge_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from sqlalchemy import text

from chassis.clock import Clock, SystemClock
from chassis.consumer import Consumer, Delivery
from chassis.db import Database, ReadTx, Tx
from chassis.nats import Nats
from chassis.outbox import Fact, Relay, append

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)


def _message_class(name: str, subject: str) -> Any:
    pool = descriptor_pool.Default()
    file = descriptor_pb2.FileDescriptorProto(
        name=f"bowen/probe/v1/{name.lower()}.proto", package="bowen.probe.v1", syntax="proto3"
    )
    file.dependency.append("bowen/options/v1/edge.proto")
    message = file.message_type.add(name=name)
    for number, field in enumerate(("probe_id", "note"), start=1):
        message.field.add(name=field, number=number, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1)
    message.options.Extensions[edge_pb2.event].CopyFrom(edge_pb2.Event(subject=subject, key="probe_id"))
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"bowen.probe.v1.{name}"))


ProbeSent = _message_class("ProbeSent", "probe.sent")
ProbeLost = _message_class("ProbeLost", "probe.lost")


def sent(probe_id: str, note: str = "") -> Fact:
    return Fact(ProbeSent(probe_id=probe_id, note=note), NOON)


def lost(probe_id: str) -> Fact:
    return Fact(ProbeLost(probe_id=probe_id), NOON)


class Seen:
    """A handler whose effect is a row per event: a doubled effect shows as a second row."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.batches: list[list[str]] = []
        self.deliveries: list[Delivery[Any]] = []
        self.failing: dict[str, Exception] = {}

    async def create(self) -> "Seen":
        async def work(tx: Tx) -> None:
            await tx.execute(text("CREATE TABLE IF NOT EXISTS seen (n int GENERATED ALWAYS AS IDENTITY, probe text)"))

        await self.db.transact(work)
        return self

    async def __call__(self, tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
        self.batches.append([delivery.event.probe_id for delivery in batch])
        for delivery in batch:
            await tx.execute(text("INSERT INTO seen (probe) VALUES (:probe)"), {"probe": delivery.event.probe_id})
            if delivery.event.probe_id in self.failing:
                raise self.failing[delivery.event.probe_id]
        self.deliveries.extend(batch)

    async def rows(self) -> list[str]:
        async with self.db.read() as tx:
            return list((await tx.execute(text("SELECT probe FROM seen ORDER BY n"))).scalars())


async def outbox_count(db: Database) -> int:
    async with db.read() as tx:
        return await count(tx, "outbox")


async def count(tx: ReadTx, table: str) -> int:
    return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def tell(db: Database, *facts: Fact) -> None:
    await db.transact(lambda tx: append(tx, facts))


def consumer_of(nats: Nats, db: Database, handler: Any, clock: Clock | None = None) -> Consumer:
    consumer = Consumer(nats, db, name="watcher", clock=clock or SystemClock(), retry_seconds=(0.01,))
    consumer.on(ProbeSent, handler)
    consumer.on(ProbeLost, handler)
    return consumer


@asynccontextmanager
async def running(*parts: Relay | Consumer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
