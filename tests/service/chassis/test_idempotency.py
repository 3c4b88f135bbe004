"""One effect per request id, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from bowen.options.v1 import edge_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from sqlalchemy import text

from chassis import upkeep
from chassis.caller import Call, Caller, acting, current
from chassis.db import Database, Tx
from chassis.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refusal,
    Unavailable,
    to_status,
)
from chassis.idempotency import RequestIdReused, RequestInProgress, once
from tests.service.chassis.probe import count

Response = edge_pb2.Event  # any message does


def _request_class():
    file = descriptor_pb2.FileDescriptorProto(name="bowen/probe/v1/request.proto", package="bowen.probe.v1")
    file.syntax = "proto3"
    message = file.message_type.add(name="SendRequest")
    for number, name in enumerate(("request_id", "content"), start=1):
        message.field.add(name=name, number=number, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bowen.probe.v1.SendRequest"))


Request = _request_class()


class Work:
    """Writes one row and answers with its number, or refuses after having written."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.runs = 0

    async def __call__(self, tx: Tx) -> Response:
        self.runs += 1
        number = (await tx.execute(text("INSERT INTO effect DEFAULT VALUES RETURNING n"))).scalar_one()
        if self.refusal:
            raise self.refusal
        return Response(subject=f"effect {number}")


@pytest.fixture
async def effects(db: Database) -> Database:
    await db.transact(lambda tx: tx.execute(text("CREATE TABLE effect (n int GENERATED ALWAYS AS IDENTITY)")))
    return db


async def effect_count(db: Database) -> int:
    async with db.read() as tx:
        return await count(tx, "effect")


async def ask(db: Database, work: Work, request_id: str = "r1", content: str = "", principal: str = "p", **options):
    with acting(Call(Caller(principal), method="/bowen.probe.v1.ProbeService/Send")) as call:
        response = await once(db, Request(request_id=request_id, content=content), work, Response, **options)
        return response, call.replayed


async def test_a_repeat_gets_the_first_response_and_has_no_effect(effects: Database) -> None:
    first, first_replayed = await ask(effects, Work())
    again, again_replayed = await ask(effects, Work())

    assert (first.subject, first_replayed) == ("effect 1", False)
    assert (again, again_replayed) == (first, True)
    assert await effect_count(effects) == 1


