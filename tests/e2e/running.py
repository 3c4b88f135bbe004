"""The whole suite as a person runs it: `bowen up` in a process of its own, on ports of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from suite.embedded import NatsServer, Postgres, free_port

READY = "Ctrl-C stops everything"
HOST = "127.0.0.1"

UNHURRIED = {"BOWEN_TIMEOUT_S": "15"}
"""For a gateway on a machine that does much else: a call that goes on well is not given up."""


def port_base() -> int:
    """The first of a row of ports that are free at this moment."""
    while True:
        base = free_port()
        with contextlib.suppress(OSError, OverflowError), contextlib.ExitStack() as probes:
            for port in range(base, base + 7):
                probes.enter_context(socket.socket()).bind((HOST, port))
            return base


@dataclass
class Suite:
    """A running suite. Only what it started itself is ever stopped or killed."""

    data_dir: Path
    base: int
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.base}"

    @property
    def root_key(self) -> str:
        return (self.data_dir / "root.key").read_text()

    @property
    def write_key(self) -> str:
        """Of a trusted source."""
        return (self.data_dir / "write.key").read_text()

    @property
    def nats_url(self) -> str:
        return NatsServer(self.data_dir / "nats", self.base + 6).url()

    def database_url(self, component: str) -> str:
        return Postgres(self.data_dir / "postgres", self.base + 5).url(component)

    def target(self, service: str) -> str:
        """Where a service answers gRPC."""
        return f"{HOST}:{self.base + 1 + ('profile', 'tagging', 'incentive', 'distribution').index(service)}"

    def pid(self, name: str) -> int:
        """The process id of a component, of `postgres` or of `nats`; 0 while it does not run."""
        if name in ("postgres", "nats"):
            return self._server(name)
        with contextlib.suppress(OSError, ValueError):  # not there, or not written to its end
            pid, _created = (self.data_dir / "run" / f"{name}.pid").read_text().split()
            return int(pid)
        return 0

    def _server(self, name: str) -> int:
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if str(self.data_dir / name) in " ".join(child.cmdline()):
                    return child.pid
        return 0

    def log(self, component: str) -> str:
        return (self.data_dir / "run" / f"{component}.log").read_text()

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to one of its processes; returns whose id it was."""
        pid = self.pid(name)
        assert pid, f"{name} does not run"
        os.kill(pid, number)
        return pid

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A component that is there and does not answer."""
        pid = self.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[Suite]:
    """A suite that is up; it ends in order, or the test that asked for it fails."""
    base = port_base()
    command = ("up", "--data-dir", str(folder / "data"), "--port", str(base), "--port-base", str(base))
    process = subprocess.Popen(
        [sys.executable, "-m", "suite", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"COLUMNS": "400"} | settings,
        start_new_session=True,
    )
    suite = Suite(folder / "data", base, process)
    listener = threading.Thread(target=lambda: suite.said.extend(process.stdout), daemon=True)
    try:
        for line in process.stdout:
            suite.said.append(line)
            if READY in line:
                break
        else:
            raise AssertionError("".join(suite.said))
        listener.start()
        yield suite
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(100)
        process.kill()
        code = process.wait()
    if listener.ident:
        listener.join()
    process.stdout.close()
    assert code == 0, "".join(suite.said)


def shoppers(folder: Path, jwks: Mapping[str, object]) -> dict[str, str]:
    """Settings of a gateway that knows shoppers by this key set, read from a file."""
    path = folder / "jwks.json"
    path.write_text(json.dumps(jwks))
    return {"BOWEN_JWKS_FILE": str(path), "BOWEN_JWT_ISSUER": "https://mall.example", "BOWEN_JWT_AUDIENCE": "bowen"}


def quoted(text: str) -> str:
    """For a path."""
    return quote(text, safe="")
