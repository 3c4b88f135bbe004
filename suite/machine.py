"""The whole suite on one machine: two servers, five databases, five components."""

import asyncio
import base64
import contextlib
import fcntl
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from suite import environment, probes
from suite.embedded import NatsServer, Postgres, ServerFault, check_port
from suite.faults import Fault
from suite.supervisor import Component, Supervisor, Tell, tail

HOST = "127.0.0.1"
GATEWAY_PORT = 8080
PORT_BASE = 7100
SERVICES = ("profile", "tagging", "incentive", "distribution")
COMPONENTS = (*SERVICES, "gateway")
FREE_BYTES_MIN = 300_000_000
WATCH_SECONDS = 1.0
S = TypeVar("S", Postgres, NatsServer)


@dataclass(frozen=True, slots=True)
class Options:
    """Where the suite lives and listens. Without URLs its own PostgreSQL and NATS are started.

    `public_url` is where the API is reached from outside, as short links say; without it, where it listens.
    """

    data_dir: Path = Path(".bowen")
    postgres_url: str = ""
    nats_url: str = ""
    gateway_port: int = GATEWAY_PORT
    port_base: int = PORT_BASE
    public_url: str = ""
    sandbox: bool = False
    sandbox_start: datetime | None = None

    @property
    def url(self) -> str:
        """Where the API listens."""
        return f"http://{HOST}:{self.gateway_port}"

    @property
    def postgres_port(self) -> int:
        """Where the embedded PostgreSQL listens."""
        return self.port_base + 5

    @property
    def nats_port(self) -> int:
        """Where the embedded NATS listens."""
        return self.port_base + 6

    def port(self, component: str) -> int:
        """Where a component listens."""
        return self.gateway_port if component == "gateway" else self.port_base + 1 + SERVICES.index(component)


@dataclass(frozen=True, slots=True)
class Machine:
    """A running suite."""

    options: Options
    url: str
    root_key: str = field(repr=False)
    databases: dict[str, str] = field(repr=False)
    nats_url: str = field(repr=False)
    supervisor: Supervisor = field(repr=False)

    @property
    def targets(self) -> dict[str, str]:
        """gRPC targets of the services."""
        return {service: f"{HOST}:{self.options.port(service)}" for service in SERVICES}


@asynccontextmanager
async def running(options: Options, tell: Tell) -> AsyncIterator[Machine]:
    """Start everything, hand it over when it is ready, and stop everything at the end. Raises `Fault`s.

    Starting again on the same data carries on with it.
    """
    with _owned(options.data_dir):
        root_key = _root_key(options.data_dir)
        _vault_key(options.data_dir)
        _secrets_key(options.data_dir)
        for component in COMPONENTS:
            check_port(options.port(component), component)
        async with _postgres(options, tell) as postgres_url, _nats(options, tell) as nats_url:
            databases = await _databases(postgres_url)
            await _migrate(options, databases, tell)
            supervisor = Supervisor(_components(options, databases, nats_url), options.data_dir / "run", tell)
            tell(f"starting {', '.join(COMPONENTS)}")
            await supervisor.start()
            try:
                yield Machine(options, options.url, root_key, databases, nats_url, supervisor)
            finally:
                tell("stopping")
                await supervisor.stop()


@contextmanager
def _owned(data_dir: Path) -> Iterator[None]:
    """Make the data directory and keep other runners out of it. The lock ends with the process, however it ends."""
    data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(data_dir).free
    if free < FREE_BYTES_MIN:
        raise Fault(
            f"the disk of {data_dir.absolute()} has {free // 1_000_000} MB left and at least "
            f"{FREE_BYTES_MIN // 1_000_000} MB are needed; make room, or choose another --data-dir"
        )
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Fault(
                f"bowen already runs on {data_dir.absolute()}; stop it first, or choose another --data-dir"
            ) from None
        yield


def _secret(path: Path, make: Callable[[], str]) -> str:
    """What a file holds that is made once and readable by its owner only."""
    if not path.exists() or not path.read_text().strip():
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text().strip()


def _root_key(data_dir: Path) -> str:
    """The key that may do everything."""
    return _secret(data_dir / "root.key", lambda: "bwn_" + secrets.token_urlsafe(32))


def _vault_key(data_dir: Path) -> str:
    """The key to personal data. Without it the data beside it is lost."""
    return _secret(data_dir / "vault.key", lambda: base64.b64encode(secrets.token_bytes(32)).decode())


def _secrets_key(data_dir: Path) -> str:
    """The key to the secrets of channels. Without it they have to be opened again."""
    return _secret(data_dir / "secrets.key", lambda: secrets.token_urlsafe(32))


# ---------------------------------------------------------------------------------------------------- servers


@asynccontextmanager
async def _postgres(options: Options, tell: Tell) -> AsyncIterator[str]:
    if options.postgres_url:
        yield options.postgres_url
        return
    tell("starting PostgreSQL")
    async with _kept(Postgres(options.data_dir / "postgres", options.postgres_port), tell) as server:
        yield server.url()


