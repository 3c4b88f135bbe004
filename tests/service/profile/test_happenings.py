"""A timeline over all channels and services: spec people §1C, C4."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bowen.distribution.v1 import events_pb2 as distribution
from bowen.profile.v1 import event_pb2
from bowen.profile.v1 import profile_service_pb2 as pb
from bowen.tagging.v1 import events_pb2 as tagging

from chassis import outbox
from chassis.caller import Call, Caller, acting
from chassis.consumer import Consumer, Delivery
from chassis.db import Database, driver
from chassis.ids import new_id
from chassis.outbox import Fact, Relay
from services.profile.privacy import operations as privacy
from services.profile.timeline.consumers import TOLD, Happenings
from tests.service.profile.asking import ask, everything
from tests.service.profile.speaking import an_event
from tests.service.profile.test_retention import keep
from tests.waiting import eventually

HAPPENING = event_pb2.EVENT_TYPE_HAPPENING


def at(profile, seconds):
    return profile.clock.now() - timedelta(seconds=1000 - seconds)


async def tell(profile, *events):
    """What other services tell, in one delivery."""
    now = profile.clock.now()
    batch = [Delivery(new_id(), event, now, now) for event in events]
    await profile.db.transact(lambda tx: Happenings(profile.vault).on_told(tx, batch))
    return batch


def paid(profile, person, seconds=0, number="ON-1"):
    event = distribution.OrderPaid(order_id=str(new_id()), profile_id=person)
    event.order.order_number, event.order.net_minor = number, 1200
    event.pay_time.FromDatetime(at(profile, seconds))
    return event


async def names(profile, person, **wanted):
    return [event.name for event in await profile.timeline(person, **wanted)]


async def a_person(profile, user_id="u1", seconds=0):
    [person] = await profile.accepted(
        an_event(
            user_id=user_id, name="Product Viewed", original_time=at(profile, seconds), receive_time=profile.clock.now()
        )
    )
    return person


async def test_c4_every_fact_that_is_told_stands_in_the_timeline_in_one_shape(profile):
    person = await a_person(profile)
    told = []
    for message_class, telling in TOLD.items():
        event = message_class()
        for path, value in ((telling.profile_id, person), (telling.time, at(profile, len(told) + 1))):
            *way, last = path.split(".")
            holder = event
            for name in way:
                holder = getattr(holder, name)
            if isinstance(value, str):
                setattr(holder, last, value)
            else:
                getattr(holder, last).FromDatetime(value)
        told.append(event)

    await tell(profile, *told)

    events = await profile.timeline(person)
    assert [event.name for event in events] == [*(each.name for each in list(TOLD.values())[::-1]), "Product Viewed"]
    assert {(event.type, event.service, event.profile_id) for event in events[:-1]} == {
        (HAPPENING, each.service, person) for each in TOLD.values()
    }
    assert (events[-1].service, events[-1].source_id) == ("profile", "web")


async def test_c4_a_timeline_is_paged_by_time_over_both_and_filtered(profile):
    person = await a_person(profile, seconds=15)
    for seconds in (10, 20, 30):
        await tell(profile, paid(profile, person, seconds, number=f"ON-{seconds}"))
    await tell(
        profile, tagging.TagAdded(profile_id=person, tag_id="t", key="vip", add_time=datetime(2026, 1, 1, tzinfo=UTC))
    )

    request, pages = pb.ListProfileEventsRequest(profile_id=person, page_size=2), []
    while True:
        answer = await profile.stub.ListProfileEvents(request)
        pages.append([event.name for event in answer.events])
        request.page_token = answer.next_page_token
        if not answer.next_page_token:
            break

    assert pages == [["Order Paid", "Order Paid"], ["Product Viewed", "Order Paid"], ["Tag Added"]]
    assert await names(profile, person, service="tagging") == ["Tag Added"]
    assert await names(profile, person, service="profile") == ["Product Viewed"]
    assert await names(profile, person, types=[event_pb2.EVENT_TYPE_TRACK]) == ["Product Viewed"]
    assert await names(profile, person, types=[HAPPENING], name="Tag Added") == ["Tag Added"]
    assert await names(profile, person, source_id="web") == ["Product Viewed"]
    newest = (await profile.timeline(person))[0]
    assert json.loads(newest.properties) == {"order_number": "ON-30", "net_minor": 1200}


async def test_c4_what_is_told_twice_stands_once(profile):
    person = await a_person(profile)
    batch = await tell(profile, paid(profile, person))

    await profile.db.transact(lambda tx: Happenings(profile.vault).on_told(tx, batch))

    assert await names(profile, person, types=[HAPPENING]) == ["Order Paid"]


async def test_c4_merged_people_have_one_timeline(profile):
    one, other = await a_person(profile), await a_person(profile, "u2")
    await tell(profile, paid(profile, one, 1, "A"), paid(profile, other, 2, "B"))

    merge = await profile.merge(one, other)
    both = await names(profile, other, types=[HAPPENING])
    await profile.undo(merge.merge_id)

    assert both == ["Order Paid", "Order Paid"]
    assert len(await names(profile, one, types=[HAPPENING])) == 1


async def test_c4_what_was_told_is_sealed_masked_and_goes_with_the_person(profile):
    person = await a_person(profile)
    await tell(profile, paid(profile, person, number="13812345678"))

    stored = await everything(profile)
    with acting(Call(Caller("key:till", frozenset({"profile.profiles:read"})))):
        [shown] = await profile.timeline(person, types=[HAPPENING])
    await ask(profile, "ERASE", person)
    await tell(profile, paid(profile, person))

    assert "13812345678" not in stored
    assert json.loads(shown.properties)["order_number"] == "138****5678"
    assert await profile.fetch("SELECT event_id FROM happening") == []


async def test_c4_what_was_told_is_kept_as_long_as_its_name_says(profile):
    person = await a_person(profile)
    await tell(profile, paid(profile, person))
    await keep(profile, "event:Order Paid", 1)

    profile.clock.advance(2 * 86_400)
    await privacy.retain(profile.db, profile.vault, profile.clock.now())

    assert await names(profile, person) == ["Product Viewed"]


@asynccontextmanager
async def hearing(profile, nats, teller):
    """The profile service listening to real streams, and what another service tells on its way there."""
    for service in ("distribution", "incentive", "tagging"):
        await nats.ensure_stream(service)
    consumer = Consumer(nats, profile.db, name="profile-timeline", clock=profile.clock)
    Happenings(profile.vault).listen(consumer)
    tasks = [asyncio.create_task(work) for work in (Relay(teller, nats).run(), consumer.run())]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_BLOCKED = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_c4_what_is_told_over_a_stream_stands_once_though_taking_it_in_failed_halfway(
    profile, nats, fresh_database
):
    person = await a_person(profile)
    teller = Database.open(fresh_database("distribution"))
    facts = [Fact(paid(profile, person, second, f"ON-{second}"), profile.clock.now()) for second in (1, 2)]
    async with hearing(profile, nats, teller):
        await teller.transact(lambda tx: outbox.append(tx, facts[:1]))
        await eventually(lambda: told_to(profile, person, 1))

        async def fail(tx):
            connection = await driver(tx)
            await connection.execute("SELECT FROM profile WHERE profile_id = $1 FOR UPDATE", UUID(person))
            await teller.transact(lambda told: outbox.append(told, facts))
            await eventually(lambda: connection.fetchval(f"SELECT count(*) {_BLOCKED}"))
            return await connection.fetchval(f"SELECT bool_and(pg_terminate_backend(pid)) {_BLOCKED}")

        assert await profile.db.transact(fail)
        await eventually(lambda: told_to(profile, person, 2))

    assert await names(profile, person) == ["Order Paid", "Order Paid", "Product Viewed"]
    assert await profile.fetch("SELECT FROM dead_letter") == []
    await teller.close()


async def told_to(profile, person, count):
    return len(await profile.timeline(person)) == 1 + count
