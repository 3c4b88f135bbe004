"""What a merge moves, whatever else happens at the same moment."""

import asyncio

from chassis.db import Tx, driver
from services.incentive.ledger import domain, operations
from services.incentive.ledger.domain import Account
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, new
from tests.waiting import eventually

WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_what_is_posted_to_a_new_account_while_its_member_is_merged_is_not_left_behind(
    incentive: Incentive,
) -> None:
    loser, survivor = new(), new()
    earning = domain.transfer(
        "test", "t1", Account("issuer/x", "points"), Account(f"member/{loser}/available", "points"), 50, post_time=NOON
    )
    merging: list[asyncio.Task[None]] = []

    async def post_while_merging(tx: Tx) -> None:
        await operations.post(tx, [earning])
        merging.append(asyncio.create_task(incentive.happen(a_merge(loser, survivor))))
        await eventually(lambda: incentive.rows(WAITING))

    await incentive.db.transact(post_while_merging)
    await merging[0]

    assert await incentive.has(survivor) == (50, 0)
    assert await incentive.ledger.balance(f"member/{loser}/available") == 0


async def test_what_is_posted_to_a_new_account_after_a_merge_has_begun_goes_to_the_survivor(
    incentive: Incentive,
) -> None:
    loser, survivor = new(), new()
    earning = domain.transfer(
        "test", "t1", Account("issuer/x", "points"), Account(f"member/{loser}/available", "points"), 50, post_time=NOON
    )
    posting: list[asyncio.Task[object]] = []

    async def merge_while_posting(tx: Tx) -> None:
        await operations.merge_accounts(tx, loser_id=loser, survivor_id=survivor, merge_id=new(), now=NOON)
        insert = "INSERT INTO redirect (loser_id, survivor_id, merge_id) VALUES ($1::uuid, $2::uuid, $1::uuid)"
        await (await driver(tx)).execute(insert, loser, survivor)
        posting.append(asyncio.create_task(incentive.db.transact(lambda other: operations.post(other, [earning]))))
        await eventually(lambda: incentive.rows(WAITING))

    await incentive.db.transact(merge_while_posting)
    await posting[0]

    assert await incentive.has(survivor) == (50, 0)
    assert await incentive.ledger.balance(f"member/{loser}/available") == 0
    await incentive.ledger.check()
