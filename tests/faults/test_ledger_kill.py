"""kill -9 of the ledger and of its database at random moments: nothing is lost or doubled, and all of it is told."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.running import Suite
from tests.e2e.world import World
from tests.faults.ledgers import count
from tests.faults.test_kill import BACK_SECONDS, is_ready
from tests.faults.transfers import Transfers, are_exact, replay_is_the_ledger
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CALLERS = 8
KILLS = 4


def killer(world: World) -> Callable[[str], Any]:
    """Kills a process, and waits until it is back."""

    async def kill(name: str) -> None:
        suite: Suite = world.suite
        killed = suite.signal(name, signal.SIGKILL)
        await eventually(lambda: suite.pid(name) not in (0, killed), within=BACK_SECONDS)
        await eventually(lambda: is_ready(world), within=BACK_SECONDS)

    return kill


async def survive(world: World, *, kills: int, seed: int) -> Transfers:
    """Transfers under kills, and what must hold after them."""
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    transfers = Transfers(world, seed)
    async with asyncio.TaskGroup() as group:
        group.create_task(transfers.run(CALLERS))
        await transfers.killed_again_and_again(killer(world), kills)
        transfers.stop.set()
    await are_exact(transfers)
    await replay_is_the_ledger(transfers)
    return transfers


async def test_kills_at_random_moments_lose_and_double_no_transfer(world: World) -> None:
    await survive(world, kills=KILLS, seed=20261125)


async def test_led_22_what_was_in_the_outbox_when_the_service_was_killed_is_told_after_its_restart(
    world: World, suite: Suite
) -> None:
    await eventually(lambda: is_ready(world), within=BACK_SECONDS)
    transfers = Transfers(world, seed=22)

    with suite.frozen("nats"):
        work = asyncio.create_task(transfers.run(CALLERS))
        await transfers.grown(300)

        async def is_in_the_outbox() -> bool:
            return await count(suite, "incentive", "outbox") > 0

        await eventually(is_in_the_outbox)
        killed = suite.signal("incentive", signal.SIGKILL)
        transfers.stop.set()
    await eventually(lambda: suite.pid("incentive") not in (0, killed), within=BACK_SECONDS)
    await work

    await are_exact(transfers)
    await replay_is_the_ledger(transfers)
    assert await count(suite, "incentive", "outbox") == 0
