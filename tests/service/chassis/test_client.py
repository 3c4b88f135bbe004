"""Calls to another component: time, retries, cancellation, and what comes back."""

import asyncio
import time
from contextlib import suppress

import grpc
import pytest

from chassis import caller, errors
from chassis.caller import ANONYMOUS_SERVICE, Call
from chassis.client import HOP_S, Client, Retry
from tests.service.chassis.running import Servicer, serving, talking
from tests.trial import Ask, TrialStub
from tests.waiting import eventually

LIMIT_S = 0.9
ROUNDED_S = 0.01
"""A limit above a second travels as three digits, rounded up."""
WIRE_S = 0.002
"""A limit below a second travels in whole milliseconds, rounded up: once for each hop."""

QUICK = Retry(attempts=4, initial_s=0.01, max_s=0.02)


async def test_a_call_has_the_clients_own_limit_when_nothing_else_limits_it():
    async with talking(Servicer(), timeout_s=9.5) as stub:
        answer = await stub.Say(Ask(word="hello"))

    assert 1.0 < answer.remaining_s <= 9.5 + ROUNDED_S


async def answered_in_time(stub, word):
    """An answer within the caller's limit: asked again when the machine was too busy for one."""

    async def answer():
        with (
            suppress(errors.DeadlineExceeded),
            caller.acting(Call(ANONYMOUS_SERVICE, deadline=time.monotonic() + LIMIT_S)),
        ):
            return await stub.Say(Ask(word=word))

    return await eventually(answer)


async def test_the_callers_limit_is_passed_on_less_one_hop():
    async with talking(Servicer(), timeout_s=30) as stub:
        answer = await answered_in_time(stub, "hello")

    assert 0 < answer.remaining_s <= LIMIT_S - HOP_S + WIRE_S


async def test_every_hop_shaves_the_limit():
    last, middle = Servicer(), Servicer()

    async with talking(last, timeout_s=30) as behind:
        middle.behind = behind
        async with talking(middle, timeout_s=30) as stub:
            answer = await answered_in_time(stub, "behind")

    assert 0 < answer.remaining_s <= LIMIT_S - 2 * HOP_S + WIRE_S


async def test_without_time_left_nobody_is_called():
    servicer = Servicer()

    async with talking(servicer) as stub:
        with (
            caller.acting(Call(ANONYMOUS_SERVICE, deadline=time.monotonic() + HOP_S / 2)),
            pytest.raises(errors.DeadlineExceeded),
        ):
            await stub.Say(Ask(word="hello"))

    assert servicer.calls == 0


async def test_a_call_that_runs_out_of_time_ends_on_both_sides():
    servicer = Servicer()

    async with talking(servicer) as stub:
        await stub.Say(Ask(word="hello"))  # connects, which takes as long as it takes
        servicer.arrived.clear()
        while not servicer.arrived.is_set():
            with pytest.raises(errors.DeadlineExceeded):
                await stub.Say(Ask(word="wait"), timeout=0.2)
        async with asyncio.timeout(30):
            await servicer.cancelled.wait()


async def test_a_caller_that_gives_up_cancels_the_handler():
    servicer = Servicer()

    async with talking(servicer) as stub:
        task = asyncio.ensure_future(stub.Say(Ask(word="wait")))
        async with asyncio.timeout(30):
            await servicer.arrived.wait()
            task.cancel()
            await servicer.cancelled.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_stream_that_is_left_early_cancels_the_handler():
    servicer = Servicer()

    async with talking(servicer) as stub:
        stream = stub.Many(Ask(word="wait", times=1))
        assert (await anext(stream)).word == "wait 0"
        await stream.aclose()
        async with asyncio.timeout(30):
            await servicer.cancelled.wait()


async def test_an_outage_is_repeated_until_it_is_over():
    servicer = Servicer(outages=2)

    async with talking(servicer, retry=QUICK) as stub:
        answer = await stub.Say(Ask(word="flaky"))

    assert answer.word == "flaky"
    assert servicer.calls == 3