async def test_eight_parallel_repeats_make_one_effect_and_get_one_answer(effects: Database) -> None:
    work = Work()

    answers = await asyncio.gather(*(ask(effects, work) for _ in range(8)))

    assert await effect_count(effects) == 1
    assert len({response.subject for response, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1


async def test_a_definitive_refusal_takes_its_changes_back_and_is_replayed(effects: Database) -> None:
    refusal = FailedPrecondition("the campaign is exhausted", campaign_id="c1")
    refusal.reason = "CAMPAIGN_EXHAUSTED"

    with pytest.raises(FailedPrecondition) as first:
        await ask(effects, Work(refusal))
    with pytest.raises(FailedPrecondition) as again:
        await ask(effects, work := Work())

    assert work.runs == 0
    assert to_status(again.value, "") == to_status(first.value, "")
    assert await effect_count(effects) == 0


@pytest.mark.parametrize(
    "refusal", [NotFound("gone"), AlreadyExists("there"), InvalidArgument("amount_minor", "must be positive")]
)
async def test_every_kind_of_definitive_refusal_is_replayed_as_it_was(effects: Database, refusal: Refusal) -> None:
    with pytest.raises(type(refusal)):
        await ask(effects, Work(refusal))
    with pytest.raises(type(refusal)) as again:
        await ask(effects, Work())

    assert (again.value.message, again.value.violations) == (refusal.message, refusal.violations)


@pytest.mark.parametrize("failure", [Unavailable("away"), Conflict("again"), RuntimeError("a bug")])
async def test_a_failure_that_may_pass_leaves_no_note(effects: Database, failure: Exception) -> None:
    with pytest.raises(type(failure)):
        await ask(effects, Work(failure))

    response, replayed = await ask(effects, Work())

    assert not replayed
    assert response.subject
    assert await effect_count(effects) == 1


async def test_eight_parallel_repeats_of_a_refused_request_are_refused_alike(effects: Database) -> None:
    work = Work(FailedPrecondition("no"))

    answers = await asyncio.gather(*(ask(effects, work) for _ in range(8)), return_exceptions=True)

    assert {str(answer) for answer in answers} == {"FAILED_PRECONDITION: no"}
    assert await effect_count(effects) == 0


async def test_if_a_repeat_succeeds_before_a_refusal_is_noted_its_answer_counts_for_both(effects: Database) -> None:
    class OvertakenWork(Work):
        async def __call__(self, tx: Tx) -> Response:
            self.runs += 1
            refused.append(asyncio.create_task(ask(effects, Work())))
            raise FailedPrecondition("no")

    refused: list[asyncio.Task] = []
    outcome = (await asyncio.gather(ask(effects, OvertakenWork()), return_exceptions=True))[0]
    repeat = (await asyncio.gather(*refused, return_exceptions=True))[0]

    assert str(outcome if isinstance(outcome, Exception) else outcome[0]) == str(
        repeat if isinstance(repeat, Exception) else repeat[0]
    )
    assert await effect_count(effects) == (0 if isinstance(outcome, Exception) else 1)


async def test_the_same_id_with_other_content_is_refused(effects: Database) -> None:
    await ask(effects, Work(), content="one")

    with pytest.raises(RequestIdReused) as refusal:
        await ask(effects, Work(), content="other")

    assert refusal.value.metadata == {"request_id": "r1"}
    assert await effect_count(effects) == 1


async def test_request_ids_of_different_callers_are_different(effects: Database) -> None:
    await ask(effects, Work(), principal="one")
    _, replayed = await ask(effects, Work(), principal="other")

    assert not replayed
    assert await effect_count(effects) == 2


async def test_a_repeat_while_the_first_takes_long_is_told_that_it_is_in_progress(
    effects: Database, database_url: str
) -> None:
    impatient = Database.open(database_url, lock_seconds_max=0.05)
    begun, go = asyncio.Event(), asyncio.Event()

    class SlowWork(Work):
        async def __call__(self, tx: Tx) -> Response:
            begun.set()
            await go.wait()
            return await super().__call__(tx)

    first = asyncio.create_task(ask(effects, SlowWork()))
    await begun.wait()
    with pytest.raises(RequestInProgress):
        await ask(impatient, Work())
    go.set()
    await first

    assert await effect_count(effects) == 1
    await impatient.close()


@pytest.mark.parametrize("request_id", ["\0", "x" * 100_000, "波纹", "' OR 1=1 --"])
async def test_any_text_is_an_id(effects: Database, request_id: str) -> None:
    await ask(effects, Work(), request_id)
    _, replayed = await ask(effects, Work(), request_id)

    assert replayed


async def test_a_request_without_an_id_is_refused(effects: Database) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await ask(effects, Work(), request_id="")

    assert refusal.value.violations == [("request_id", "is required")]


async def test_expired_answers_are_pruned_and_those_of_money_stay(effects: Database) -> None:
    await ask(effects, Work(), "expired", keep=timedelta(seconds=-1))
    await ask(effects, Work(), "fresh")
    await ask(effects, Work(), "money", keep=None)

    assert await upkeep.prune(effects) == 1

    assert not (await ask(effects, Work(), "expired"))[1]
    assert (await ask(effects, Work(), "fresh"))[1]
    assert (await ask(effects, Work(), "money", keep=None))[1]


async def test_outside_of_a_call_the_request_belongs_to_the_service_itself(effects: Database) -> None:
    await once(effects, Request(request_id="r"), Work(), Response)
    await once(effects, Request(request_id="r"), Work(), Response)

    assert await effect_count(effects) == 1
    assert current().caller.is_service
