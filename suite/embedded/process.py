"""A server as a child process: its start, its end, and what can go wrong in between."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import IO, Any, Self

HOST = "127.0.0.1"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
_POLL_SECONDS = 0.05
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)

_PORTS = range(16_000, 32_000)  # Linux connects from 32768 on, others from 49152
_start = secrets.randbelow(len(_PORTS))
_next_ports: Iterator[int] = cycle((*_PORTS[_start:], *_PORTS[:_start]))


class ServerFault(Exception):
    """A server cannot be started. The message says why and what to do."""


class PortInUse(ServerFault):
    """Something else listens on the port."""


class DataDirBusy(ServerFault):
    """Another server works on the same data."""


class DataDirUnusable(ServerFault):
    """The data directory cannot be written, or the disk is full."""


class ServerFailed(ServerFault):
    """The server stopped for another reason; the message ends with the last lines of its log."""


def free_port() -> int:
    """A port of the loopback interface that is free at this moment, and that no connection is given meanwhile.

    Each process goes round from a place of its own below the ports that systems choose from for connections.
    """
    for _ in _PORTS:
        port = next(_next_ports)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port
    raise PortInUse(f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free")


def check_port(port: int, what: str) -> None:
    """Raises `PortInUse` when something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUse(f"port {port} is in use; stop what listens there or give {what} another port") from error


class Server:
    """A child process with a data directory, a log and a lock that lives exactly as long as the process."""

    name = "server"
    gentle = signal.SIGTERM

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        """Where the server's own log is."""
        return self.data_dir.with_name(self.data_dir.name + ".log")

    @property
    def pid(self) -> int:
        """The process id; 0 when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises `ServerFault`."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Ask the server to finish what it does and end; insist after a while."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.gentle)
        await self._ended(STOP_SECONDS_MAX)
        if process.poll() is None:
            await self.kill()

    async def kill(self) -> None:
        """End the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            await self._ended(STOP_SECONDS_MAX)

    async def _ended(self, seconds_max: float) -> None:
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, seconds_max)

    def _secret(self) -> str:
        """The password of this data directory, made once and readable by its owner only."""
        path = self.data_dir.with_name(self.data_dir.name + ".secret")
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataDirUnusable(f"{self.data_dir} cannot be used: {error.strerror or error}") from error

    def _lock(self) -> IO[str]:
        lock = open(self.data_dir.with_name(self.data_dir.name + ".lock"), "w")  # noqa: SIM115 (held by the child)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise DataDirBusy(f"another {self.name} works on {self.data_dir}; stop it first") from error
        return lock

    def _spawn(self, command: list[str], lock: IO[str], **options: Any) -> None:
        with lock, open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the runner, which stops the servers last
                pass_fds=(lock.fileno(),),
                preexec_fn=_end_with_parent(self.gentle),
                **options,
            )

    async def _wait_until(self, answers: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not await answers():
            if not self.pid:
                raise self._fault()
            if time.monotonic() > deadline:
                await self.kill()
                raise ServerFailed(f"{self.name} did not answer within {READY_SECONDS_MAX:.0f} s:\n{self._log_tail()}")
            await asyncio.sleep(_POLL_SECONDS)

    def _log_tail(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])

    def _fault(self) -> ServerFault:
        tail = self._log_tail()
        if "No space left" in tail:
            return DataDirUnusable(f"the disk of {self.data_dir} is full; make room and start again")
        if "ddress already in use" in tail:
            return PortInUse(f"port {self.port} is in use; stop what listens there or choose another port")
        return ServerFailed(f"{self.name} stopped while starting:\n{tail}")


def _end_with_parent(gentle: signal.Signals) -> Callable[[], None] | None:
    """What a child does so that it ends when the runner is killed. Linux only; elsewhere the lock tells."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_SET_PARENT_DEATH_SIGNAL, int(gentle), 0, 0, 0)