async def test_an_outage_that_lasts_is_told():
    servicer = Servicer(outages=100)

    async with talking(servicer, retry=QUICK) as stub:
        with pytest.raises(errors.Unavailable):
            await stub.Say(Ask(word="flaky"))

    assert servicer.calls == QUICK.attempts


@pytest.mark.parametrize("word", ["taken", "crash", "busy"])
async def test_no_other_failure_is_repeated(word):
    servicer = Servicer()

    async with talking(servicer, retry=QUICK) as stub:
        with pytest.raises(errors.Refusal):
            await stub.Say(Ask(word=word))

    assert servicer.calls == 1


async def test_an_overload_says_when_to_come_back():
    async with talking(Servicer(), retry=QUICK) as stub:
        with pytest.raises(errors.QuotaExceeded) as caught:
            await stub.Say(Ask(word="busy"))

    assert (caught.value.reason, caught.value.retry_after) == ("OVERLOADED", 1.0)


async def test_nobody_there_is_an_outage():
    async with serving(Servicer()) as server:
        port = server.port

    async with Client.connect(f"127.0.0.1:{port}", name="test", retry=QUICK) as client:
        with pytest.raises(errors.Unavailable):
            await TrialStub(client).Say(Ask(word="hello"))


async def test_a_client_finds_a_server_that_came_back():
    async with serving(Servicer()) as server:
        port = server.port
        client = Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=10)
        stub = TrialStub(client)
        await stub.Say(Ask(word="hello"))

    with pytest.raises(errors.Unavailable):
        await stub.Say(Ask(word="hello"))
    async with serving(Servicer(), listen=f"127.0.0.1:{port}"), asyncio.timeout(60), client:
        while (state := client.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            await client.wait_for_state_change(state)
        assert (await stub.Say(Ask(word="hello"))).word == "hello"


async def test_a_client_does_not_wait_for_what_another_one_met():
    async with serving(Servicer()) as server:
        listen = f"127.0.0.1:{server.port}"
    once = Retry(attempts=1)
    async with Client.connect(listen, name="test", retry=once) as early:
        with pytest.raises(errors.Unavailable):
            await TrialStub(early).Say(Ask(word="hello"))

        async with serving(Servicer(), listen=listen), Client.connect(listen, name="test", retry=once) as late:
            assert (await TrialStub(late).Say(Ask(word="hello"))).word == "hello"


async def test_a_refusal_with_very_many_violations_arrives_as_one():
    async with talking(Servicer()) as stub:
        with pytest.raises(errors.InvalidArgument) as told:
            await stub.Say(Ask(word="wordy"))

    assert told.value.violations[0] == ("rows[0].name", "must not be 波纹")


async def test_a_page_of_large_things_arrives():
    async with talking(Servicer(), timeout_s=20) as stub:
        answer = await stub.Say(Ask(word="long"))

    assert len(answer.word) == 9_000_000


async def test_who_cannot_be_reached_is_not_told_to_callers():
    async with serving(Servicer()) as server:
        target = f"127.0.0.1:{server.port}"

    async with Client.connect(target, name="test", retry=Retry(attempts=1)) as client:
        with pytest.raises(errors.Unavailable) as told:
            await TrialStub(client).Say(Ask(word="hello"))

    assert "127.0.0.1" not in told.value.message
    assert "refused" not in told.value.message


async def test_a_refusal_that_is_a_replay_says_so_to_who_passes_callers_on():
    async with talking(Servicer(), forward_caller=True) as stub:
        with caller.acting(Call(ANONYMOUS_SERVICE)) as call, pytest.raises(errors.AlreadyExists) as told:
            await stub.Say(Ask(word="replayed refusal"))
        with caller.acting(Call(ANONYMOUS_SERVICE)) as other, pytest.raises(errors.AlreadyExists):
            await stub.Say(Ask(word="taken"))

    assert (call.replayed, other.replayed) == (True, False)
    assert told.value.reason == "WORD_TAKEN"
