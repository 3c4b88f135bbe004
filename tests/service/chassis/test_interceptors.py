"""What every call meets on its way in and out, over a real server."""

from datetime import UTC, datetime

import grpc
import pytest
import structlog

from chassis import caller, errors
from chassis.caller import Call, Caller
from chassis.clock import SandboxClock
from tests.service.chassis.running import Servicer, serving, talking
from tests.trial import SERVICE, Ask, TrialStub

KEY = Caller("key:1", frozenset({"trial.words:read"}))
OTHER_KEY = Caller("key:2", frozenset({"trial.words:write"}))
SHOPPER = Caller("shopper:1", frozenset({"trial.words:read"}), profile_id="p1")
VISITOR = Caller("anonymous")
SERVICE_CALLER = caller.service("profile")


@pytest.mark.parametrize(
    ("who", "open_methods"),
    [
        (SERVICE_CALLER, {"Say", "Own", "Open", "Inner"}),
        (KEY, {"Say", "Own", "Open"}),
        (OTHER_KEY, {"Open"}),
        (SHOPPER, {"Own", "Open"}),
        (VISITOR, {"Open"}),
    ],
    ids=lambda value: value.principal if isinstance(value, Caller) else None,
)
async def test_a_caller_reaches_exactly_the_methods_that_are_open_to_it(who, open_methods):
    servicer, reached = Servicer(), set()

    async with talking(servicer, forward_caller=True) as stub:
        for method in ("Say", "Own", "Open", "Inner"):
            with caller.acting(Call(who)):
                try:
                    answer = await getattr(stub, method)(Ask(word="hello"))
                except errors.PermissionDenied:
                    continue
            assert answer.principal == who.principal
            reached.add(method)

    assert reached == open_methods
    assert servicer.calls == len(open_methods)


async def test_a_missing_scope_is_named():
    async with talking(Servicer(), forward_caller=True) as stub:
        with caller.acting(Call(OTHER_KEY)), pytest.raises(errors.PermissionDenied) as caught:
            await stub.Say(Ask(word="hello"))

    assert caught.value.metadata == {"scope": "trial.words:read"}


async def test_a_call_without_a_caller_is_an_internal_one_unless_callers_are_required():
    for require_caller in (False, True):
        async with (
            serving(Servicer(), require_caller=require_caller) as server,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            stub = TrialStub(channel)
            if not require_caller:
                assert (await stub.Say(Ask(word="hello"))).principal == "service:anonymous"
                continue
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Say(Ask(word="hello"))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert (await stub.Open(Ask(word="hello"))).word == "hello"


async def test_a_request_that_breaks_its_rules_never_reaches_the_servicer():
    servicer = Servicer()

    async with talking(servicer) as stub:
        with pytest.raises(errors.InvalidArgument) as caught:
            await stub.Say(Ask(word="x" * 101, times=-1))

    assert caught.value.violations == [("word", "must have at most 100 characters"), ("times", "must be at least 0")]
    assert servicer.calls == 0


async def test_a_refusal_arrives_with_kind_reason_metadata_and_domain():
    async with talking(Servicer()) as stub:
        with pytest.raises(errors.AlreadyExists) as caught:
            await stub.Say(Ask(word="taken"))

    refusal = caught.value
    assert (refusal.reason, refusal.message, refusal.metadata) == (
        "WORD_TAKEN",
        "the word is taken",
        {"word": "taken"},
    )
    assert refusal.domain == "trial.bowen"


@pytest.mark.parametrize("word", ["crash", "fault behind"])
async def test_an_unexpected_error_is_logged_and_tells_the_caller_nothing(word):
    with structlog.testing.capture_logs() as logs:
        async with serving(Servicer()) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await TrialStub(channel).Say(Ask(word=word))

    error = caught.value
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert "secret" not in repr(error) + repr(tuple(error.trailing_metadata()))
    assert [entry["log_level"] for entry in logs if entry.get("exc_info")] == ["error"]


async def test_a_replayed_answer_says_so_in_its_trailing_metadata():
    async with serving(Servicer()) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        for word, expected in (("hello", None), ("replay", "true")):
            call = TrialStub(channel).Say(Ask(word=word))
            await call
            assert dict(await call.trailing_metadata()).get("bowen-replayed") == expected


async def test_the_time_of_a_sandbox_travels_with_the_call():
    start, later = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, 12, tzinfo=UTC)
    here, there = SandboxClock(start), SandboxClock(start)

    async with talking(Servicer(clock=there), clock=here) as stub:
        before = await stub.Say(Ask(word="hello"))
        with here.use(later):
            after = await stub.Say(Ask(word="hello"))

    assert datetime.fromisoformat(before.now) == start
    assert datetime.fromisoformat(after.now) == later
    assert there.now() == later


async def test_outside_a_sandbox_nobody_sets_the_time():
    async with serving(Servicer()) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        answer = await TrialStub(channel).Say(Ask(word="hello"), metadata=((caller.NOW, "2001-01-01T00:00:00Z"),))

    assert datetime.fromisoformat(answer.now).year >= 2025


@pytest.mark.parametrize("now", ["yesterday", "2025-01-01T00:00:00"])
async def test_a_sandbox_refuses_a_time_that_is_none(now):
    servicer = Servicer(clock=SandboxClock(datetime(2025, 1, 1, tzinfo=UTC)))

    async with serving(servicer) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await TrialStub(channel).Say(Ask(word="hello"), metadata=((caller.NOW, now),))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_streams_meet_the_same_guard():
    async with talking(Servicer()) as stub:
        many = [answer async for answer in stub.Many(Ask(word="a", times=3))]
        chat = [answer async for answer in stub.Chat(iter([Ask(word="a"), Ask(word="b")]))]
        collected = await stub.Collect(iter([Ask(word="a"), Ask(word="b")]))
        with pytest.raises(errors.AlreadyExists):
            [answer async for answer in stub.Many(Ask(word="taken", times=3))]
        with pytest.raises(errors.AlreadyExists):
            [answer async for answer in stub.Chat(iter([Ask(word="taken")]))]
        with pytest.raises(errors.InvalidArgument):
            [answer async for answer in stub.Many(Ask(times=101))]

    assert [answer.word for answer in many] == ["a 0", "a 1", "a 2"]
    assert [answer.word for answer in chat] == ["a", "b"]
    assert collected.word == "a b"
    assert {answer.principal for answer in (*many, *chat, collected)} == {"service:test"}


async def test_an_unknown_method_is_unimplemented():
    async with serving(Servicer()) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/Nothing")(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
