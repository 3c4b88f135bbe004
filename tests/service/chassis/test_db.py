"""Transactions on a real PostgreSQL."""

import asyncio
from functools import partial

import asyncpg
import pytest
from sqlalchemy import exc, text

from chassis.db import Database, DatabaseConflict, DatabaseDeadline, ReadTx, Tx, driver, mark, violated
from chassis.errors import FailedPrecondition, Overloaded, Unavailable
from suite.embedded import free_port
from tests.waiting import eventually


@pytest.fixture
async def counter(db: Database) -> Database:
    async def create(tx: Tx) -> None:
        await tx.execute(text("CREATE TABLE counter (id int CONSTRAINT counter_pkey PRIMARY KEY, n int NOT NULL)"))
        await tx.execute(text("ALTER TABLE counter ADD CONSTRAINT counter_positive CHECK (n >= 0)"))
        await tx.execute(text("INSERT INTO counter VALUES (1, 0), (2, 0)"))

    await db.transact(create)
    return db


async def total(db: Database) -> int:
    async with db.read() as tx:
        return int((await tx.execute(text("SELECT sum(n) FROM counter"))).scalar_one())


async def add(tx: Tx, key: int = 1) -> None:
    await tx.execute(text("UPDATE counter SET n = n + 1 WHERE id = :key"), {"key": key})


async def test_what_the_work_did_is_there_after_the_commit(counter: Database) -> None:
    await counter.transact(add)

    assert await total(counter) == 1


async def test_work_that_refuses_changes_nothing(counter: Database) -> None:
    async def refuse(tx: Tx) -> None:
        await add(tx)
        raise FailedPrecondition("no")

    with pytest.raises(FailedPrecondition):
        await counter.transact(refuse)

    assert await total(counter) == 0


async def test_a_cancelled_transaction_changes_nothing_and_leaves_the_pool_whole(database_url: str) -> None:
    db = Database.open(database_url, pool_max=1)
    begun = asyncio.Event()

    async def wait(tx: Tx) -> None:
        await tx.execute(text("CREATE TABLE never (id int)"))
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(db.transact(wait))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async with db.read() as tx:
        assert (await tx.execute(text("SELECT to_regclass('never')"))).scalar_one() is None
    await db.close()


