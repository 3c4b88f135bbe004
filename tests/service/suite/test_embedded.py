"""The embedded servers: start, stop, crash, and what stands in their way."""

import asyncio
import os
import socket
from pathlib import Path

import asyncpg
import pytest

from chassis.nats import Nats
from suite.embedded import DataDirBusy, DataDirUnusable, NatsServer, PortInUse, Postgres, ServerFault, free_port

Kind = type[Postgres] | type[NatsServer]


@pytest.fixture
def folder(server_dir: Path) -> Path:
    folder = server_dir / f"embedded-{free_port()}"
    folder.mkdir()
    return folder


async def value(server: Postgres, query: str, database: str = "postgres") -> object:
    connection = await asyncpg.connect(server.url(database))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_postgres_keeps_its_data_over_a_stop_and_over_a_crash(folder: Path) -> None:
    server = Postgres(folder / "pg", free_port())
    await server.start()
    await server.create_databases("profile", "tagging")
    await value(server, "CREATE TABLE kept (n int)", "profile")

    await server.stop()
    assert server.pid == 0
    await server.start()
    await value(server, "INSERT INTO kept VALUES (1)", "profile")
    await server.kill()
    await server.start()
    await server.create_databases("profile")

    assert await value(server, "SELECT n FROM kept", "profile") == 1
    await server.stop()


async def test_an_embedded_postgres_is_durable_and_of_version_18(folder: Path) -> None:
    async with Postgres(folder / "pg", free_port()) as server:
        settings = [
            await value(server, f"SHOW {name}")
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "listen_addresses")
        ]
        version = str(await value(server, "SHOW server_version"))

    assert settings == ["on", "on", "on", "on", "127.0.0.1"]
    assert version.startswith("18")


async def test_an_embedded_postgres_lets_nobody_in_without_its_password(folder: Path) -> None:
    async with Postgres(folder / "pg", free_port()) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://postgres:guess@127.0.0.1:{server.port}/postgres")

    assert (folder / "pg.secret").stat().st_mode & 0o077 == 0


async def test_a_stale_pid_file_whose_number_belongs_to_another_program_is_no_obstacle(folder: Path) -> None:
    server = Postgres(folder / "pg", free_port())
    await server.start()
    await server.stop()
    (folder / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'pg'}\n")

    await server.start()

    assert await value(server, "SELECT 1") == 1
    await server.stop()


@pytest.mark.parametrize("kind", [Postgres, NatsServer])
async def test_a_second_server_on_the_same_data_is_refused(folder: Path, kind: Kind) -> None:
    async with kind(folder / "data", free_port()):
        with pytest.raises(DataDirBusy, match="stop it first"):
            await kind(folder / "data", free_port()).start()


@pytest.mark.parametrize("kind", [Postgres, NatsServer])
async def test_a_port_in_use_is_told(folder: Path, kind: Kind) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PortInUse, match=f"port {port} is in use"):
            await kind(folder / "data", port).start()


@pytest.mark.parametrize("kind", [Postgres, NatsServer])
async def test_a_data_directory_that_cannot_be_made_is_told(folder: Path, kind: Kind) -> None:
    (folder / "file").write_text("")

    with pytest.raises(DataDirUnusable, match="cannot be used: Not a directory"):
        await kind(folder / "file" / "data", free_port()).start()


async def test_damaged_data_is_told_with_the_end_of_the_log(folder: Path) -> None:
    server = Postgres(folder / "pg", free_port())
    await server.start()
    await server.stop()
    (folder / "pg" / "global" / "pg_control").unlink()

    with pytest.raises(ServerFault, match="pg_control"):
        await server.start()
    assert server.pid == 0


async def test_nats_keeps_acknowledged_messages_over_a_crash(folder: Path) -> None:
    server = NatsServer(folder / "nats", free_port(), free_port())
    await server.start()
    nats = await Nats.connect(server.url(), name="test")
    await nats.ensure_stream("probe")
    await nats.js.publish("bowen.probe.v1.probe.sent.0", b"kept")

    await server.kill()
    await server.start()
    again = await Nats.connect(server.url(), name="test")

    assert (await again.js.stream_info("BOWEN_PROBE")).state.messages == 1
    await asyncio.gather(nats.close(), again.close())
    await server.stop()
