"""LED-24: many members at once get something of one campaign."""

import asyncio

from chassis.consumer import Delivery
from chassis.ids import new_id
from services.incentive.campaigns import consumers
from tests.service.incentive.rewarding import NOON, Incentive, an_event, new, points

AT_ONCE = 8
BATCHES = 25
MEMBERS = 10

_GRANTED = "SELECT sum(amount)::bigint, count(*) FROM reward_grant"
_ISSUED = "SELECT sum(amount)::bigint, count(*) FROM transfer WHERE debit_account LIKE 'issuer/%'"


async def test_led_24_grants_to_distinct_members_of_one_campaign_wait_for_no_lock_and_add_up(
    incentive: Incentive,
) -> None:
    campaign_id = await incentive.a_running_campaign(reward=points(7))
    members = [new() for _ in range(AT_ONCE * BATCHES * MEMBERS)]
    batches = iter(range(0, len(members), MEMBERS))

    async def deliver() -> None:
        for start in batches:  # one that waited for a lock for as long as it may would raise here
            facts = [an_event(who) for who in members[start : start + MEMBERS]]
            deliveries = [Delivery(new_id(), fact, NOON, NOON) for fact in facts]
            await incentive.db.transact(lambda tx, batch=deliveries: consumers.on_event_recorded(tx, batch))  # type: ignore[misc]

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(deliver())

    for query in (_GRANTED, _ISSUED):
        assert [tuple(row) for row in await incentive.rows(query)] == [(7 * len(members), len(members))]
    assert await incentive.spent(campaign_id) == 7 * len(members)
    await incentive.ledger.check()
