"""`bowen up` as a person runs it: the real command, real servers, the real components."""

import asyncio
import contextlib
import fcntl
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from suite import machine
from suite.__main__ import main
from suite.embedded import free_port
from suite.machine import COMPONENTS, SERVICES
from tests.waiting import eventually

READY_SECONDS_MAX = 90.0

pytestmark = pytest.mark.timeout(300)


def port_base() -> int:
    """The first of a row of ports that are free at this moment."""
    while True:
        base = free_port()
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in range(base, base + 7):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base


@dataclass
class Runner:
    """A `bowen up` in a process of its own."""

    data_dir: Path
    base: int
    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.base}"

    def pid(self, component: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # not there, or not written to its end
            pid, _created = (self.data_dir / "run" / f"{component}.pid").read_text().split()
            return int(pid)
        return 0

    async def line(self, pattern: str) -> str:
        """Read on until a line matches."""
        async with asyncio.timeout(READY_SECONDS_MAX):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line)
                if re.search(pattern, line):
                    return line
        raise AssertionError("".join(self.said))

    async def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        rest, _ = await self.process.communicate()
        self.said.append(rest.decode())
        return self.process.returncode


async def bowen_up(data_dir: Path, base: int, *arguments: str) -> Runner:
    """Start the command in a terminal that is wide enough for a line to stay one."""
    command = ("up", "--data-dir", str(data_dir), "--port", str(base), "--port-base", str(base), *arguments)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "suite", *command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"COLUMNS": "400"},
        start_new_session=True,
    )
    return Runner(data_dir, base, process)


@contextlib.asynccontextmanager
async def started(data_dir: Path, base: int, *arguments: str) -> AsyncIterator[Runner]:
    """A suite that is up; killed at the end if the test has not stopped it."""
    runner = await bowen_up(data_dir, base, *arguments)
    try:
        await runner.line("Ctrl-C stops everything")
        yield runner
    finally:
        if runner.process.returncode is None:
            await runner.stop(signal.SIGKILL)


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def test_a_suite_starts_is_used_ends_on_ctrl_c_and_carries_on(tmp_path):
    base = port_base()

    async with started(tmp_path / "data", base) as runner:
        root_key = (tmp_path / "data" / "root.key").read_text()
        write_key = (tmp_path / "data" / "write.key").read_text()
        async with httpx.AsyncClient(base_url=runner.url, trust_env=False, timeout=60) as client:
            event = {"userId": "u1", "event": "Shared", "messageId": "m1"}
            accepted = await client.post("/v1/track", json=event, auth=(write_key, ""))
            kept = await client.get("/v1/write-keys", headers={"Authorization": f"Bearer {root_key}"})
        family = children(runner.process.pid)
        code = await runner.stop(signal.SIGINT)

    assert accepted.status_code == 200, accepted.text
    assert len(kept.json()["write_keys"]) == 1
    assert code == 0
    assert "Traceback" not in "".join(runner.said)
    assert len(family) > len(COMPONENTS)
    assert [process for process in family if process.is_running()] == []
    assert (tmp_path / "data" / "root.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data" / "write.key").stat().st_mode & 0o777 == 0o600

    async with started(tmp_path / "data", base) as again:
        async with httpx.AsyncClient(base_url=again.url, trust_env=False, timeout=60) as client:
            still = await client.get("/v1/write-keys", headers={"Authorization": f"Bearer {root_key}"})
        assert await again.stop(signal.SIGTERM) == 0

    assert still.json() == kept.json()
    assert (tmp_path / "data" / "write.key").read_text() == write_key


async def test_everything_that_dies_is_started_again_and_nothing_outlives_the_runner(tmp_path):
    async with started(tmp_path / "data", port_base()) as runner:
        before = {name: runner.pid(name) for name in COMPONENTS}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: all(runner.pid(n) not in (0, before[n]) for n in COMPONENTS), within=60)
        nats = next(child for child in children(runner.process.pid) if "nats-server" in child.name())
        nats.kill()
        await runner.line("NATS died; starting it again")
        async with httpx.AsyncClient(base_url=runner.url, trust_env=False, timeout=60) as client:

            async def is_ready() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return (await client.get("/readyz")).status_code == 200
                return False

            await eventually(is_ready, within=60)
        family = children(runner.process.pid)
        assert await runner.stop(signal.SIGKILL) == -signal.SIGKILL

    await eventually(lambda: not [process for process in family if process.is_running()], within=60)


async def test_a_migration_that_cannot_be_finished_is_told_and_carried_on_later(tmp_path, postgres):
    base = port_base()
    url = postgres.url()
    connection = await asyncpg.connect(url)
    for name in COMPONENTS:
        await connection.execute(f'CREATE DATABASE "{name}"')
    in_the_way = await asyncpg.connect(postgres.url("incentive"))
    await in_the_way.execute("CREATE TABLE outbox (in_the_way int)")

    refused = await bowen_up(tmp_path / "data", base, "--postgres-url", url)
    said = (await refused.process.communicate())[0].decode()

    assert refused.process.returncode == 1
    assert "bowen: the database of incentive could not be migrated" in said
    assert "bowen: the database of profile" not in said

    await in_the_way.execute("DROP TABLE outbox")
    await in_the_way.close()
    async with started(tmp_path / "data", base, "--postgres-url", url) as runner:
        assert await runner.stop(signal.SIGINT) == 0
    for name in COMPONENTS:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


# ------------------------------------------------------------------------------------------- before anything runs


def refused(data_dir: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command in this process, where it must be refused, and return what it says."""
    assert main(["up", "--data-dir", str(data_dir), *arguments]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("bowen: ")
    assert "Traceback" not in said
    return said


def test_a_second_runner_on_the_same_data_is_refused(tmp_path, capsys):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        said = refused(tmp_path, capsys)

    assert "already runs on" in said


@pytest.mark.parametrize(("offset", "component"), list(enumerate(("gateway", *SERVICES))))
def test_a_port_in_use_is_named(tmp_path, capsys, offset, component):
    base = port_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + offset))
        other.listen()

        said = refused(tmp_path, capsys, "--port", str(base), "--port-base", str(base))

    assert f"port {base + offset} is in use" in said
    assert component in said


def test_a_lock_that_a_dead_runner_left_does_not_matter(tmp_path, capsys):
    (tmp_path / "lock").write_text("")
    base = port_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base))

        said = refused(tmp_path, capsys, "--port", str(base), "--port-base", str(base))

    assert "port" in said


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(machine, "FREE_BYTES_MIN", 10**18)

    said = refused(tmp_path, capsys)

    assert "MB left" in said
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_that_cannot_be_written_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    said = refused(tmp_path / "file" / "data", capsys)

    assert "file" in said


def test_a_postgres_that_does_not_answer_is_told_without_its_password(tmp_path, capsys):
    port = port_base()
    url = f"postgresql://me:secret@127.0.0.1:{port + 5}/postgres"

    said = refused(
        tmp_path, capsys, "--port", str(port), "--port-base", str(port), "--postgres-url", url, "--nats-url", "x"
    )

    assert "PostgreSQL does not answer" in said
    assert "secret" not in said


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "99999"], ["--sandbox-start", "yesterday"]])
def test_an_argument_that_means_nothing_is_refused(capsys, arguments):
    with pytest.raises(SystemExit) as refusal:
        main(["up", *arguments])

    assert refusal.value.code == 2
    assert arguments[0] in capsys.readouterr().err
