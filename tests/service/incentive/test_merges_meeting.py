"""Two merges that share a person, at the same moment, and what is posted meanwhile."""

import asyncio

from chassis.consumer import Delivery
from chassis.db import Tx, driver
from chassis.ids import new_id
from services.incentive.ledger import domain, operations
from services.incentive.ledger.consumers import on_profile_merged
from services.incentive.ledger.domain import Account
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, an_event, new, points
from tests.waiting import eventually

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def merged(tx: Tx, loser_id: str, survivor_id: str) -> None:
    """Take in a merge, in a transaction that the test ends."""
    await on_profile_merged(tx, [Delivery(new_id(), a_merge(loser_id, survivor_id), NOON, NOON)])


async def meets(incentive: Incentive, other: "asyncio.Task[object]") -> None:
    """Wait until the other one waits for what is held, or has got through beside it."""

    async def met() -> bool:
        return other.done() or bool(await incentive.rows(WAITING))

    await eventually(met)


async def test_two_merges_at_once_that_share_a_person_leave_no_chain_of_redirects(incentive: Incentive) -> None:
    first, second, last = new(), new(), new()
    others: list[asyncio.Task[object]] = []

    async def merge_while_merging(tx: Tx) -> None:
        await merged(tx, first, second)
        others.append(asyncio.create_task(incentive.happen(a_merge(second, last))))
        await meets(incentive, others[0])

    await incentive.db.transact(merge_while_merging)
    await others[0]

    rows = await incentive.rows("SELECT loser_id::text, survivor_id::text FROM redirect")
    assert {row[0]: row[1] for row in rows} == {first: last, second: last}
    campaign_id = await incentive.a_running_campaign(reward=points(30))
    await incentive.happen(an_event(first))
    assert (await incentive.has(last), await incentive.spent(campaign_id)) == ((30, 0), 30)


async def test_what_is_posted_to_a_merged_member_while_its_survivor_is_merged_is_not_left_behind(
    incentive: Incentive,
) -> None:
    first, second, last = new(), new(), new()
    gifts = [
        domain.transfer("test", name, Account("issuer/x", "points"), Account(f"member/{member}/available", "points"),
                        50, post_time=NOON)
        for name, member in (("t1", second), ("t2", first))
    ]  # fmt: skip
    await incentive.db.transact(lambda tx: operations.post(tx, gifts[:1]))
    await incentive.happen(a_merge(first, second))
    others: list[asyncio.Task[object]] = []

    async def post_while_merging(tx: Tx) -> None:
        await merged(tx, second, last)
        others.append(asyncio.create_task(incentive.db.transact(lambda other: operations.post(other, gifts[1:]))))
        await meets(incentive, others[0])

    await incentive.db.transact(post_while_merging)
    await others[0]

    assert await incentive.has(last) == (100, 0)
    assert await incentive.ledger.balance(f"member/{second}/available") == 0
    await incentive.ledger.check()


async def test_a_merge_holds_accounts_of_both_in_the_order_of_all_others(incentive: Incentive) -> None:
    survivor, loser = sorted((new(), new()))
    accounts = [f"member/{each}/available" for each in (survivor, loser)]
    gifts = [
        domain.transfer("test", name, Account("issuer/x", "points"), Account(name, "points"), 50, post_time=NOON)
        for name in accounts
    ]
    await incentive.db.transact(lambda tx: operations.post(tx, gifts))
    others: list[asyncio.Task[object]] = []

    async def hold_while_merging(tx: Tx) -> None:
        connection, lock = await driver(tx), "SELECT FROM account WHERE account = $1 FOR UPDATE NOWAIT"
        await connection.execute(lock, accounts[0])
        others.append(asyncio.create_task(incentive.happen(a_merge(loser, survivor))))
        await meets(incentive, others[0])
        await connection.execute(lock, accounts[1])

    await incentive.db.transact(hold_while_merging)
    await others[0]

    assert await incentive.has(survivor) == (100, 0)
