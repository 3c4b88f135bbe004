"""The way of an event: outbox, relay, JetStream, inbox, handler; on real servers."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from chassis import caller, dead_letters
from chassis.clock import SandboxClock, SystemClock
from chassis.consumer import ATTEMPTS_MAX, UNREADABLE, Consumer, Delivery
from chassis.db import Database, Tx
from chassis.errors import FailedPrecondition, InvalidArgument, Unavailable
from chassis.ids import new_id
from chassis.nats import Nats
from chassis.outbox import Relay, append
from suite.embedded import NatsServer
from tests.service.chassis.probe import (
    NOON,
    ProbeLost,
    ProbeSent,
    Seen,
    consumer_of,
    lost,
    outbox_count,
    running,
    sent,
    tell,
)
from tests.waiting import eventually


@pytest.fixture
async def seen(db: Database, nats: Nats) -> Seen:
    await nats.ensure_stream("probe")
    return await Seen(db).create()


async def has_rows(seen: Seen, *probes: str) -> bool:
    return sorted(await seen.rows()) == sorted(probes)


async def test_a_fact_of_a_committed_transaction_has_its_effect(db: Database, nats: Nats, seen: Seen) -> None:
    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await tell(db, sent("a"))

        await eventually(lambda: has_rows(seen, "a"))
        await eventually(lambda: empty(db))


async def test_a_fact_of_a_refused_transaction_is_never_heard_of(db: Database, nats: Nats, seen: Seen) -> None:
    async def refused(tx: Tx) -> None:
        await append(tx, [sent("refused")])
        raise FailedPrecondition("no")

    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        with pytest.raises(FailedPrecondition):
            await db.transact(refused)
        await tell(db, sent("after"))

        await eventually(lambda: has_rows(seen, "after"))


async def test_facts_about_one_key_arrive_in_order(db: Database, nats: Nats, seen: Seen) -> None:
    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        for number in range(20):
            await tell(db, *(sent("one", note=f"{number:03}.{part}") for part in range(10)))
        await eventually(lambda: len(seen.deliveries) == 200)

    notes = [delivery.event.note for delivery in seen.deliveries]
    assert notes == sorted(notes)


async def test_facts_of_one_transaction_share_a_row_per_shard_and_a_transaction_at_the_consumer(
    db: Database, nats: Nats, seen: Seen
) -> None:
    await tell(db, *(sent("one") for _ in range(100)))
    assert await outbox_count(db) == 1

    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await eventually(lambda: len(seen.deliveries) == 100)

    assert [len(batch) for batch in seen.batches] == [100]


async def test_a_delivery_knows_its_event_and_the_caller_is_the_consumer(db: Database, nats: Nats) -> None:
    fact, calls = sent("a"), []

    class Noting(Seen):
        async def __call__(self, tx, batch):
            calls.append(caller.current())
            await super().__call__(tx, batch)

    seen = await Noting(db).create()
    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await nats.ensure_stream("probe")
        await tell(db, fact)
        await eventually(lambda: seen.deliveries)

    delivery = seen.deliveries[0]
    assert (delivery.event_id, delivery.event, delivery.event_time) == (fact.event_id, fact.message, NOON)
    assert calls[0].caller == caller.service("watcher")
    assert calls[0].method == "bowen.probe.v1.probe.sent"


async def test_in_a_sandbox_an_event_takes_effect_at_its_own_time(db: Database, nats: Nats, seen: Seen) -> None:
    clock = SandboxClock(datetime(2020, 1, 1, tzinfo=UTC))

    async with running(Relay(db, nats), consumer_of(nats, db, seen, clock)):
        await tell(db, sent("a"))
        await eventually(lambda: seen.deliveries)

    assert seen.deliveries[0].now == NOON
    assert clock.now() == NOON


async def test_a_message_that_comes_twice_has_its_effect_once(db: Database, nats: Nats, seen: Seen) -> None:
    await tell(db, sent("a"), sent("b"))
    async with db.read() as tx:
        rows = (await tx.execute(text("SELECT subject, payload FROM outbox"))).all()
    for subject, payload in rows * 3:
        await nats.js.publish(nats.subject(subject), payload)  # without a message id JetStream keeps them all

    async with running(Relay(db, nats), consumer := consumer_of(nats, db, seen)):
        await tell(db, sent("end"))
        await eventually(lambda: "end" in [delivery.event.probe_id for delivery in seen.deliveries])
        await eventually(lambda: no_lag(consumer))

    assert sorted(await seen.rows()) == ["a", "b", "end"]


async def no_lag(consumer) -> bool:
    return await consumer.lag() == {"probe": 0}


async def test_two_consumers_of_one_name_share_the_work_without_doubling(
    db: Database, nats: Nats, seen: Seen, nats_server: NatsServer
) -> None:
    other = await Nats.connect(nats_server.url(), name="other", namespace=nats.namespace)
    expected = [f"p{number}" for number in range(300)]
    async with running(Relay(db, nats), Relay(db, other), consumer_of(nats, db, seen), consumer_of(other, db, seen)):
        await asyncio.gather(*(tell(db, sent(probe)) for probe in expected))
        await eventually(lambda: has_rows(seen, *expected))
        await eventually(lambda: empty(db))
    await other.close()

    assert sorted(await seen.rows()) == sorted(expected)


async def test_an_event_that_always_fails_is_a_dead_letter_and_its_neighbours_take_effect(
    db: Database, nats: Nats, seen: Seen
) -> None:
    seen.failing["poison"] = FailedPrecondition("cannot be")
    neighbours = [f"n{number}" for number in range(9)]

    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await tell(db, *map(sent, neighbours[:4]), sent("poison"), *map(sent, neighbours[4:]), lost("poison-not"))
        letter = (await eventually(lambda: letters(db)))[0]
        await eventually(lambda: has_rows(seen, *neighbours, "poison-not"))

    assert letter.attempts == ATTEMPTS_MAX
    assert letter.error == "FailedPrecondition: FAILED_PRECONDITION: cannot be"
    assert ProbeSent.FromString(letter.payload).probe_id == "poison"


async def letters(db: Database) -> list[dead_letters.DeadLetter]:
    async with db.read() as tx:
        return list(await dead_letters.list_dead_letters(tx))


async def test_a_dead_letter_can_be_replayed_once_its_cause_is_gone(db: Database, nats: Nats, seen: Seen) -> None:
    fact = sent("poison")
    seen.failing["poison"] = RuntimeError("a bug")
    consumer = consumer_of(nats, db, seen)
    async with running(Relay(db, nats), consumer):
        await tell(db, fact)
        await eventually(lambda: letters(db))
    with pytest.raises(RuntimeError):
        await consumer.replay(fact.event_id)
    assert len(await letters(db)) == 1

    del seen.failing["poison"]
    await consumer.replay(fact.event_id)

    assert await seen.rows() == ["poison"]
    assert await letters(db) == []
    with pytest.raises(dead_letters.DeadLetterNotFound):
        await consumer.replay(fact.event_id)


async def test_an_outage_is_waited_out_and_makes_no_dead_letter(db: Database, nats: Nats, seen: Seen) -> None:
    seen.failing["a"] = Unavailable("the other side is away")

    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await tell(db, sent("a"), sent("b"))
        await eventually(lambda: len(seen.batches) > ATTEMPTS_MAX + 1)
        assert await seen.rows() == []
        seen.failing.clear()
        await eventually(lambda: has_rows(seen, "a", "b"))

    assert await letters(db) == []


async def test_a_message_that_cannot_be_read_is_a_dead_letter(db: Database, nats: Nats, seen: Seen) -> None:
    await nats.js.publish(nats.subject("bowen.probe.v1.probe.sent.0"), b"\xff\xff no batch")

    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await tell(db, sent("a"))
        letter = (await eventually(lambda: letters(db)))[0]
        await eventually(lambda: has_rows(seen, "a"))

    assert (letter.type, letter.payload) == (UNREADABLE, b"\xff\xff no batch")


async def test_what_a_handler_tells_is_published_too(db: Database, nats: Nats) -> None:
    class Echo(Seen):
        async def __call__(self, tx, batch):
            await super().__call__(tx, batch)
            await append(tx, [lost("echo") for delivery in batch if isinstance(delivery.event, ProbeSent)])

    echo = await Echo(db).create()
    async with running(Relay(db, nats), consumer_of(nats, db, echo)):
        await tell(db, sent("a"))
        await eventually(lambda: has_rows(echo, "a", "echo"))


async def test_a_stopped_consumer_leaves_its_messages_to_the_next_at_once(db: Database, nats: Nats, seen: Seen) -> None:
    begun = asyncio.Event()

    async def hang(_tx, _batch):
        begun.set()
        await asyncio.Event().wait()

    async with running(Relay(db, nats)):
        await tell(db, sent("a"))
        async with running(consumer_of(nats, db, hang)):
            await asyncio.wait_for(begun.wait(), 30)
        async with running(consumer_of(nats, db, seen)):
            await eventually(lambda: has_rows(seen, "a"), within=5)


async def test_an_event_larger_than_a_message_is_refused_when_it_is_appended(db: Database) -> None:
    with pytest.raises(InvalidArgument):
        await tell(db, sent("a", note="x" * 2_000_000))

    assert await outbox_count(db) == 0


async def test_large_batches_are_parted_into_messages_that_fit(db: Database, nats: Nats, seen: Seen) -> None:
    async with running(Relay(db, nats), consumer_of(nats, db, seen)):
        await tell(db, *(sent("a", note="x" * 100_000) for _ in range(20)), *(sent("b") for _ in range(1200)))
        await eventually(lambda: len(seen.deliveries) == 1220, within=60)


async def test_namespaces_do_not_hear_each_other(db: Database, nats: Nats, nats_server: NatsServer, seen: Seen) -> None:
    other = await Nats.connect(nats_server.url(), name="other", namespace=f"t{new_id().hex[-12:]}")
    await other.ensure_stream("probe")

    async with running(Relay(db, other)):
        await tell(db, sent("a"))
        await eventually(lambda: empty(db))

    assert (await other.js.stream_info(other.stream("probe"))).state.messages == 1
    assert (await nats.js.stream_info(nats.stream("probe"))).state.messages == 0
    await other.js.delete_stream(other.stream("probe"))
    await other.close()


async def empty(db: Database) -> bool:
    return await outbox_count(db) == 0


async def test_every_handler_and_type_has_a_transaction_of_its_own_and_none_is_repeated_for_another(
    db: Database, nats: Nats, seen: Seen
) -> None:
    """Who holds rows for one holds none for another: each holds them in the order of its own."""
    transactions: list[tuple[str, int]] = []

    def noting(name: str, fails: int = 0) -> Any:
        failing = [FailedPrecondition("not yet")] * fails

        async def handle(tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
            if failing:
                raise failing.pop()
            number = (await tx.execute(text("SELECT pg_current_xact_id()::text::bigint"))).scalar_one()
            transactions.extend((name, number) for _ in batch)

        return handle

    consumer = Consumer(nats, db, name="watcher", clock=SystemClock(), retry_seconds=(0.01,))
    consumer.on(ProbeSent, noting("first"), noting("second", fails=3))
    consumer.on(ProbeLost, noting("other"))
    await tell(db, sent("a"), lost("b"), sent("c"))
    async with running(Relay(db, nats), consumer):
        await eventually(lambda: len(transactions) == 5)
        await eventually(lambda: no_lag(consumer))

    assert sorted(name for name, _ in transactions) == ["first", "first", "other", "second", "second"]
    by_handler = {name: {number for each, number in transactions if each == name} for name, _ in transactions}
    assert len(by_handler["first"]) == 1
    assert not set.intersection(by_handler["first"], by_handler["second"] | by_handler["other"])
    assert by_handler["second"].isdisjoint(by_handler["other"])


async def test_a_dead_letter_is_put_through_only_those_handlers_that_it_failed_in(
    db: Database, nats: Nats, seen: Seen
) -> None:
    done, broken = [], [True]

    async def first(tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
        done.append("first")

    async def second(tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
        if broken:
            raise RuntimeError("a bug")
        done.append("second")

    consumer = Consumer(nats, db, name="watcher", clock=SystemClock(), retry_seconds=(0.01,))
    consumer.on(ProbeSent, first, second)
    async with running(Relay(db, nats), consumer):
        await tell(db, fact := sent("poison"))
        await eventually(lambda: letters(db))
    broken.clear()

    await consumer.replay(fact.event_id)

    assert done == ["first", "second"]
    assert await letters(db) == []