async def test_a_statement_cancelled_in_flight_leaves_the_pool_whole(database_url: str) -> None:
    db = Database.open(database_url, pool_max=1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await db.transact(lambda tx: tx.execute(text("SELECT pg_sleep(5)")))

    await db.ping()
    await db.close()


async def test_a_reading_transaction_cannot_write(counter: Database) -> None:
    with pytest.raises(exc.DBAPIError, match="read-only"):
        async with counter.read() as tx:
            await add(Tx(tx))

    assert await total(counter) == 0


async def test_a_reading_transaction_sees_one_moment(counter: Database) -> None:
    async with counter.read() as tx:
        before = await _sum(tx)
        await counter.transact(add)
        after = await _sum(tx)

    assert (before, after) == (0, 0)


async def _sum(tx: ReadTx) -> int:
    return int((await tx.execute(text("SELECT sum(n) FROM counter"))).scalar_one())


async def test_a_deadlock_is_repeated_until_both_are_done(counter: Database) -> None:
    barrier = asyncio.Barrier(2)
    met = False

    async def crosswise(tx: Tx, first: int, second: int) -> None:
        nonlocal met
        await add(tx, first)
        if not met:
            await barrier.wait()
            met = True
        await add(tx, second)

    await asyncio.gather(
        counter.transact(lambda tx: crosswise(tx, 1, 2)), counter.transact(lambda tx: crosswise(tx, 2, 1))
    )

    assert await total(counter) == 4


async def test_a_row_that_stays_locked_is_a_conflict(counter: Database, database_url: str) -> None:
    impatient = Database.open(database_url, lock_seconds_max=0.05)

    async def hold(tx: Tx) -> None:
        await add(tx)
        with pytest.raises(DatabaseConflict):
            await impatient.transact(add)

    await counter.transact(hold)

    assert await total(counter) == 1
    await impatient.close()


async def test_a_statement_alone_is_a_transaction_that_wakes_those_who_wait_for_commits(counter: Database) -> None:
    woken: list[int] = []
    counter.on_commit(lambda: woken.append(1))

    rows = await counter.alone("UPDATE counter SET n = n + $1 WHERE id = $2 RETURNING n", 5, 1)

    assert ([tuple(row) for row in rows], woken) == ([(5,)], [1])
    assert await total(counter) == 5


async def test_a_statement_alone_that_fails_changes_nothing_and_fails_as_in_a_transaction(
    counter: Database, database_url: str
) -> None:
    small = Database.open(database_url, pool_max=1)
    nowhere = Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")

    with pytest.raises(asyncpg.CheckViolationError) as check:
        await small.alone("UPDATE counter SET n = n - id")
    with pytest.raises(Unavailable):
        await nowhere.alone("SELECT 1")

    async def hold(tx: Tx) -> None:
        await add(tx)
        with pytest.raises(DatabaseConflict):
            await small.alone("SELECT set_config('lock_timeout', '50', false), n FROM counter FOR UPDATE")

    await counter.transact(hold)
    assert violated(check.value) == "counter_positive"
    assert await total(counter) == 1
    await small.close()


async def test_a_cancelled_statement_leaves_the_pool_whole(counter: Database, database_url: str) -> None:
    db = Database.open(database_url, pool_max=1)

    async def cancel_while_it_waits(tx: Tx) -> None:
        await add(tx)
        task = asyncio.create_task(db.alone("UPDATE counter SET n = n + 10"))
        await eventually(partial(is_waiting, counter))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await counter.transact(cancel_while_it_waits)

    assert [row[0] for row in await db.alone("SELECT sum(n) FROM counter")] == [1]
    await db.close()


async def test_the_connection_that_is_kept_for_statements_alone_is_never_waited_for(
    counter: Database, database_url: str
) -> None:
    db = Database.open(database_url, pool_max=2)
    await db.alone("UPDATE counter SET n = n + 1 WHERE id = 1")
    both = asyncio.Barrier(2)

    async def meet(tx: Tx) -> None:
        await both.wait()

    await asyncio.gather(db.transact(meet), db.transact(meet))  # each has one of the two
    for _ in range(3):
        await db.alone("UPDATE counter SET n = n + 1 WHERE id = 1")

    assert await total(counter) == 4
    await db.close()


async def test_a_kept_connection_that_the_server_ended_is_replaced(counter: Database, database_url: str) -> None:
    db = Database.open(database_url, application_name="kept")
    await db.alone("UPDATE counter SET n = n + 1 WHERE id = 1")
    await counter.alone("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kept'")

    async def is_repeated() -> bool:
        try:
            await db.alone("UPDATE counter SET n = 10 WHERE id = 1")
        except Unavailable:  # what was on its way when the farewell came
            return False
        return True

    await eventually(is_repeated)

    assert await total(counter) == 10
    await db.close()


async def is_waiting(db: Database) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(await db.alone(query))


async def test_a_violated_constraint_is_told_by_its_name(counter: Database) -> None:
    with pytest.raises(exc.IntegrityError) as check:
        await counter.transact(lambda tx: tx.execute(text("UPDATE counter SET n = -1")))
    with pytest.raises(exc.IntegrityError) as unique:
        await counter.transact(lambda tx: tx.execute(text("INSERT INTO counter VALUES (1, 1)")))

    assert violated(check.value) == "counter_positive"
    assert violated(unique.value) == "counter_pkey"


async def test_work_that_swallows_a_failed_statement_is_not_taken_for_committed(counter: Database) -> None:
    async def swallow(tx: Tx) -> None:
        await add(tx)
        with pytest.raises(exc.IntegrityError):
            await tx.execute(text("INSERT INTO counter VALUES (1, 1)"))

    with pytest.raises(RuntimeError, match="savepoint"):
        await counter.transact(swallow)

    assert await total(counter) == 0


async def test_a_savepoint_keeps_the_transaction_alive(counter: Database) -> None:
    async def careful(tx: Tx) -> None:
        await add(tx)
        with pytest.raises(exc.IntegrityError):
            async with tx.begin_nested():
                await tx.execute(text("INSERT INTO counter VALUES (1, 1)"))

    await counter.transact(careful)

    assert await total(counter) == 1


async def test_the_driver_works_inside_the_same_transaction(counter: Database) -> None:
    async def refuse(tx: Tx) -> None:
        await (await driver(tx)).execute("UPDATE counter SET n = 5")
        raise FailedPrecondition("no")

    with pytest.raises(FailedPrecondition):
        await counter.transact(refuse)

    assert await total(counter) == 0


async def test_a_statement_that_takes_too_long_is_out_of_time(db: Database) -> None:
    async def slow(tx: Tx) -> None:
        await tx.execute(text("SET LOCAL statement_timeout = 20"))
        await tx.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(DatabaseDeadline):
        await db.transact(slow)


async def test_a_session_keeps_no_settings_of_a_transaction(database_url: str) -> None:
    db = Database.open(database_url, pool_max=1)
    async with db.read() as tx:
        assert (await tx.execute(text("SHOW statement_timeout"))).scalar_one() == "15s"
        connection = await driver(tx)
    assert await connection.fetchval("SHOW statement_timeout") == "0"
    await db.close()


async def test_more_transactions_than_connections_are_shed(database_url: str) -> None:
    db = Database.open(database_url, pool_max=1, pool_seconds_max=0.1)

    async def nested(_: Tx) -> None:
        await db.ping()

    with pytest.raises(Overloaded):
        await db.transact(nested)
    await db.close()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    db = Database.open(f"postgresql://postgres:x@127.0.0.1:{free_port()}/profile")

    with pytest.raises(Unavailable):
        await db.ping()
    await db.close()


async def test_connections_that_the_server_ended_are_replaced(database_url: str, db: Database) -> None:
    other = Database.open(database_url, pool_max=2)
    await other.ping()
    async with db.read() as tx:
        await tx.execute(
            text("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                 "AND datname = current_database()")
        )  # fmt: skip

    async def answered() -> bool:
        await other.ping()
        return True

    assert await answered()
    await other.close()


async def test_listeners_hear_of_commits_and_of_their_own_marks_only(counter: Database) -> None:
    heard: list[str] = []
    counter.on_commit(lambda: heard.append("any"))
    counter.on_commit(lambda: heard.append("outbox"), of="outbox")

    async def marked(tx: Tx) -> None:
        mark(tx, "outbox")

    async def refused(tx: Tx) -> None:
        mark(tx, "outbox")
        raise FailedPrecondition("no")

    await counter.transact(add)
    await counter.transact(marked)
    with pytest.raises(FailedPrecondition):
        await counter.transact(refused)

    assert sorted(heard) == ["any", "any", "outbox"]
