"""One effect per request id, on a real PostgreSQL."""

import asyncio
from collections.abc import Sequence
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
from chassis.idempotency import Asked, RequestIdReused, RequestInProgress, answered, asked, once, once_each
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


class Works:
    """Writes one row per content and answers with its number; refuses some contents, and writes nothing for those."""

    def __init__(self, **refusals: Refusal) -> None:
        self.refusals = refusals
        self.seen: list[str] = []

    async def __call__(self, tx: Tx, contents: Sequence[str]) -> list[Response | Refusal]:
        self.seen += contents
        return [self.refusals.get(each) or await self._write(tx) for each in contents]

    async def _write(self, tx: Tx) -> Response:
        number = (await tx.execute(text("INSERT INTO effect DEFAULT VALUES RETURNING n"))).scalar_one()
        return Response(subject=f"effect {number}")


def asking(request_id: str, content: str) -> Asked[str]:
    return asked(Request(request_id=request_id, content=content), content)


async def answers(db: Database, works: Works, *items: Asked[str]) -> list[str]:
    """How each was answered: by the subject, or the reason; `=` after what is a replay."""
    outcomes = await db.transact(lambda tx: once_each(tx, items, works))
    return [_told(outcome, item) for outcome, item in zip(outcomes, items, strict=True)]


def _told(outcome, item: Asked[str]) -> str:
    with acting(Call(Caller("key:1"))) as call:
        try:
            if isinstance(outcome, Refusal):
                raise outcome
            return answered(outcome, item, Response).subject + "=" * call.replayed
        except Refusal as refusal:
            return refusal.reason + "=" * call.replayed


async def test_a_batch_answers_each_request_once_and_repeats_alike(effects: Database):
    works = Works(no=FailedPrecondition("no"), busy=Conflict("busy"))
    batch = [
        asking("1", "a"),
        asking("2", "no"),
        asking("1", "a"),
        asking("3", "busy"),
        asking("2", "no"),
        asking("1", "other"),
    ]

    first = await answers(effects, works, *batch)
    again = await answers(effects, works, *batch[:4])

    assert first == [
        "effect 1",
        "FAILED_PRECONDITION",
        "effect 1=",
        "CONFLICT",
        "FAILED_PRECONDITION=",
        "REQUEST_ID_REUSED",
    ]
    assert again == ["effect 1=", "FAILED_PRECONDITION=", "effect 1=", "CONFLICT"]
    assert works.seen == ["a", "no", "busy", "busy"]
    async with effects.read() as tx:
        assert await count(tx, "effect") == 1


async def test_batches_with_the_same_requests_at_once_have_one_effect_each(effects: Database):
    works = Works()
    ids = [str(number) for number in range(20)]
    batches = [[asking(each, "a") for each in order] for order in (ids, ids[::-1], ids[5:] + ids[:5], ids)]

    told = await asyncio.gather(*(answers(effects, works, *batch) for batch in batches))

    by_id = [dict(zip(map(str, (item.noted.request_id for item in batch)), each, strict=True))
             for batch, each in zip(batches, told, strict=True)]  # fmt: skip
    plain = [{key: value.rstrip("=") for key, value in each.items()} for each in by_id]
    assert plain[0] == plain[1] == plain[2] == plain[3]
    async with effects.read() as tx:
        assert await count(tx, "effect") == 20


async def test_what_is_asked_one_by_one_and_in_a_batch_is_the_same_request(effects: Database):
    single = Request(request_id="1", content="a")
    first = await once(effects, single, Work(), Response)

    works = Works()
    assert await answers(effects, works, asking("1", "a")) == [f"{first.subject}="]
    assert works.seen == []
