"""Leases under real concurrency, deaths and stalls: cases of spec value §3.5."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import pytest

from chassis.clock import FixedClock
from chassis.db import Tx, driver
from services.incentive.budgets import operations
from services.incentive.budgets.domain import Want
from tests.service.incentive.budgeting import PROGRAMME, Replica, replicas

WORKERS = 8
OUTSTANDING = "SELECT session, amount, spent FROM budget_lease WHERE open"


@pytest.fixture
async def pods(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Sequence[Replica]]:
    """Eight replicas on an empty database."""
    async with replicas(fresh_database("incentive"), *[clock] * WORKERS) as pods:
        yield pods


async def check(pod: Replica, cap: int) -> None:
    """What stands on the rows and what was given from leases agree, and the cap holds."""
    (row,) = await pod.rows(
        """
        SELECT max(committed), max(leased), (SELECT coalesce(sum(amount), 0)::bigint FROM budget_lease)
        FROM budget
        """
    )
    committed, leased, amount = row
    assert leased == amount
    assert committed + leased <= cap


async def test_bud_01_eight_workers_with_leases_spend_a_budget_to_the_last_unit(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(100_000)
    wants = iter(range(5_000 // 2))

    async def work(pod: Replica) -> tuple[int, int]:
        paid = asked = 0
        for _ in wants:
            paid += sum(await pod.spend(budget, 100, 100))
            asked += 2
        return paid, asked

    outcomes = await asyncio.gather(*(work(pod) for pod in pods for _ in range(2)))

    assert sum(asked for _, asked in outcomes) == 5_000
    assert sum(paid for paid, _ in outcomes) == 1_000
    assert await pods[0].committed(budget) == 100_000
    await check(pods[0], 100_000)


async def test_while_much_is_left_sessions_give_from_leases_and_leave_the_rows_alone(pods: Sequence[Replica]) -> None:
    root = await pods[0].create(10**9, kind=PROGRAMME)
    budget = await pods[0].create(10**9, root)
    await pods[0].spend(budget, 10)
    before = await pods[0].rows("SELECT committed FROM budget")

    await asyncio.gather(*(pods[0].spend(budget, 10) for _ in range(15)))

    assert await pods[0].committed(root) == await pods[0].committed(budget) == 160
    leases = await pods[0].rows(OUTSTANDING)
    assert len({session for session, _, _ in leases}) == len(leases) <= 4  # the sessions of the pool
    assert sum(spent for _, _, spent in leases) == 160
    assert await pods[0].rows("SELECT committed FROM budget") == before
    await check(pods[0], 10**9)


async def test_bud_02_what_a_killed_worker_has_not_spent_comes_back_after_its_time(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(1_000_000)
    await pods[0].spend(budget, 10)
    drawing, dead = asyncio.Event(), asyncio.Event()

    async def die_drawing(tx: Tx) -> None:
        purse = await operations.open_purse(tx, wants=[Want(UUID(budget), 10)])
        assert purse.reserve(Want(UUID(budget), 10))
        await operations.save_purse(tx, purse)
        victims.append(await (await driver(tx)).fetchval("SELECT pg_backend_pid()"))
        drawing.set()
        await dead.wait()

    victims: list[int] = []
    worker = asyncio.create_task(pods[0].db.transact(die_drawing))
    await drawing.wait()
    ((killed,),) = await pods[1].rows("SELECT pg_terminate_backend($1)", victims[0])
    dead.set()
    assert killed
    assert isinstance((await asyncio.gather(worker, return_exceptions=True))[0], Exception)

    assert await pods[1].committed(budget) == 10
    await pods[1].db.transact(_let_leases_end)
    await pods[1].db.transact(operations.fold_some)
    assert await pods[1].rows("SELECT * FROM budget_lease") == []
    await pods[1].cap(budget, 1_000)
    assert sum(await pods[1].spend(budget, *[10] * 101)) == 99
    assert await pods[1].committed(budget) == 1_000


async def _let_leases_end(tx: Tx) -> None:
    await (await driver(tx)).execute("UPDATE budget_lease SET expire_time = clock_timestamp()")


async def test_a_worker_that_stalls_beyond_its_time_is_waited_for_and_counted_once(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(1_000_000)
    await pods[0].spend(budget, 10)
    drawing, awake = asyncio.Event(), asyncio.Event()

    async def stall(tx: Tx) -> bool:
        purse = await operations.open_purse(tx, wants=[Want(UUID(budget), 10)])
        paid = purse.reserve(Want(UUID(budget), 10))
        await operations.save_purse(tx, purse)
        drawing.set()
        await awake.wait()
        return paid

    zombie = asyncio.create_task(pods[0].db.transact(stall))
    await drawing.wait()
    everything = asyncio.create_task(pods[1].spend(budget, 999_980, 1))
    await asyncio.wait([everything], timeout=0.05)
    assert not everything.done()
    awake.set()

    assert await zombie
    assert await everything == [True, False]
    assert await pods[2].committed(budget) == 1_000_000


async def test_a_lease_that_ended_while_its_worker_slept_is_not_drawn_on(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(1_000_000)
    await pods[0].spend(budget, 10)
    await pods[1].db.transact(_let_leases_end)
    await pods[1].spend(budget, 10)

    await asyncio.gather(*(pods[0].spend(budget, 10) for _ in range(8)))

    assert await pods[0].committed(budget) == 100
    await check(pods[0], 1_000_000)


async def test_what_is_rolled_back_is_not_drawn(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(1_000_000)
    await pods[0].spend(budget, 10)

    async def fail(tx: Tx) -> None:
        await operations.reserve_all(tx, [Want(UUID(budget), 10)])
        raise LookupError

    for _ in range(8):
        with pytest.raises(LookupError):
            await pods[0].db.transact(fail)

    assert await pods[0].committed(budget) == 10
    await check(pods[0], 1_000_000)


async def test_siblings_with_leases_give_the_parents_last_unit(pods: Sequence[Replica]) -> None:
    root = await pods[0].create(50_000, kind=PROGRAMME)
    children = [await pods[0].create(10**6, root) for _ in range(3)]

    async def work(pod: Replica, number: int) -> int:
        paid = 0
        for turn in range(150):
            paid += sum(await pod.spend(children[(number + turn) % 3], 10, 20, 30))
        return paid

    await asyncio.gather(*(work(pod, number) for number, pod in enumerate(pods)))

    assert await pods[0].committed(root) == 50_000
    assert sum([await pods[0].committed(child) for child in children]) == 50_000


async def test_bud_05_a_lowered_cap_calls_leases_back(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(1_000_000)
    await asyncio.gather(*(pod.spend(budget, 10) for pod in pods))
    assert await pods[0].rows(OUTSTANDING)

    await pods[0].cap(budget, 80)

    assert await asyncio.gather(*(pod.spend(budget, 10) for pod in pods)) == [[False]] * WORKERS
    assert await pods[0].committed(budget) == 80


async def test_what_was_given_from_leases_can_be_put_back_at_once(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(1_000_000)
    await asyncio.gather(*(pod.spend(budget, 10) for pod in pods))

    await pods[0].put_back(budget, 75)

    assert await pods[0].committed(budget) == 5
    await check(pods[0], 1_000_000)


async def test_a_purse_for_what_is_not_known_holds_all_and_pays_to_the_last_unit(pods: Sequence[Replica]) -> None:
    budget = UUID(await pods[0].create(1_000_000))
    await asyncio.gather(*(pod.spend(str(budget), 10) for pod in pods))

    async def work(tx: Tx) -> list[bool]:
        purse = await operations.open_purse(tx, [budget], wants=[Want(budget, 5)])
        purse.release(Want(budget, 30))
        paid = [purse.reserve(Want(budget, amount)) for amount in (5, 999_945, 1)]
        await operations.save_purse(tx, purse)
        return paid

    assert await pods[0].db.transact(work) == [True, True, False]
    assert await pods[0].committed(str(budget)) == 1_000_000
