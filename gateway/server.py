"""uvicorn as the gateway runs it: on a socket of ours, stopped by us, silent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from chassis.lifecycle import Tasks
from gateway.settings import GatewaySettings

KEEP_ALIVE_SECONDS = 5
BACKLOG = 2048


class AddressInvalid(Exception):
    """The address cannot be listened on; the message says why."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


def _listener(settings: GatewaySettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressInvalid(f"cannot listen on {settings.listen}: {error.strerror}") from None


@asynccontextmanager
async def listening(app: Any, settings: GatewaySettings, stop: asyncio.Event) -> AsyncIterator[int]:
    """Serve `app` while the block runs; yields the port. At its end no new request is taken, and those that run end."""
    listener = _listener(settings)
    server = _Server(_config(app, settings))
    ended = asyncio.Event()

    async def serve() -> None:
        try:
            await server.serve(sockets=[listener])
        finally:
            ended.set()
            stop.set()

    async with Tasks(stop) as tasks:
        tasks.start(serve, name="server")
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await ended.wait()


def _config(app: Any, settings: GatewaySettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.grace_s),
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
    )
