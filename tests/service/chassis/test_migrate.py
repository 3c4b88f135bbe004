"""Migrations on a real PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis import migrate
from chassis.db import Database
from chassis.migrate import MigrationFailed, SchemaBehind
from suite.embedded import Postgres
from tests.service.chassis.probe import count
from tests.waiting import run

FIRST = """
from alembic import op
from chassis import schema
revision, down_revision = "0001", None
def upgrade():
    for statement in schema.V1:
        op.execute(statement)
"""
SECOND = """
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.execute("CREATE TABLE second (n int)")
"""
BROKEN = """
from alembic import op
revision, down_revision = "0003", "0002"
def upgrade():
    op.execute("CREATE TABLE third (n int)")
    op.execute("CREATE TABLE second (n int)")
"""


@pytest.fixture
def url(postgres: Postgres, database_url: str) -> str:
    """An empty database: without even the chassis' tables."""
    name = database_url.rpartition("/")[2] + "_empty"
    run(postgres.create_databases(name))
    return postgres.url(name)


@pytest.fixture
def code(tmp_path: Path) -> Callable[..., Path]:
    """A version of the code that knows these migrations."""

    def write(*migrations: str) -> Path:
        folder = tmp_path / f"code{len(migrations)}"
        folder.mkdir()
        for number, content in enumerate(migrations, start=1):
            (folder / f"{number:04}_step.py").write_text(content)
        return folder

    return write


async def table_exists(url: str, name: str) -> bool:
    db = Database.open(url)
    async with db.read() as tx:
        found = (await tx.execute(text("SELECT to_regclass(:name)"), {"name": name})).scalar_one()
    await db.close()
    return found is not None


async def test_an_upgrade_brings_the_schema_that_the_code_knows(url: str, code: Callable[..., Path]) -> None:
    migrate.upgrade(url, code(FIRST, SECOND))

    migrate.check(url, code(FIRST))
    assert await table_exists(url, "outbox")
    assert await table_exists(url, "second")


def test_upgrading_twice_changes_nothing(url: str, code: Callable[..., Path]) -> None:
    folder = code(FIRST, SECOND)
    migrate.upgrade(url, folder)
    migrate.upgrade(url, folder)

    migrate.check(url, folder)


def test_an_empty_or_older_database_is_behind(url: str, code: Callable[..., Path]) -> None:
    with pytest.raises(SchemaBehind, match="empty, the code needs 0001"):
        migrate.check(url, first := code(FIRST))
    migrate.upgrade(url, first)

    with pytest.raises(SchemaBehind, match="0001, the code needs 0002"):
        migrate.check(url, code(FIRST, SECOND))


def test_a_newer_database_is_accepted_and_left_alone(url: str, code: Callable[..., Path]) -> None:
    migrate.upgrade(url, code(FIRST, SECOND))

    old = code(FIRST)
    migrate.check(url, old)
    migrate.upgrade(url, old)


async def test_a_migration_that_fails_is_rolled_back_and_those_before_it_stay(
    url: str, code: Callable[..., Path]
) -> None:
    with pytest.raises(MigrationFailed, match="migration 0003 failed and was rolled back"):
        migrate.upgrade(url, folder := code(FIRST, SECOND, BROKEN))

    assert await table_exists(url, "second")
    assert not await table_exists(url, "third")
    with pytest.raises(SchemaBehind, match="0002, the code needs 0003"):
        migrate.check(url, folder)


async def test_several_replicas_may_upgrade_at_once(url: str, code: Callable[..., Path]) -> None:
    folder = code(FIRST, SECOND)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate.upgrade(url, folder), range(4)))

    db = Database.open(url)
    async with db.read() as tx:
        assert await count(tx, "alembic_version") == 1
    await db.close()
