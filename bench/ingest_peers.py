"""The limit of ingest: COPY of the rows that it wrote into the same tables of another database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

TABLES = {
    "message": "key",
    "profile": "profile_id",
    "identifier": "key",
    "attribute_set": "profile_id",
    "event": "event_id",
    "outbox": "outbox_id",
}
"""The tables that ingest writes, with the key that tells which rows are new."""
COPIES_AT_ONCE = 2

Portion = dict[str, list[Any]]
"""Rows by table, for one transaction."""


class Copy:
    """Copies the rows that one database has gained into another, on as many connections as ingest has lanes."""

    def __init__(self, source: Any, target: Any) -> None:
        self._source, self._target = source, target
        self._copied: dict[str, set[Any]] = {table: set() for table in TABLES}
        self._columns: dict[str, list[str]] = {}

    @classmethod
    @asynccontextmanager
    async def between(cls, source_url: str, target_url: str) -> AsyncIterator["Copy"]:
        """For the length of a block."""
        async with (
            asyncpg.create_pool(source_url, min_size=1, max_size=1) as source,
            asyncpg.create_pool(target_url, min_size=COPIES_AT_ONCE, max_size=COPIES_AT_ONCE) as target,
        ):
            yield cls(source, target)

    async def gained(self, portions: int) -> list[Portion]:
        """The rows that the source has gained since it was last asked, cut into equal transactions."""
        cut: list[Portion] = [{} for _ in range(portions)]
        for table, key in TABLES.items():
            known = self._copied[table]
            rows = [row for row in await self._source.fetch(f"SELECT * FROM {table}") if row[key] not in known]
            self._copied[table].update(row[key] for row in rows)
            if rows:
                self._columns[table] = list(rows[0].keys())
            size = -(-len(rows) // portions) or 1
            for number, portion in enumerate(cut):
                portion[table] = [tuple(row) for row in rows[number * size : (number + 1) * size]]
        return cut

    async def write(self, portion: Portion) -> None:
        """Copy one transaction's rows."""
        async with self._target.acquire() as connection, connection.transaction():
            for table, rows in portion.items():
                if rows:
                    await connection.copy_records_to_table(table, records=rows, columns=self._columns[table])


async def counts(url: str, *statements: str) -> Sequence[int]:
    """What these statements count."""
    connection = await asyncpg.connect(url)
    found = [int(await connection.fetchval(statement) or 0) for statement in statements]
    await connection.close()
    return found
