"""Calls whose events are stored together or side by side, and one among them that fails."""

import asyncio

import pytest
from bowen.profile.v1 import ingest_service_pb2 as pb

from chassis.clock import FixedClock
from chassis.db import Database, Tx, driver
from services.profile.ingest.servicer import EVENTS_PER_TRANSACTION_MAX, IngestServicer
from tests.service.profile.speaking import ACCEPTED, an_event
from tests.service.profile.vaults import a_vault

POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF NEW.name = 'Poison' THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END$$;
CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse()
"""

# A sequence goes on also where the transaction is undone.
COUNT_TRIES = """
CREATE SEQUENCE tries;
CREATE FUNCTION count_try() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM nextval('tries'); RETURN NULL; END$$;
CREATE TRIGGER count_try BEFORE INSERT ON message FOR EACH STATEMENT EXECUTE FUNCTION count_try()
"""


async def prepare(db: Database, statement: str) -> None:
    async def work(tx: Tx) -> None:
        await (await driver(tx)).execute(statement)

    await db.transact(work)


async def test_two_batches_that_name_the_same_new_people_are_each_tried_once(db: Database, clock: FixedClock) -> None:
    await prepare(db, COUNT_TRIES)
    servicer = IngestServicer(db, clock, await a_vault(db))
    most = EVENTS_PER_TRANSACTION_MAX // 2 + 1
    calls = [
        pb.IngestRequest(events=[an_event(message_id="", anonymous_id=f"device-{at}") for at in range(most)])
        for _ in range(2)
    ]

    await asyncio.gather(*(servicer.Ingest(call, None) for call in calls))
    await servicer.close()

    async with db.read() as tx:
        assert await (await driver(tx)).fetchval("SELECT last_value FROM tries") == len(calls)
        assert await (await driver(tx)).fetchval("SELECT count(*) FROM profile") == most


async def test_a_call_that_fails_does_not_have_its_neighbours_events_stored_twice(
    db: Database, clock: FixedClock
) -> None:
    await prepare(db, POISON)
    servicer = IngestServicer(db, clock, await a_vault(db))
    most = EVENTS_PER_TRANSACTION_MAX // 2 + 1
    calls = [
        pb.IngestRequest(events=[an_event(message_id="", anonymous_id="one", name=name)] * most)
        for name in ("Product Viewed", "Poison")
    ]

    good, bad = await asyncio.gather(*(servicer.Ingest(call, None) for call in calls), return_exceptions=True)
    await servicer.close()

    assert isinstance(good, pb.IngestResponse)
    assert {outcome.result for outcome in good.outcomes} == {ACCEPTED}
    with pytest.raises(Exception, match="poison"):
        raise bad  # type: ignore[misc]
    async with db.read() as tx:
        assert await (await driver(tx)).fetchval("SELECT count(*) FROM event") == most
