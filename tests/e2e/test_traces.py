"""One trace runs through all that follows from a request, over HTTP, gRPC and events, also without a collector."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import pytest
from bowen.wire.v1.envelope_pb2 import EventBatch

from chassis.ids import new_id
from tests.e2e.running import Suite
from tests.e2e.world import World, problem

pytestmark = pytest.mark.timeout(120)

STREAMS = ("BOWEN_PROFILE", "BOWEN_TAGGING", "BOWEN_INCENTIVE")
FOLLOWS = ("bowen.profile.v1.event.recorded", "bowen.tagging.v1.segment.entered", "bowen.incentive.v1.reward.granted")
SECONDS_MAX = 8.0
TRIES = 8


def a_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


async def test_a_refusal_names_the_trace_that_the_caller_began(world: World):
    traceparent = a_traceparent()

    answer = await world.api.call("GET", f"/v1/orders/{new_id()}", headers={"traceparent": traceparent})

    assert answer.status_code == 404
    assert problem(answer)["trace_id"] == traceparent.split("-")[1]


async def test_a_reward_carries_the_trace_of_the_event_that_it_follows_from(world: World, suite: Suite):
    """An event that shares its batch with others may run under another's trace: the tries are for that."""
    name, tag = world.unique("Seen"), await world.a_tag()
    await world.a_rule(
        tag, {"v": 1, "event": {"name": name, "window": {"last": "1d"}, "agg": "count", "op": "ge", "value": 1}}
    )
    await world.a_campaign({"segment_id": await world.a_segment(tag)}, {"fixed": 1})

    async with types_by_trace(suite) as heard:
        for _ in range(TRIES):
            traceparent = a_traceparent()
            body = {"userId": world.unique("user"), "event": name, "messageId": str(new_id())}
            headers = {"traceparent": traceparent}
            answer = await world.client.post("/v1/track", json=body, auth=(suite.write_key, ""), headers=headers)
            assert answer.status_code == 200
            types: set[str] = set()
            async with _at_most(SECONDS_MAX):
                while not types.issuperset(FOLLOWS):
                    trace_id, kind = await heard.get()
                    types |= {kind} if trace_id == traceparent.split("-")[1] else set()
            if types.issuperset(FOLLOWS):
                return

    raise AssertionError(f"of {FOLLOWS} only {sorted(types)} carried the trace")


@asynccontextmanager
async def _at_most(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        return


@asynccontextmanager
async def types_by_trace(suite: Suite) -> AsyncIterator["asyncio.Queue[tuple[str, str]]"]:
    """The trace id and the type of every event that is published from now on."""
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def hear(message: object) -> None:
        for event in EventBatch.FromString(message.data).events:
            heard.put_nowait((event.traceparent[3:35], event.type))

    connection = await nats.connect(suite.nats_url)
    try:
        for stream in STREAMS:
            await connection.subscribe(f"bowen.{stream.removeprefix('BOWEN_').lower()}.v1.>", cb=hear)
        await connection.flush()
        yield heard
    finally:
        await connection.close()
