"""Segment's own SDKs, as published, against the gateway: every message is stored once, and refusals end well."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from suite import environment, probes
from suite.embedded import free_port
from tests.e2e.running import Suite
from tests.e2e.sdk.builds import BUILDS, Build
from tests.e2e.sdk.witness import witness
from tests.e2e.world import World
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TRACKS = 250
KINDS = {1: TRACKS, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}
PLAIN = [pytest.param(build, False, id=f"{build}") for build in BUILDS]
PACKED = [pytest.param(build, True, id=f"{build}-gzip") for build in BUILDS if build.can_pack]
every_build = pytest.mark.parametrize("build", BUILDS, ids=str)
Installed = Callable[[Build], Path]


@pytest.fixture(scope="session")
def installed(pytestconfig: pytest.Config) -> Installed:
    """Builds stay installed from one session to the next."""
    cache = Path(str(pytestconfig.cache.mkdir("segment-sdks")))
    return lambda build: build.installed(cache)


@pytest.fixture
async def source(world: World) -> dict[str, str]:
    """A source of its own, so that what it sent can be told apart."""
    made = await world.api.post("/v1/write-keys", {"name": world.unique("sdk"), "trust": "SERVER"})
    return dict(made["write_key"])


async def stored(suite: Suite, source: dict[str, str]) -> list[tuple[int, str, str]]:
    """Kind, name and message id of all events of a source."""
    connection = await asyncpg.connect(suite.database_url("profile"))
    try:
        found = await connection.fetch(
            "SELECT type, name, message_id FROM event WHERE source_id = $1", source["source_id"]
        )
    finally:
        await connection.close()
    return [(row["type"], row["name"], row["message_id"]) for row in found]


@pytest.mark.parametrize(("build", "is_packed"), [*PLAIN, *PACKED])
async def test_every_message_is_stored_once(
    world: World, suite: Suite, source: dict[str, str], installed: Installed, build: Build, is_packed: bool
):
    folder = installed(build)
    user_id = world.unique("user")

    faults = await asyncio.to_thread(
        build.send,
        folder,
        write_key=source["write_key"],
        host=suite.url,
        user_id=user_id,
        gzip=is_packed,
        kinds=True,
        tracks=TRACKS,
    )

    assert faults == []
    events = await stored(suite, source)
    assert Counter(kind for kind, _, _ in events) == KINDS
    assert sorted(name for kind, name, _ in events if kind == 1) == sorted(f"Seen {n}" for n in range(TRACKS))
    assert len({message_id for _, _, message_id in events}) == len(events)
    profile_id = await world.profile_id(user_id)
    assert await world.profile_id(f"{user_id}-before") == profile_id
    profile = (await world.api.get(f"/v1/profiles/{profile_id}"))["profile"]
    assert profile["attributes"]["city"] == "上海"


@every_build
async def test_a_body_that_was_damaged_on_the_way_is_not_sent_again(
    suite: Suite, source: dict[str, str], installed: Installed, build: Build
):
    folder = installed(build)

    with witness(suite.url, cut=1) as seen:
        faults = await asyncio.to_thread(
            build.send, folder, write_key=source["write_key"], host=seen.url, user_id="user"
        )

    assert seen.statuses == [400]
    assert len(faults) == 1
    assert await stored(suite, source) == []


@every_build
async def test_a_key_that_nobody_knows_ends_the_sending(suite: Suite, installed: Installed, build: Build):
    folder = installed(build)

    with witness(suite.url) as seen:
        faults = await asyncio.to_thread(build.send, folder, write_key="wk_nobody", host=seen.url, user_id="user")

    assert seen.statuses == [401] * build.attempts_401
    assert len(faults) == 1


@pytest.fixture
async def slow_door(suite: Suite) -> AsyncIterator[str]:
    """A second gateway of the same suite that takes one request, and then one a second."""
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "BOWEN_DATABASE_URL": suite.database_url("gateway"),
        "BOWEN_LISTEN": address,
        "BOWEN_WRITE_KEY_RATE": "1",
        "BOWEN_WRITE_KEY_BURST": "1",
        **{
            f"BOWEN_{name.upper()}_TARGET": suite.target(name)
            for name in ("profile", "tagging", "incentive", "distribution")
        },
    }
    with (suite.data_dir / "run" / "slow-door.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway"),
            stdout=log,
            stderr=log,
            env=environment.inherited(settings) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    try:
        await eventually(lambda: probes.http_ready(f"http://{address}"), within=60)
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


@every_build
async def test_a_sender_that_is_too_fast_comes_back_and_nothing_is_lost(
    suite: Suite, source: dict[str, str], installed: Installed, build: Build, slow_door: str
):
    folder = installed(build)

    with witness(slow_door) as seen:
        faults = await asyncio.to_thread(
            build.send,
            folder,
            write_key=source["write_key"],
            host=seen.url,
            user_id="user",
            batch=1,
            tracks=2,
            retries=10,
        )

    assert faults == []
    assert Counter(seen.statuses) == {200: 2, 429: len(seen.statuses) - 2}
    assert len(seen.statuses) > 2
    assert set(seen.retry_after) == {"", "1"}
    if build.waits_as_told:
        refused = seen.statuses.index(429)
        later = [moment for moment, status in zip(seen.moments, seen.statuses, strict=True) if status == 200]
        assert later[-1] - seen.moments[refused] > 0.9  # timers are not exact
    assert len(await stored(suite, source)) == 2
