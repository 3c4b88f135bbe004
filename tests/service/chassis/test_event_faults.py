"""Servers that crash while events are on their way: nothing is lost, nothing is doubled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from chassis import schema
from chassis.consumer import Consumer
from chassis.db import Database
from chassis.errors import Refusal
from chassis.nats import Nats
from chassis.outbox import Relay, append
from suite.embedded import NatsServer, Postgres, free_port
from tests.service.chassis.probe import Seen, consumer_of, outbox_count, running, sent, tell
from tests.waiting import eventually

PROBES = 400
CALLER_PAUSE_S = 0.02


@pytest.fixture
async def own_postgres(server_dir: Path) -> AsyncIterator[Postgres]:
    """A durable PostgreSQL that the test may kill."""
    async with Postgres(server_dir / f"postgres-{free_port()}", free_port()) as server:
        await server.create_databases("probe")
        connection = await asyncpg.connect(server.url("probe"))
        for statement in schema.V1:
            await connection.execute(statement)
        await connection.close()
        yield server


@pytest.fixture
async def own_nats(server_dir: Path) -> AsyncIterator[NatsServer]:
    """A durable NATS that the test may kill."""
    async with NatsServer(server_dir / f"nats-{free_port()}", free_port()) as server:
        yield server


@pytest.fixture
async def own_db(own_postgres: Postgres) -> AsyncIterator[Database]:
    database = Database.open(own_postgres.url("probe"))
    yield database
    await database.close()


async def tell_until_taken(db: Database, probe: str, told: list[str]) -> None:
    """As a caller with a request id does: repeat until it is acknowledged, and never twice."""
    fact = sent(probe)

    async def work(tx) -> None:
        inserted = await tx.exec_driver_sql("INSERT INTO told VALUES ($1) ON CONFLICT DO NOTHING", (probe,))
        if inserted.rowcount:
            await append(tx, [fact])

    while True:
        try:
            await db.transact(work)
        except Refusal:
            await asyncio.sleep(CALLER_PAUSE_S)
        else:
            told.append(probe)
            return


async def load(db: Database, told: list[str]) -> None:
    await db.transact(lambda tx: tx.exec_driver_sql("CREATE TABLE told (probe text PRIMARY KEY)"))
    probes: Iterator[str] = iter([f"p{number}" for number in range(PROBES)])

    async def caller() -> None:
        for probe in probes:
            await tell_until_taken(db, probe, told)

    await asyncio.gather(*(caller() for _ in range(4)))


async def all_arrived(seen: Seen, told: list[str]) -> bool:
    try:
        return len(await seen.rows()) >= len(told) == PROBES
    except Refusal:
        return False


async def nothing_on_its_way(db: Database, consumer: Consumer) -> bool:
    return await outbox_count(db) == 0 and await consumer.lag() == {"probe": 0}


async def test_postgres_killed_under_load_loses_and_doubles_nothing(
    own_postgres: Postgres, own_db: Database, nats: Nats
) -> None:
    seen, told = await Seen(own_db).create(), []
    async with running(Relay(own_db, nats), consumer := consumer_of(nats, own_db, seen)):
        loading = asyncio.create_task(load(own_db, told))
        for share in (PROBES // 4, PROBES // 2):
            await eventually(lambda share=share: len(told) > share, within=60)
            await own_postgres.kill()
            await own_postgres.start()
        await loading
        await eventually(lambda: all_arrived(seen, told), within=60)
        await eventually(lambda: nothing_on_its_way(seen.db, consumer), within=60)

    assert Counter(await seen.rows()) == Counter(told)


async def test_nats_killed_under_load_loses_and_doubles_nothing(
    own_nats: NatsServer, db: Database, database_url: str
) -> None:
    nats = await Nats.connect(own_nats.url(), name="test")
    seen, told = await Seen(db).create(), []
    async with running(Relay(db, nats), consumer := consumer_of(nats, db, seen)):
        loading = asyncio.create_task(load(db, told))
        for share in (PROBES // 4, PROBES // 2):
            await eventually(lambda share=share: len(told) > share, within=60)
            await own_nats.kill()
            await own_nats.start()
        await loading
        await eventually(lambda: all_arrived(seen, told), within=60)
        await eventually(lambda: nothing_on_its_way(seen.db, consumer), within=60)

    assert Counter(await seen.rows()) == Counter(told)
    await nats.close()


async def test_what_is_told_while_nats_is_away_arrives_once_it_is_back(own_nats: NatsServer, db: Database) -> None:
    await own_nats.stop()
    nats = await Nats.connect(own_nats.url(), name="test", wait_seconds=0.1)
    assert not nats.healthy
    await nats.ensure_stream("probe")
    seen = await Seen(db).create()

    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await tell(db, sent("a"))
        assert await outbox_count(db) == 1
        await own_nats.start()
        await eventually(lambda: nats.healthy, within=60)
        await eventually(lambda: seen.deliveries, within=60)

    assert await seen.rows() == ["a"]
    await nats.close()
