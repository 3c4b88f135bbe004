"""The database: the only place where a transaction begins, commits and is repeated."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NewType, TypeVar, cast

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from chassis.errors import Conflict, DeadlineExceeded, Overloaded, Refusal, Unavailable

T = TypeVar("T")

ReadTx = NewType("ReadTx", AsyncConnection)
"""A read-only snapshot. Every query takes one."""

Tx = NewType("Tx", ReadTx)
"""A transaction that may write. Nobody who is handed one commits it."""

ATTEMPTS_MAX = 5
STATEMENT_SECONDS_MAX = 15.0
LOCK_SECONDS_MAX = 2.0
IDLE_SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX = 5.0
POOL_WAIT_SECONDS_MAX = 2.0

LOCK_NOT_AVAILABLE = "55P03"
_SERIALIZATION = frozenset({"40001", "40P01"})
_CANCELED = "57014"
_MARKS = "bowen.marks"
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class DatabaseConflict(Conflict):
    """Other transactions kept coming between, or held a row for too long."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, or is starting or stopping."""


class DatabaseDeadline(DeadlineExceeded):
    """A statement took longer than it may."""


class Database:
    """One database with a bounded pool of connections.

    The settings of a transaction travel with its `BEGIN`, so that a session keeps no state of its own and a
    pooler in transaction mode may stand in between.
    """

    def __init__(self, engine: AsyncEngine, lock_seconds_max: float) -> None:
        settings = (
            f"; SET LOCAL statement_timeout = {round(STATEMENT_SECONDS_MAX * 1000)}"
            f"; SET LOCAL lock_timeout = {round(lock_seconds_max * 1000)}"
            f"; SET LOCAL idle_in_transaction_session_timeout = {round(IDLE_SECONDS_MAX * 1000)}"
        )
        self._engine = engine
        self._pool = cast(QueuePool, engine.pool)
        self._spare: tuple[AsyncConnection, Any] | None = None
        self._begin_write = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" + settings
        self._begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" + settings
        self._wakes: dict[str, list[Callable[[], None]]] = defaultdict(list)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        pool_max: int = 10,
        application_name: str = "bowen",
        lock_seconds_max: float = LOCK_SECONDS_MAX,
        pool_seconds_max: float = POOL_WAIT_SECONDS_MAX,
    ) -> "Database":
        """Describe the database at `url`. Connections are made when they are needed."""
        engine = create_async_engine(
            url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+asyncpg://", 1),
            isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are sent below, with the settings, in one round trip
            pool_size=pool_max,
            max_overflow=0,
            pool_timeout=pool_seconds_max,
            connect_args={
                "timeout": CONNECT_SECONDS_MAX,
                "command_timeout": 2 * STATEMENT_SECONDS_MAX,
                "server_settings": {"application_name": application_name},
            },
        )
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        return cls(engine, lock_seconds_max)

    async def transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Do `work` in one transaction, and commit it. The only commit there is.

        A serialization failure or deadlock repeats the work from the start, so it must have no other effect.
        Raises what the work raises; errors of the driver become `Conflict`, `Unavailable`, `DeadlineExceeded` or
        `Overloaded`, except violated constraints, which stay `sqlalchemy.exc.IntegrityError`.
        """
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                result, marks = await self._attempt(work)
            except Exception as error:
                refusal = refusal_of(error)
                if sqlstate(error) in _SERIALIZATION and attempt < ATTEMPTS_MAX:
                    await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 (jitter)
                    continue
                if refusal is None:
                    raise
                raise refusal from error
            self._wake(marks)
            return result
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, work: Callable[[Tx], Awaitable[T]]) -> tuple[T, set[str]]:
        async with self._begun(self._begin_write) as tx:
            marks: set[str] = set()
            tx.info[_MARKS] = marks
            result = await work(Tx(ReadTx(tx)))
            await _commit(tx)
            return result, marks

    async def alone(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement that is a transaction of its own, in one round trip. Returns its rows.

        It is never repeated, and how long it waits for locks it says itself. Raises as `transact` does.
        """
        try:
            rows = await self._fetch(statement, arguments)
        except TimeoutError as error:
            raise DatabaseDeadline("the database took too long") from error
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
        self._wake(set())
        return rows

    async def _fetch(self, statement: str, arguments: Sequence[Any]) -> list[Any]:
        connection, raw = await self._take()
        kept = False
        try:
            rows: list[Any] = await raw.fetch(statement, *arguments, timeout=STATEMENT_SECONDS_MAX)
            kept = self._keep(connection, raw)
        except (asyncio.CancelledError, TimeoutError):  # nobody knows what the server still does with it
            await asyncio.shield(connection.invalidate())
            raise
        finally:
            if not kept:
                await asyncio.shield(connection.close())
        return rows

    async def _take(self) -> tuple[AsyncConnection, Any]:
        """The spare connection, or else one of the pool."""
        spare, self._spare = self._spare, None
        if spare is not None:
            connection, raw = spare
            if not raw.is_closed():
                return spare
            await asyncio.shield(connection.close())
        connection = await self._open()
        return connection, await _raw(connection)

    def _keep(self, connection: AsyncConnection, raw: Any) -> bool:
        """Keep a connection as the spare: getting one of the pool costs a fourth of a short statement.

        There is none while the pool has no other: nobody waits for a connection that is not used.
        """
        if self._spare is not None or self._is_drained():
            return False
        self._spare = connection, raw
        return True

    async def _give_spare_up(self) -> None:
        if self._spare is not None:
            (connection, _), self._spare = self._spare, None
            await asyncio.shield(connection.close())

    def _is_drained(self) -> bool:
        return self._pool.checkedout() >= self._pool.size()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[ReadTx]:
        """A read-only transaction in which every query sees the same moment."""
        try:
            async with self._begun(self._begin_read) as tx:
                yield ReadTx(tx)
                await _commit(tx)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error

    @contextlib.asynccontextmanager
    async def _begun(self, begin: str) -> AsyncIterator[AsyncConnection]:
        async with self._connected() as connection:
            raw = await _begin(connection, begin)
            try:
                yield connection
            finally:
                if raw.is_closed() or raw.is_in_transaction():
                    await asyncio.shield(_abandon(connection, raw))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        connection = await self._open()
        try:
            yield connection
        finally:
            await asyncio.shield(connection.close())

    async def _open(self) -> AsyncConnection:
        if self._is_drained():
            await self._give_spare_up()
        connection = self._engine.connect()
        try:
            return await connection.start()
        except OSError as error:  # refused, unreachable, no such host, no answer in time
            raise DatabaseUnavailable("the database cannot be reached", retry_after=1.0) from error

    def on_commit(self, wake: Callable[[], None], *, of: str = "") -> None:
        """Call `wake` after every commit of `transact`, or only of those transactions that `mark` called `of`."""
        self._wakes[of].append(wake)

    def _wake(self, marks: set[str]) -> None:
        for mark_name in ("", *marks):
            for wake in self._wakes.get(mark_name, ()):
                wake()

    async def ping(self) -> None:
        """Raises `Unavailable` when the database does not answer."""
        async with self.read() as tx:
            await tx.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        """Close all connections."""
        await self._give_spare_up()
        await self._engine.dispose()


