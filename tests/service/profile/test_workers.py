"""Several workers on one database take in the same people at once (I18, I19)."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from bowen.profile.v1 import ingest_service_pb2 as ingest_pb

from chassis.db import Tx
from services.profile.ingest import store
from services.profile.ingest.operations import SETTLED_BESIDE_MAX
from services.profile.ingest.servicer import IngestServicer
from tests.databases import patient
from tests.service.profile.speaking import ACCEPTED, ALIAS, DUPLICATE, REJECTED, an_event, identifier, identify
from tests.waiting import eventually

WORKERS = 4
ROUNDS = 12
SIZES = SETTLED_BESIDE_MAX + 1, SETTLED_BESIDE_MAX


class Worker:
    """A replica of the service: connections and a queue of its own."""

    def __init__(self, profile, url):
        self._db = patient(url)
        self._servicer = IngestServicer(self._db, profile.clock, profile.vault)

    async def ingest(self, *events):
        return list((await self._servicer.Ingest(ingest_pb.IngestRequest(events=events), None)).outcomes)

    async def close(self):
        await self._servicer.close()
        await self._db.close()


@pytest.fixture
async def workers(profile, database_url) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        made = [Worker(profile, database_url) for _ in range(WORKERS)]
        for worker in made:
            stack.push_async_callback(worker.close)
        yield made


def stream_of(people, start):
    """What people with a card, a phone, a fan's id and two browsers say, each time showing two of them."""
    chance = random.Random(18)
    events = []
    for number in range(240):
        person = number % people
        ids = [
            identifier("member_no", f"M{person}"),
            identifier("phone", f"138123456{person:02d}"),
            identifier("wx.openid", f"o{person}", namespace="app"),
            identifier("anonymous_id", f"A{person}"),
            identifier("anonymous_id", f"B{person}"),
        ]
        turn = number // people
        shown = ids[turn : turn + 2] if turn < 2 else chance.sample(ids, 2)
        traits, time = {chance.choice("abc"): number}, start + timedelta(minutes=number)
        events.append(identify(message_id=f"m-{number}", identifiers=shown, traits=traits, original_time=time))
    return events


async def world(profile):
    """All that is known, told without ids: who holds what, did what, and is what."""
    people = await profile.fetch(
        "SELECT profile_id FROM profile WHERE NOT EXISTS (SELECT FROM redirect WHERE loser_id = profile_id)"
    )
    told = []
    for row in people:
        person = str(row["profile_id"])
        found, timeline = await profile.get(person), await profile.timeline(person, page_size=200)
        held = sorted(each.identifier.value for each in found.identifiers)
        told.append((held, found.create_time.seconds, json.loads(found.attributes), [e.message_id for e in timeline]))
    return sorted(told, key=str)


async def test_i18_a_stream_delivered_twice_and_out_of_order_by_four_workers_is_as_once(
    profile, other_profile, workers
):
    events = stream_of(20, profile.clock.now() - timedelta(days=1))
    chunks = [events[start : start + 12] for start in range(0, len(events), 12)]
    chance = random.Random(4)

    async def deliver(worker):
        """Every batch, and every batch again: of all workers, so that each event comes eight times."""
        mine = chance.sample(chunks, len(chunks)) + chance.sample(chunks, len(chunks))
        return [outcome for chunk in mine for outcome in await worker.ingest(*chance.sample(chunk, len(chunk)))]

    worked = await asyncio.gather(*map(deliver, workers))
    for chunk in chunks:
        await other_profile.accepted(*chunk)

    results = [outcome.result for outcomes in worked for outcome in outcomes]
    assert results.count(ACCEPTED) == len(events)
    assert results.count(DUPLICATE) == (2 * WORKERS - 1) * len(events)
    assert results.count(REJECTED) == 0
    assert await profile.fetch("SELECT 1 FROM conflict") == []
    assert await world(profile) == await world(other_profile)
    await profile.assert_sound()


def by_link(one, other):
    """Two events that each name both of a pair, the one the other way round."""
    return [identify(identifiers=[one, other]), identify(identifiers=[other, one])]


def by_alias(one, other):
    """Two aliases, each of whom calls the one of a pair by the name of the other."""
    return [
        an_event(type=ALIAS, previous_id=one.value, user_id=other.value),
        an_event(type=ALIAS, previous_id=other.value, user_id=one.value),
    ]


@pytest.mark.parametrize("crossed", [by_link, by_alias])
async def test_i19_two_events_that_merge_a_pair_in_opposite_directions_at_once_make_one_merge(
    profile, workers, crossed
):
    kinds = ("user_id", "user_id") if crossed is by_alias else ("phone", "wx.unionid")
    start = profile.clock.now() - timedelta(days=1)
    for number in range(ROUNDS):
        pair = [
            identifier(kind, f"1381234{side}{number:03d}" if kind == "phone" else f"u{side}-{number}")
            for side, kind in enumerate(kinds)
        ]
        first, second = await profile.accepted(
            identify(identifiers=[pair[0]], original_time=start),
            identify(identifiers=[pair[1]], original_time=start + timedelta(minutes=1)),
        )

        answers = await asyncio.gather(
            *(worker.ingest(event) for worker, event in zip(workers, crossed(*pair), strict=False))
        )

        survivor = first if crossed is by_alias else second  # the earlier of equals; else who has what ranks higher
        assert [(each.result, each.profile_id) for [each] in answers] == [(ACCEPTED, survivor)] * 2
        [merge] = await profile.merges(survivor)
        assert {merge.survivor_id, merge.loser_id} == {first, second}
    assert await profile.stats() == (ROUNDS, ROUNDS, 4 * ROUNDS)
    await profile.assert_sound()


WAITING = """
SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def test_workers_settle_large_batches_in_turn_and_nobody_waits_for_a_turn_with_a_small_one(profile, workers):
    large, small = ([an_event(anonymous_id=f"new-{number}") for number in range(size)] for size in SIZES)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def at_work(tx: Tx) -> None:
        await store.wait_for_turn(tx)
        begun.set()
        await ended.wait()

    another = asyncio.create_task(profile.db.transact(at_work))
    await begun.wait()
    waiting = asyncio.create_task(workers[0].ingest(*large))
    await eventually(lambda: profile.fetch(WAITING))
    at_once = await workers[1].ingest(*small)
    is_waiting = not waiting.done()
    ended.set()
    await another

    assert is_waiting
    assert {each.result for each in [*at_once, *await waiting]} == {ACCEPTED}
    assert await profile.stats() == (len(large), 0, len(large) + len(small))
    await profile.assert_sound()
