"""kill -9 of every process in the middle of a load: nothing acknowledged is lost, nothing has its effect twice."""

import asyncio
import contextlib
import signal

import httpx
import pytest

from tests.e2e.running import Suite
from tests.e2e.world import World
from tests.faults.ledgers import effects_are_exact, settled
from tests.faults.load import Load
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PEOPLE = 6
BACK_SECONDS = 90.0


async def is_ready(world: World) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await world.client.get("/readyz")).status_code == 200
    return False


async def grown(load: Load, by: int) -> None:
    """Wait until so much more has been acknowledged."""
    goal = load.statuses[200] + load.statuses[201] + by
    await eventually(lambda: load.statuses[200] + load.statuses[201] >= goal, within=BACK_SECONDS)


@pytest.mark.parametrize("name", ["profile", "tagging", "incentive", "distribution", "gateway", "postgres", "nats"])
async def test_a_kill_in_the_middle_of_a_load_loses_and_doubles_nothing(world: World, suite: Suite, name: str):
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    load = await Load.made(world)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(PEOPLE))
            await grown(load, 60)
            killed = suite.signal(name, signal.SIGKILL)
            await eventually(lambda: suite.pid(name) not in (0, killed), within=BACK_SECONDS)
            await eventually(lambda: is_ready(world), within=BACK_SECONDS)
            await grown(load, 60)
            load.stop.set()
        await settled(suite)

        await effects_are_exact(load)
    finally:
        await load.end()
