"""Budgets under real concurrency: cases of spec value §3.5."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest

from chassis.db import Database, driver, violated
from chassis.ids import new_id
from services.incentive.budgets import operations, store
from services.incentive.budgets.domain import Budget, Move, Want

WORKERS = 8


@pytest.fixture
async def workers(fresh_database: Callable[[str], str]) -> AsyncIterator[list[Database]]:
    """Eight processes' worth of connections to one database."""
    url = fresh_database("incentive")
    databases = [Database.open(url, pool_max=10, lock_seconds_max=30.0) for _ in range(WORKERS)]
    yield databases
    for database in databases:
        await database.close()


async def a_budget(db: Database, cap: int) -> UUID:
    budget = Budget(new_id(), cap)
    await db.transact(lambda tx: store.insert_budget(tx, budget))
    return budget.budget_id


async def committed(db: Database, budget_id: UUID) -> int:
    async with db.read() as tx:
        return (await store.find_budgets(tx, [budget_id]))[budget_id].committed


async def test_bud_01_eight_workers_spend_a_budget_to_the_last_unit_and_no_further(workers: list[Database]) -> None:
    budget_id = await a_budget(workers[0], cap=1_000)

    async def work(db: Database) -> int:
        paid = 0
        for size in (1, 5, 20, 1, 100) * 5:
            wants = [Want(budget_id, 1)] * size
            paid += sum(await db.transact(lambda tx, wants=wants: operations.reserve_all(tx, wants)))  # type: ignore[misc]
        return paid

    paid = await asyncio.gather(*(work(db) for db in workers))

    assert sum(paid) == await committed(workers[0], budget_id) == 1_000
    assert sum(amount > 0 for amount in paid) > 1


async def test_wants_of_many_budgets_at_once_neither_deadlock_nor_overspend(workers: list[Database]) -> None:
    ids = [await a_budget(workers[0], cap=100) for _ in range(5)]

    async def work(db: Database, order: list[UUID]) -> list[bool]:
        wants = [Want(budget_id, 7) for budget_id in order]
        return await db.transact(lambda tx: operations.reserve_all(tx, wants))

    outcomes = await asyncio.gather(
        *(work(db, ids[turn:] + ids[:turn]) for turn in range(5) for db in workers for _ in range(2))
    )

    assert sum(map(sum, outcomes)) == 5 * 14
    assert [await committed(workers[0], budget_id) for budget_id in ids] == [98] * 5


async def test_in_a_batch_a_later_smaller_want_fits_where_a_larger_did_not(workers: list[Database]) -> None:
    budget_id = await a_budget(workers[0], cap=10)
    wants = [Want(budget_id, amount) for amount in (6, 6, 4, 1)]

    assert await workers[0].transact(lambda tx: operations.reserve_all(tx, wants)) == [True, False, True, False]


async def test_what_is_released_can_be_reserved_again(workers: list[Database]) -> None:
    budget_id, db = await a_budget(workers[0], cap=10), workers[0]
    await db.transact(lambda tx: operations.reserve_all(tx, [Want(budget_id, 10)]))

    await db.transact(lambda tx: operations.release_all(tx, [Want(budget_id, 4)]))

    assert await db.transact(lambda tx: operations.reserve_all(tx, [Want(budget_id, 5)])) == [False]
    assert await db.transact(lambda tx: operations.reserve_all(tx, [Want(budget_id, 4)])) == [True]


@pytest.mark.parametrize("value", [-1, 11])
async def test_the_table_itself_refuses_what_no_statement_may_do(workers: list[Database], value: int) -> None:
    budget_id = await a_budget(workers[0], cap=10)

    async def overspend(tx: object) -> None:
        connection = await driver(tx)  # type: ignore[arg-type]
        await connection.execute("UPDATE budget SET committed = $2 WHERE budget_id = $1", budget_id, value)

    with pytest.raises(Exception) as error:  # noqa: PT011 (of the driver, told apart below)
        await workers[0].transact(overspend)

    assert violated(error.value) == "budget_committed_check"
    with pytest.raises(store.Overspent):
        await workers[0].transact(lambda tx: store.save_moved(tx, [Move(budget_id, value)]))
