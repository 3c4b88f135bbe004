"""A new definition, and people who are met for the first time at the same moment."""

import asyncio

from chassis.clock import FixedClock
from chassis.db import Tx, driver
from chassis.ids import new_id
from services.tagging.tags import operations
from tests.service.tagging.tagging import Tagging
from tests.waiting import eventually

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_somebody_met_while_a_segment_is_created_is_judged_by_it(tagging: Tagging, clock: FixedClock) -> None:
    await tagging.tag("gold")
    await tagging.updated(str(new_id()), 1, {})
    profile_id = str(new_id())
    segments: list[str] = []
    backfills: list[asyncio.Task[None]] = []

    async def met() -> bool:
        async with tagging.db.read() as tx:
            return backfills[0].done() or bool(await (await driver(tx)).fetch(WAITING))

    async def take_in_while_a_segment_is_created(tx: Tx) -> None:
        await operations.take_in(tx, [(profile_id, clock.now())])
        segments.append(await tagging.segment("Not gold", {"not": {"tag": {"key": "gold"}}}))
        backfills.append(asyncio.create_task(tagging.backfilled()))
        await eventually(met)

    await tagging.db.transact(take_in_while_a_segment_is_created)
    await backfills[0]

    assert profile_id in await tagging.members(segments[0])
    assert len(await tagging.members(segments[0])) == 2
