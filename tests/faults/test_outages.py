"""A part that is away for a while: the rest goes on, says so, and catches up exactly."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from segment.analytics.client import Client

from chassis.ids import new_id
from suite import environment, probes
from suite.embedded import free_port
from tests.e2e.running import Suite
from tests.e2e.world import World
from tests.faults.ledgers import consumers_of, effects_are_exact, rows, settled
from tests.faults.load import Load
from tests.faults.test_kill import BACK_SECONDS, PEOPLE, grown, is_ready
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def test_without_nats_the_api_goes_on_and_what_follows_comes_later(world: World, suite: Suite):
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    load = await Load.made(world)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(PEOPLE))
            await grown(load, 30)
            with suite.frozen("nats"):
                since = time.monotonic()
                acknowledged = load.statuses[200] + load.statuses[201]
                while time.monotonic() - since < 6.0:  # longer than any call to NATS waits
                    await grown(load, 20)
                    await eventually(lambda: is_ready(world))
                    for service in ("profile", "tagging", "incentive", "distribution"):
                        await eventually(lambda service=service: probes.grpc_ready(suite.target(service)))
                assert load.statuses[200] + load.statuses[201] > acknowledged
                assert load.statuses[503] + load.statuses[504] + load.statuses[0] == 0
            await grown(load, 30)
            load.stop.set()
        await settled(suite)

        await effects_are_exact(load)
    finally:
        await load.end()


async def test_while_profile_is_away_events_are_asked_to_come_back_and_then_stored_once(world: World, suite: Suite):
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    event = {"userId": world.unique("user"), "event": world.unique("Seen"), "messageId": str(new_id())}
    refusals: list[httpx.Response] = []

    suite.signal("profile", signal.SIGKILL)

    async def is_accepted() -> bool:
        answer = await world.send("track", **event)
        if answer.status_code != 200:
            refusals.append(answer)
        return answer.status_code == 200

    await eventually(is_accepted, within=BACK_SECONDS)
    assert (await world.send("track", **event)).status_code == 200

    assert {answer.status_code for answer in refusals} == {503}
    assert all(1 <= int(answer.headers["retry-after"]) <= 300 for answer in refusals)
    assert all(answer.json()["success"] is False for answer in refusals)
    assert len(await stored(suite, event["event"])) == 1


async def test_an_sdk_delivers_once_what_profile_could_not_take(world: World, suite: Suite):
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    name = world.unique("Seen")
    suite.signal("profile", signal.SIGKILL)
    client = Client(suite.write_key, host=suite.url, max_retries=10, timeout=30)

    for number in range(50):
        client.track(f"{world.name}-{number}", name)
    await asyncio.to_thread(client.shutdown)

    assert len(await stored(suite, name)) == 50
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)


async def stored(suite: Suite, name: str) -> list[str]:
    """The message ids of the events of a name, as often as they are there."""
    found = await rows(suite, "profile", "SELECT message_id FROM event WHERE name = $1", name)
    return [row["message_id"] for row in found]


async def test_two_replicas_share_the_work_and_have_each_effect_once(world: World, suite: Suite):
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    load = await Load.made(world)
    try:
        async with replica(suite, "incentive"), replica(suite, "tagging"):
            await eventually(lambda: both_ask(suite, "incentive"), within=BACK_SECONDS)
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run(PEOPLE))
                await grown(load, 200)
                load.stop.set()
            await settled(suite)
        await settled(suite)

        await effects_are_exact(load)
    finally:
        await load.end()


async def both_ask(suite: Suite, name: str) -> bool:
    """Whether two processes wait for the same consumer's messages."""
    consumers, _ = await consumers_of(suite)
    return any(each.num_waiting >= 2 for each in consumers if name in each.name)


@asynccontextmanager
async def replica(suite: Suite, service: str) -> AsyncIterator[int]:
    """A second process of a service, with the same database and the same streams."""
    port = free_port()
    settings: dict[str, Any] = {
        "BOWEN_DATABASE_URL": suite.database_url(service),
        "BOWEN_NATS_URL": suite.nats_url,
        "BOWEN_LISTEN": f"127.0.0.1:{port}",
        "BOWEN_SANDBOX": "false",
    }
    with (suite.data_dir / "run" / f"{service}.replica.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}"),
            stdout=log,
            stderr=log,
            env=environment.inherited(settings) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    try:
        await eventually(lambda: probes.grpc_ready(f"127.0.0.1:{port}"), within=BACK_SECONDS)
        yield process.pid
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