@asynccontextmanager
async def _nats(options: Options, tell: Tell) -> AsyncIterator[str]:
    if options.nats_url:
        yield options.nats_url
        return
    tell("starting NATS")
    async with _kept(NatsServer(options.data_dir / "nats", options.nats_port), tell) as server:
        yield server.url()


@asynccontextmanager
async def _kept(server: S, tell: Tell) -> AsyncIterator[S]:
    """Run a server, and start it again when it dies; the components wait for it meanwhile."""
    async with server:
        watch = asyncio.create_task(_watch(server, tell), name=f"watch {server.name}")
        try:
            yield server
        finally:
            watch.cancel()
            await asyncio.wait([watch])


async def _watch(server: Postgres | NatsServer, tell: Tell) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if not server.pid:
            tell(f"{server.name} died; starting it again ({server.log_path})")
            try:
                await server.start()
            except ServerFault as fault:
                tell(str(fault))


# ---------------------------------------------------------------------------------------------------- databases


async def _databases(postgres_url: str) -> dict[str, str]:
    """Make each component's database, unless it is there. Returns their URLs."""
    try:
        connection = await asyncpg.connect(postgres_url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise Fault(f"PostgreSQL does not answer at {_without_password(postgres_url)}: {error}") from error
    try:
        for name in COMPONENTS:
            with contextlib.suppress(asyncpg.DuplicateDatabaseError):
                await connection.execute(f'CREATE DATABASE "{name}"')
    except asyncpg.PostgresError as error:
        raise Fault(f"the databases cannot be made: {error}") from error
    finally:
        await connection.close()
    address = urlsplit(postgres_url)
    return {name: urlunsplit(address._replace(path=f"/{name}")) for name in COMPONENTS}


def _without_password(url: str) -> str:
    address = urlsplit(url)
    return urlunsplit(address._replace(netloc=address.netloc.rsplit("@")[-1]))


async def _migrate(options: Options, databases: dict[str, str], tell: Tell) -> None:
    """Bring every database to the schema of the code. What a run cut short has not done, the next one does."""
    tell("migrating the databases")
    results = await asyncio.gather(*(_migrate_one(options, name, databases[name]) for name in COMPONENTS))
    faults = [fault for fault in results if fault]
    if faults:
        raise Fault("\n".join(faults))


async def _migrate_one(options: Options, component: str, database_url: str) -> str:
    log = options.data_dir / "run" / f"{component}.migrate.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_command(component),
            "migrate",
            env=environment.inherited({"BOWEN_DATABASE_URL": database_url}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if code == 0:
        return ""
    return (
        f"the database of {component} could not be migrated; what its last migration had begun was rolled back, and "
        f"the next start carries on from there. The end of {log}:\n{tail(log)}"
    )


# ---------------------------------------------------------------------------------------------------- components


def _command(component: str) -> tuple[str, ...]:
    return (sys.executable, "-m", component if component == "gateway" else f"services.{component}")


def _components(options: Options, databases: dict[str, str], nats_url: str) -> list[Component]:
    shared = {
        "BOWEN_NATS_URL": nats_url,
        "BOWEN_PUBLIC_URL": options.public_url or options.url,
        "BOWEN_SANDBOX": str(options.sandbox).lower(),
    }
    if options.sandbox_start:
        shared["BOWEN_SANDBOX_START"] = options.sandbox_start.isoformat()
    for service in SERVICES:
        shared[f"BOWEN_{service.upper()}_TARGET"] = f"{HOST}:{options.port(service)}"
    return [_component(options, name, shared | {"BOWEN_DATABASE_URL": databases[name]}) for name in COMPONENTS]


def _component(options: Options, name: str, settings: dict[str, str]) -> Component:
    address = f"{HOST}:{options.port(name)}"
    settings["BOWEN_LISTEN"] = address
    ready: Callable[[], Awaitable[bool]] = partial(probes.grpc_ready, address)
    if name == "gateway":
        settings["BOWEN_ROOT_KEY_FILE"] = str((options.data_dir / "root.key").absolute())
        settings["BOWEN_SECRETS_KEY_FILE"] = str((options.data_dir / "secrets.key").absolute())
        settings["BOWEN_WEBHOOKS_ANYWHERE"] = "true"  # who receives them is on this machine too
        ready = partial(probes.http_ready, f"http://{address}")
    if name == "incentive":
        settings["BOWEN_PAYOUT"] = "simulator"  # no money leaves one machine
        settings["BOWEN_PAYOUT_BOOK"] = str((options.data_dir / "payouts.sqlite").absolute())
    if name == "profile":
        settings["BOWEN_VAULT_KEY_FILE"] = str((options.data_dir / "vault.key").absolute())
    return Component(name, _command(name), settings, ready)
