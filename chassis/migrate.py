"""Bringing a database to the schema that the code knows, one migration after another."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

T = TypeVar("T")

_LOCK = 0x626F77656E  # "bowen"


class MigrationError(Exception):
    """A schema is not what it must be. The message says what to do."""


class SchemaBehind(MigrationError):
    """The database is older than the code."""


class MigrationFailed(MigrationError):
    """A migration stopped; what it had done was rolled back, what came before it stays."""


def upgrade(url: str, migrations: Path) -> None:
    """Run every migration of the folder that the database has not seen, each in its own transaction.

    Several processes may do this at once: one works, the others wait and find nothing left to do.
    """
    _run(_with_engine(url, lambda engine: _upgrade(engine, migrations)))


def check(url: str, migrations: Path) -> None:
    """Raises `SchemaBehind` when the database is older than the code. A newer one is accepted: it is compatible."""
    _run(_with_engine(url, lambda engine: _check(engine, migrations)))


async def _upgrade(engine: AsyncEngine, migrations: Path) -> None:
    async with engine.connect() as guard, guard.begin():
        await guard.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        async with engine.connect() as connection:
            await connection.run_sync(_run_migrations, _scripts(migrations))
            await connection.commit()


def _run_migrations(connection: Connection, scripts: ScriptDirectory) -> None:
    running = ""

    def missing(revision: Any, context: MigrationContext) -> Any:
        nonlocal running
        known = _known(scripts, context.get_current_heads())
        if known is None:
            return []  # the database is newer than this code
        for step in scripts._upgrade_revs("head", known):  # type: ignore[arg-type]
            running = str(step.revision.revision)
            yield step

    environment = EnvironmentContext(Config(), scripts, fn=missing, destination_rev="head")
    try:
        with environment:
            environment.configure(connection=connection, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
    except Exception as error:
        raise MigrationFailed(f"migration {running or '(none)'} failed and was rolled back: {error}") from error


async def _check(engine: AsyncEngine, migrations: Path) -> None:
    scripts = _scripts(migrations)
    async with engine.connect() as connection:
        heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    head = scripts.get_current_head()
    if _known(scripts, heads) is not None and head not in heads:
        found = ", ".join(heads) or "empty"
        raise SchemaBehind(f"the database is at {found}, the code needs {head}: run the component's `migrate` first")


def _known(scripts: ScriptDirectory, heads: tuple[str, ...]) -> tuple[str, ...] | None:
    """The database's revisions, or None if one of them is from later code."""
    revisions = {script.revision for script in scripts.walk_revisions()}
    return heads if revisions.issuperset(heads) else None


def _scripts(migrations: Path) -> ScriptDirectory:
    folder = migrations / "versions" if (migrations / "versions").is_dir() else migrations
    return ScriptDirectory(str(migrations), version_locations=[str(folder)])


async def _with_engine(url: str, work: Callable[[AsyncEngine], Coroutine[Any, Any, T]]) -> T:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        return await work(engine)
    finally:
        await engine.dispose()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, also when the caller stands in a running loop (tests, runners)."""
    outcome: list[T | BaseException] = []

    def thread() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            outcome.append(error)

    worker = threading.Thread(target=thread, name="migrate")
    worker.start()
    worker.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result
