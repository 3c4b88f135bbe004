"""Real, durable servers and components for a bench: on loopback, in a folder of their own that is gone afterwards."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.harness import Meter, Tell
from chassis import migrate
from suite import probes
from suite.embedded import NatsServer, Postgres, free_port
from suite.machine import SERVICES
from suite.supervisor import Component, Supervisor

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
PYTHONPATH = os.pathsep.join((str(ROOT), str(ROOT / "proto/gen")))
ROOT_KEY = "bench-root-key-of-nobody-else"
VAULT_KEY = "A" * 43 + "="

UNLIMITED = {
    f"BOWEN_{name}": value
    for limit in ("KEY", "WRITE_KEY", "ADDRESS")
    for name, value in ((f"{limit}_RATE", "1000000"), (f"{limit}_BURST", "1000000"))
}
"""The rate limits stay on their path, and let a bench through."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for data. Not below one of ours alone: PostgreSQL may run as another user."""
    path = Path(tempfile.mkdtemp(prefix="bowen-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def postgres() -> AsyncIterator[Postgres]:
    """A PostgreSQL with `fsync`, `synchronous_commit` and full-page writes on."""
    with folder() as path:
        async with Postgres(path / "postgres", free_port(), durable=True) as server:
            yield server


async def database(server: Postgres, name: str, component: str) -> str:
    """The URL of a new database with a component's schema."""
    await server.create_databases(name)
    url = server.url(name)
    await asyncio.to_thread(migrate.upgrade, url, migrations(component))
    return url


def migrations(component: str) -> Path:
    """Where a component keeps its migrations."""
    return (ROOT if component == "gateway" else ROOT / "services") / component / "migrations"


@dataclass(frozen=True, slots=True)
class Suite:
    """Components that run as processes."""

    server: Postgres
    nats: NatsServer
    supervisor: Supervisor
    databases: dict[str, str]
    targets: dict[str, str]

    @property
    def url(self) -> str:
        """Of the gateway."""
        return f"http://{self.targets['gateway']}"

    def meter(self) -> Meter:
        """Reads the CPU time of PostgreSQL and of every component."""
        pids = {each.name: self.supervisor.pid(each.name) for each in self.supervisor.components}
        return Meter(postgres=self.server.pid, nats=self.nats.pid, **pids)


@asynccontextmanager
async def suite(
    *names: str,
    tell: Tell,
    beside: Callable[[Path, Postgres], list[Component]] | None = None,
    databases: Sequence[str] = (),
    twice: Sequence[str] = (),
) -> AsyncIterator[Suite]:
    """The named components, each with its database, on free ports, and the processes that `beside` names.

    One of those that is named as a component stands in its place. `databases` are made empty, for them. Of components
    named in `twice` a second process, `NAME-2`, works on the same database.
    """
    with folder() as path:
        async with (
            Postgres(path / "postgres", free_port(), durable=True) as server,
            NatsServer(path / "nats", free_port(), durable=True) as nats,
        ):
            await server.create_databases(*databases)
            urls = {name: await database(server, name, name) for name in names}
            others = beside(path, server) if beside else []
            addresses = {name: f"{HOST}:{free_port()}" for name in (*names, *map(second, twice))} | {
                each.name: each.settings["BOWEN_LISTEN"] for each in others
            }
            components = [_component(name, urls[name], addresses, nats.url()) for name in names]
            for name in twice:
                there = addresses | {name: addresses[second(name)]}
                components.append(replace(_component(name, urls[name], there, nats.url()), name=second(name)))
            supervisor = Supervisor([*others, *components], path / "run", tell)
            await supervisor.start()
            try:
                yield Suite(server, nats, supervisor, urls, addresses)
            finally:
                await supervisor.stop()


def second(name: str) -> str:
    """What the second process of a component is called."""
    return f"{name}-2"


def _component(name: str, database_url: str, addresses: dict[str, str], nats_url: str) -> Component:
    settings = {
        "BOWEN_DATABASE_URL": database_url,
        "BOWEN_NATS_URL": nats_url,
        "BOWEN_LISTEN": addresses[name],
        "PYTHONPATH": PYTHONPATH,
        **{f"BOWEN_{other.upper()}_TARGET": addresses[other] for other in SERVICES if other in addresses},
    }
    if name == "gateway":
        command = (sys.executable, "-m", "gateway")
        settings |= UNLIMITED | {"BOWEN_ROOT_KEY": ROOT_KEY}
        return Component(name, command, settings, partial(probes.http_ready, f"http://{addresses[name]}"))
    if name == "profile":
        settings |= {"BOWEN_VAULT_KEY": VAULT_KEY}
    return Component(
        name, (sys.executable, "-m", f"services.{name}"), settings, partial(probes.grpc_ready, addresses[name])
    )


def peer(name: str, module: str, *arguments: str, is_grpc: bool = False) -> Component:
    """A process of the bench's own that answers at a free port, which is its first argument."""
    address = f"{HOST}:{free_port()}"
    command = (sys.executable, "-m", module, address, *arguments)
    ready = partial(probes.grpc_ready, address) if is_grpc else partial(probes.http_ready, f"http://{address}")
    return Component(name, command, {"BOWEN_LISTEN": address, "PYTHONPATH": PYTHONPATH}, ready)
