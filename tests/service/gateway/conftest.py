"""The gateway on a real socket with a real database, and components that answer the contract at the other end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from chassis.client import Retry
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.server import Server
from gateway.build import Running, running
from gateway.server import listening
from gateway.settings import GatewaySettings
from tests.service.gateway import peers

ROOT_KEY = "root-key-of-the-tests-000"
ROOT = {"authorization": f"Bearer {ROOT_KEY}"}


@pytest.fixture
async def components() -> AsyncIterator[peers.Components]:
    """All four components in one server."""
    components = peers.Components()
    server = Server(listen="127.0.0.1:0", service="peer", clock=SystemClock())
    components.add_to(server)
    components.target = f"127.0.0.1:{await server.start()}"
    components.stop = lambda: server.stop(0)
    yield components
    await server.stop(0)


class Door(httpx.AsyncClient):
    """A client of a running gateway."""

    gateway: Running
    port: int
    settings: GatewaySettings
    db: Database

    async def new_key(self, *scopes: str, store_id: str = "", key: str = ROOT_KEY, request_id: str = "") -> str:
        body = {"name": "test", "scopes": scopes, "store_id": store_id or None}
        headers = {
            "authorization": f"Bearer {key}",
            "idempotency-key": request_id or "/".join((*scopes, store_id, "key")),
        }
        response = await self.post("/v1/api-keys", json=body, headers=headers)
        assert response.status_code == 201, response.text
        return str(response.json()["key"])

    async def new_write_key(self, trust: str = "SERVER") -> str:
        body = {"name": "shop", "trust": trust}
        headers = {**ROOT, "idempotency-key": f"write key {trust}"}
        response = await self.post("/v1/write-keys", json=body, headers=headers)
        assert response.status_code == 201, response.text
        return str(response.json()["write_key"]["write_key"])


Start = Callable[..., Any]


@pytest.fixture
async def start(fresh_database: Callable[[str], str], components: peers.Components) -> AsyncIterator[Start]:
    """Call it with settings for a client of a gateway that runs with them."""
    url = fresh_database("gateway")
    async with AsyncExitStack() as stack:

        async def starting(**more: Any) -> Door:
            targets = {
                f"{name}_target": components.target for name in ("profile", "tagging", "incentive", "distribution")
            }
            fields = {"database_url": url, "listen": "127.0.0.1:0", "root_key": ROOT_KEY, **targets, **more}
            return await stack.enter_async_context(_door(GatewaySettings(**fields)))

        yield starting


@asynccontextmanager
async def _door(settings: GatewaySettings) -> AsyncIterator[Door]:
    stop = asyncio.Event()
    db = Database.open(settings.database_url)
    async with running(settings, db, stop=stop, retry=Retry(attempts=1)) as gateway:
        async with listening(gateway.app, settings, stop) as port:
            async with Door(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=False) as door:
                door.gateway, door.port, door.settings, door.db = gateway, port, settings, db
                yield door
    await db.close()


@pytest.fixture
async def door(start: Start) -> Door:
    """A gateway with the default settings."""
    opened: Door = await start()
    return opened