async def driver(tx: ReadTx) -> Any:
    """The `asyncpg.Connection` of this very transaction, for prepared statements, arrays and COPY.

    Savepoints are `tx.begin_nested()`; `transaction()` of the driver does not know that one has begun.
    """
    return await _raw(tx)


def mark(tx: Tx, name: str) -> None:
    """Have the listeners of `on_commit(…, of=name)` woken if this transaction commits."""
    tx.info[_MARKS].add(name)


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a driver's error, however it is wrapped; empty if it has none."""
    inner = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(getattr(inner, "sqlstate", None) or "")


def violated(error: Exception) -> str:
    """The name of the constraint that a statement violated, be it of SQLAlchemy or of the driver; else empty."""
    cause: BaseException | None = error.orig if isinstance(error, exc.DBAPIError) else error
    while cause is not None and not getattr(cause, "constraint_name", None):
        cause = cause.__cause__
    return str(getattr(cause, "constraint_name", None) or "")


def refusal_of(error: BaseException) -> Refusal | None:
    """The refusal that an error of the driver amounts to; None for refusals and everything else."""
    if isinstance(error, Refusal):
        return None
    state = sqlstate(error)
    if state in _SERIALIZATION or state == LOCK_NOT_AVAILABLE:
        return DatabaseConflict("another change came between")
    if state == _CANCELED:
        return DatabaseDeadline("the database took too long")
    if isinstance(error, exc.TimeoutError):
        return Overloaded("too many transactions at once")
    if _is_outage(error, state):
        return DatabaseUnavailable("the database is not available", retry_after=1.0)
    return None


def _is_outage(error: BaseException, state: str) -> bool:
    if state.startswith(("08", "57P0", "53")) or state in ("25P03", "25P04"):
        return True
    if isinstance(error, asyncpg.InternalClientError):  # the server's farewell came between two statements
        return True
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    inner = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(inner, asyncpg.InterfaceError) or type(inner).__name__ == "InterfaceError":
        return "clos" in str(inner)  # "connection is closed", "connection was closed in the middle of operation"
    return isinstance(inner, ConnectionError)


async def _raw(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


async def _begin(connection: AsyncConnection, begin: str) -> Any:
    """Begin, on another connection if the server has just ended this one: nothing was done on it yet."""
    raw = await _raw(connection)
    try:
        await raw.execute(begin)
    except _DRIVER_ERRORS:
        await connection.invalidate()
        raw = await _raw(connection)
        await raw.execute(begin)
    return raw


async def _commit(connection: AsyncConnection) -> None:
    outcome = await (await _raw(connection)).execute("COMMIT")
    if outcome != "COMMIT":
        raise RuntimeError("a statement failed and the work went on: nothing was committed; use a savepoint")


async def _abandon(connection: AsyncConnection, raw: Any) -> None:
    """Roll back; a connection that cannot even do that is thrown away."""
    try:
        await raw.execute("ROLLBACK", timeout=CONNECT_SECONDS_MAX)
    except _DRIVER_ERRORS:
        await connection.invalidate()


def _refuse_closed(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool replace a connection that the server closed while nobody used it."""
    if dbapi_connection.driver_connection.is_closed():
        raise exc.DisconnectionError
