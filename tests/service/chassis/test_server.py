"""A server says truthfully whether it is alive and ready, keeps its limits, and ends in order."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis import errors
from chassis.client import Client, Retry
from chassis.clock import SystemClock
from chassis.server import READINESS, Server
from tests.service.chassis.running import Servicer, serving
from tests.trial import SERVICE, Ask, TrialStub, add_trial_to_server
from tests.waiting import eventually

ONCE = Retry(attempts=1)


async def health(channel, name=""):
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


@asynccontextmanager
async def channel_to(server):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


async def test_a_server_is_alive_at_once_and_ready_when_told():
    server = Server(listen="127.0.0.1:0", service="trial", clock=SystemClock())
    await server.start()

    async with channel_to(server) as channel:
        assert (await health(channel), await health(channel, READINESS)) == ("SERVING", "NOT_SERVING")
        await server.set_ready(True)
        assert await health(channel, READINESS) == "SERVING"
        await server.set_ready(False)
        assert await health(channel, READINESS) == "NOT_SERVING"
    await server.stop(0)


async def test_until_everything_is_added_a_call_is_told_to_come_back():
    server = Server(listen="127.0.0.1:0", service="trial", clock=SystemClock())
    await server.start(complete=False)

    async with Client.connect(f"127.0.0.1:{server.port}", name="test", retry=ONCE) as client:
        with pytest.raises(errors.Unavailable):
            await TrialStub(client).Say(Ask(word="hello"))
        server.add(add_trial_to_server, Servicer())
        server.completed()
        assert (await TrialStub(client).Say(Ask(word="hello"))).word == "hello"
    await server.stop(0)


async def test_reflection_names_the_services():
    async with serving(Servicer()) as server, channel_to(server) as channel:
        ask = reflection_pb2.ServerReflectionRequest(list_services="*")
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        answers = [answer async for answer in stub.ServerReflectionInfo(iter([ask]))]

    names = {service.name for service in answers[0].list_services_response.service}
    assert names == {"grpc.health.v1.Health", SERVICE}


async def test_draining_finishes_what_runs_and_refuses_what_is_new():
    servicer = Servicer()

    async with serving(servicer, drain_s=0.05) as server:
        async with Client.connect(f"127.0.0.1:{server.port}", name="test", retry=ONCE, timeout_s=60) as client:
            stub = TrialStub(client)
            running = asyncio.ensure_future(stub.Say(Ask(word="wait")))
            await asyncio.wait_for(servicer.arrived.wait(), 30)

            stopping = asyncio.create_task(server.stop(60))
            await eventually(lambda: refused(stub))
            assert not running.done()
            servicer.release.set()

            assert (await running).word == "wait"
            await asyncio.wait_for(stopping, 30)


async def refused(stub):
    try:
        await stub.Say(Ask(word="hello"))
    except errors.Unavailable:
        return True
    return False


async def test_while_it_drains_a_server_is_not_ready_and_still_answers():
    async with serving(Servicer(), drain_s=30) as server, channel_to(server) as channel:
        stopping = asyncio.create_task(server.stop(0))
        await asyncio.wait_for(server.draining.wait(), 30)

        assert await eventually(lambda: is_not_ready(channel))
        assert (await TrialStub(channel).Say(Ask(word="hello"))).word == "hello"
        await server.set_ready(True)
        assert await is_not_ready(channel)
        stopping.cancel()
        server._drain_s = 0


async def is_not_ready(channel):
    return await health(channel, READINESS) == "NOT_SERVING"


async def test_a_call_that_outlives_the_grace_is_cancelled():
    servicer = Servicer()

    async with serving(servicer) as server:
        async with Client.connect(f"127.0.0.1:{server.port}", name="test", retry=ONCE, timeout_s=30) as client:
            running = asyncio.ensure_future(TrialStub(client).Say(Ask(word="wait")))
            await asyncio.wait_for(servicer.arrived.wait(), 30)

            await asyncio.wait_for(server.stop(0.05), 30)

            with pytest.raises(errors.Unavailable):
                await running
            await asyncio.wait_for(servicer.cancelled.wait(), 30)


async def test_calls_beyond_the_limit_are_shed_and_the_others_served():
    servicer = Servicer()

    async with serving(servicer, concurrency_max=3) as server, channel_to(server) as channel:
        calls = [asyncio.ensure_future(TrialStub(channel).Say(Ask(word="wait"))) for _ in range(10)]
        await eventually(lambda: sum(call.done() for call in calls) == 7)
        servicer.release.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

    codes = sorted(outcome.code().name if isinstance(outcome, grpc.aio.AioRpcError) else "OK" for outcome in outcomes)
    assert codes == ["OK"] * 3 + ["RESOURCE_EXHAUSTED"] * 7


async def test_a_port_that_is_taken_is_an_error_not_a_shared_port():
    async with serving(Servicer()) as server:
        second = Server(listen=f"127.0.0.1:{server.port}", service="trial", clock=SystemClock())
        with pytest.raises(RuntimeError):
            await second.start()


async def test_a_message_above_the_limit_is_refused_and_the_next_call_works():
    async with serving(Servicer()) as server, channel_to(server) as channel:
        say = channel.unary_unary(f"/{SERVICE}/Say")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await say(b"\x0a" + b"x" * (17 << 20))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await TrialStub(channel).Say(Ask(word="hello"))).word == "hello"
