"""Calls whose events are stored together, and one among them that fails."""

import asyncio

import pytest
from bowen.profile.v1 import ingest_service_pb2 as pb

from chassis.clock import FixedClock
from chassis.db import Database, driver
from services.profile.ingest.servicer import EVENTS_PER_TRANSACTION_MAX, IngestServicer
from tests.service.profile.speaking import ACCEPTED, an_event
from tests.service.profile.vaults import a_vault

POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF NEW.name = 'Poison' THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END$$;
CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse()
"""


async def test_a_call_that_fails_does_not_have_its_neighbours_events_stored_twice(
    db: Database, clock: FixedClock
) -> None:
    async def poison(tx: object) -> None:
        await (await driver(tx)).execute(POISON)  # type: ignore[arg-type]

    await db.transact(poison)
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
