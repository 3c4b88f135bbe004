"""Real servers for the tests: one PostgreSQL and one NATS per pytest process, one database per test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from chassis import migrate, schema
from chassis.clock import FixedClock
from chassis.db import Database
from chassis.ids import new_id
from chassis.nats import Errors, Nats
from suite.embedded import NatsServer, Postgres, free_port
from tests.databases import patient
from tests.waiting import run

ROOT = Path(__file__).parent.parent

# `bowen` tries the same examples every time: a change is refused for what it changes. `make search` finds new ones.
# How long an example takes to be made up says nothing of the code, and much of what else the machine does.
_MADE_UP = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
settings.register_profile("bowen", derandomize=True, **_MADE_UP)
settings.register_profile("search", max_examples=1_000, print_blob=True, **_MADE_UP)
settings.load_profile("bowen")

_names = count(1)


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """Where this session's servers keep their data. Not in pytest's own folder: PostgreSQL may run as another user."""
    folder = Path(tempfile.mkdtemp(prefix="bowen-tests-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_dir: Path) -> Iterator[Postgres]:
    """The session's PostgreSQL. Tests that kill a server start their own, durable one."""
    server = Postgres(server_dir / "postgres", free_port(), durable=False)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def nats_server(server_dir: Path) -> Iterator[NatsServer]:
    """The session's NATS. Tests that kill a server start their own, durable one."""
    server = NatsServer(server_dir / "nats", free_port(), durable=False)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def _templates(postgres: Postgres) -> Callable[[str], str]:
    """The name of a migrated database per component, made at first use."""
    made: dict[str, str] = {}

    def template(component: str) -> str:
        if component not in made:
            name = f"template_{component}"
            run(postgres.create_databases(name))
            if component == "chassis":
                run(_execute(postgres.url(name), *schema.V1))
            else:
                migrate.upgrade(postgres.url(name), migrations(component))
            made[component] = name
        return made[component]

    return template


def migrations(component: str) -> Path:
    """Where a component keeps its migrations."""
    folder = ROOT / "services" / component
    return (folder if folder.is_dir() else ROOT / component) / "migrations"


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def fresh_database(postgres: Postgres, _templates: Callable[[str], str]) -> Iterator[Callable[[str], str]]:
    """Call it with a component's name for the URL of a new, migrated, empty database; gone after the test."""
    made: list[str] = []

    def fresh(component: str) -> str:
        template, name = _templates(component), f"test_{component}_{next(_names)}"
        create = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
        run(_execute(postgres.url(), create))
        made.append(name)
        return postgres.url(name)

    yield fresh
    if made:
        run(_execute(postgres.url(), *(f'DROP DATABASE "{name}" WITH (FORCE)' for name in made)))


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    """The URL of a database that holds the chassis' tables only."""
    return fresh_database("chassis")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A database that holds the chassis' tables only."""
    database = patient(database_url)
    yield database
    await database.close()


@pytest.fixture
async def nats(nats_server: NatsServer) -> AsyncIterator[Nats]:
    """A connection with a namespace of its own: the test sees no message of another test.

    A second connection of the same test is `Nats.connect(nats_server.url(), name=…, namespace=nats.namespace)`.
    """
    connection = await Nats.connect(nats_server.url(), name="test", namespace=f"t{new_id().hex[-12:]}")
    yield connection
    with suppress(*Errors):
        for stream in await connection.js.streams_info():
            if str(stream.config.name).startswith(connection.namespace + "_"):
                await connection.js.delete_stream(str(stream.config.name))
    await connection.close()


@pytest.fixture
def clock() -> FixedClock:
    """Noon of a Saturday in Shanghai, until the test advances it."""
    return FixedClock(datetime(2026, 6, 20, 4, 0, tzinfo=UTC))
