"""People who ask to be told what tagging holds, or to be forgotten."""

import asyncio
from datetime import timedelta

from bowen.profile.v1.events_pb2 import ProfileUpdated
from bowen.tagging.v1 import events_pb2

from chassis.consumer import Delivery
from chassis.db import driver
from chassis.ids import new_id
from people.privacy import of_the_living
from services.tagging.privacy import consumers, store
from services.tagging.tags import consumers as tag_consumers
from services.tagging.tags import operations
from tests.service.forgetting import a_question, an_erasure, counts_of, holding, kinds_of, personal_tables, told
from tests.service.tagging.tagging import Tagging, a_track
from tests.waiting import eventually


async def a_life(tagging: Tagging) -> tuple[str, str]:
    """Two ids of one person, with attributes, facts, a tag by hand, one by rule, and a segment."""
    survivor, loser = str(new_id()), str(new_id())
    vip, active = await tagging.tag("vip"), await tagging.tag("active")
    await tagging.rule(active, {"event": {"name": "Visit", "agg": "count", "op": "ge", "value": 1}})
    await tagging.segment("all vips", {"tag": {"key": "vip"}})
    await tagging.backfilled()
    await tagging.updated(survivor, 1, {"city": "secret"})
    await tagging.tracked(loser, "Visit", tagging.clock.now() - timedelta(days=1))
    await tagging.add(survivor, vip)
    await tagging.merged(survivor, loser, version=2)
    await tagging.tracked(survivor, "Visit", tagging.clock.now())
    return survivor, loser


async def erase(tagging: Tagging, erased):
    now = tagging.clock.now()
    await tagging.db.transact(lambda tx: consumers.on_profile_erased(tx, [Delivery(new_id(), erased, now, now)]))


async def test_nothing_is_left_of_who_was_erased_and_profile_is_told(tagging: Tagging):
    survivor, loser = await a_life(tagging)
    erased = an_erasure(survivor, loser)

    await erase(tagging, erased)

    assert await holding(tagging.db, survivor) == await holding(tagging.db, loser) == {}
    assert await holding(tagging.db, "secret") == {}
    [confirmed] = await told(tagging.db, events_pb2.ErasureConfirmed)
    assert counts_of(confirmed, erased) == {
        "tags": 2,
        "segments": 1,
        "facts": 2,
        "merged_tags": 2,
        "merged_stays": 1,
        "merges": 1,
        "processing": 0,
        "subjects": 2,
    }


async def test_what_comes_late_does_not_bring_them_back_and_others_are_heard(tagging: Tagging):
    survivor, loser = await a_life(tagging)
    await erase(tagging, an_erasure(survivor, loser))
    now, other = tagging.clock.now(), str(new_id())
    hear = of_the_living(tag_consumers.on_event_recorded)
    learn = of_the_living(tag_consumers.on_profile_updated)

    visits = [Delivery(new_id(), a_track(each, "Visit", now), now, now) for each in (loser, other, survivor)]
    await tagging.db.transact(lambda tx: hear(tx, visits))
    update = ProfileUpdated(profile_id=survivor, version=9, attributes='{"city": "secret"}')
    await tagging.db.transact(lambda tx: learn(tx, [Delivery(new_id(), update, now, now)]))

    assert await holding(tagging.db, survivor) == await holding(tagging.db, loser) == {}
    assert await tagging.tags_of(other) == ["active"]


async def test_who_is_due_to_be_judged_while_being_erased_does_not_come_back(tagging: Tagging):
    lately = await tagging.tag("lately")
    window = {"last": "1d"}
    await tagging.rule(lately, {"event": {"name": "Visit", "window": window, "agg": "count", "op": "ge", "value": 1}})
    await tagging.backfilled()
    person, now = str(new_id()), tagging.clock.now()
    await tagging.tracked(person, "Visit", now)
    later = now + timedelta(days=2)
    judging: list[asyncio.Task[int]] = []

    async def erase_while_judging(tx):
        await consumers.on_profile_erased(tx, [Delivery(new_id(), an_erasure(person), now, now)])
        judging.append(asyncio.create_task(operations.judge_due(tagging.db, later)))
        await eventually(lambda: waiting(tagging))

    await tagging.db.transact(erase_while_judging)
    await judging[0]

    assert await holding(tagging.db, person) == {}


async def waiting(tagging: Tagging) -> bool:
    async with tagging.db.read() as tx:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(await (await driver(tx)).fetchval(query))


async def test_an_erasure_that_is_told_twice_is_confirmed_twice_and_harms_nobody(tagging: Tagging):
    survivor, loser = await a_life(tagging)
    for _ in range(2):
        await erase(tagging, an_erasure(survivor, loser))

    assert len(await told(tagging.db, events_pb2.ErasureConfirmed)) == 2


async def test_who_asks_is_told_all_there_is(tagging: Tagging):
    survivor, loser = await a_life(tagging)
    now = tagging.clock.now()
    asked = a_question(survivor, loser)

    await tagging.db.transact(
        lambda tx: consumers.on_personal_data_requested(tx, [Delivery(new_id(), asked, now, now)])
    )

    provided = await told(tagging.db, events_pb2.PersonalDataProvided)
    assert sorted(kinds_of(provided)) == [
        *("attributes", "fact", "fact"),
        *("merged_stay", "merged_tag", "merged_tag", "segment", "tag", "tag"),
    ]


async def test_every_table_about_people_is_told_of_and_forgotten(tagging: Tagging):
    for statements in (store.HELD, store.FORGET):
        text = " ".join(statement for _, statement in statements)
        assert {table for table in await personal_tables(tagging.db) if table not in text} == set()
