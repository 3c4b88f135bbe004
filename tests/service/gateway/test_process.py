"""The process itself: migrations, start, an orderly end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from suite.embedded import free_port
from tests.service.gateway.conftest import ROOT, ROOT_KEY
from tests.service.gateway.peers import LINK, Components
from tests.waiting import eventually

REPOSITORY = Path(__file__).parents[3]


def environment(url: str, components: Components, port: int) -> dict[str, str]:
    targets = {
        f"BOWEN_{name}_TARGET": components.target for name in ("PROFILE", "TAGGING", "INCENTIVE", "DISTRIBUTION")
    }
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'proto/gen'}",
        "BOWEN_DATABASE_URL": url,
        "BOWEN_LISTEN": f"127.0.0.1:{port}",
        "BOWEN_ROOT_KEY": ROOT_KEY,
        "BOWEN_TIMEOUT_S": "60",
        **targets,
    }


@asynccontextmanager
async def process(env: dict[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, env=env, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=False, timeout=60) as opened:
        yield opened


async def test_it_ends_in_order_and_sends_the_visits_that_wait(
    fresh_database: Callable[[str], str], components: Components, client: httpx.AsyncClient
):
    port = free_port()
    components.slow.add("GetProfile")
    components.slow.add("RecordTouches")
    base = f"http://127.0.0.1:{port}"
    async with process(environment(fresh_database("gateway"), components, port)) as gateway:

        async def is_ready() -> bool:
            try:
                return (await client.get(f"{base}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready, within=60)
        assert (await client.get(f"{base}/s/{LINK}")).status_code == 302
        running = asyncio.create_task(
            client.get(f"{base}/v1/profiles/019d0000-0000-7000-8000-000000000000", headers=ROOT)
        )
        await eventually(lambda: components.asked("GetProfile"))

        gateway.send_signal(signal.SIGTERM)
        await eventually(lambda: _is_closed(port))
        components.release.set()

        assert (await running).status_code == 200
        output, _ = await asyncio.wait_for(gateway.communicate(), 60)
        assert gateway.returncode == 0, output
        assert len(components.asked("RecordTouches")) >= 1
        assert b'"event": "request"' in output
        assert ROOT_KEY.encode() not in output


async def _is_closed(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


async def test_it_says_what_is_wrong_and_ends(postgres, fresh_database: Callable[[str], str], components: Components):
    bare = environment(fresh_database("chassis"), components, free_port())
    taken = environment(fresh_database("gateway"), components, int(components.target.rpartition(":")[2]))

    for env, arguments, code, told in (
        ({**bare, "BOWEN_ROOT_KEY": "short", "BOWEN_TIMEOUT_S": "x"}, (), 2, b"BOWEN_TIMEOUT_S must be a number"),
        (bare, (), 1, b"run the component's `migrate` first"),
        (taken, (), 1, b"cannot listen on"),
        (taken, ("migrate",), 0, b"migrated"),
    ):
        async with process(env, *arguments) as gateway:
            output, _ = await asyncio.wait_for(gateway.communicate(), 60)
            assert (gateway.returncode, told in output) == (code, True), output
