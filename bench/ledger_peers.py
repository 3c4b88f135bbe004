"""What the ledger is compared with: the bare writes, and how a ledger is commonly written."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.incentive.ledger.domain import Transfer

CONNECTIONS = 16

_COLUMNS = """
INSERT INTO transfer (transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo,
                      post_time, debit_position, credit_position)
"""

_BARE = f"""
WITH written AS (
    {_COLUMNS}
    SELECT key, fingerprint, id, debit, credit, asset, amount, memo, post_time, number, number
    FROM (
        SELECT posting.*, nextval('transfer_number') AS number FROM unnest(
            $1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
            $9::timestamptz[]
        ) AS posting (key, fingerprint, id, debit, credit, asset, amount, memo, post_time)
    ) AS numbered
)
UPDATE account SET balance = account.balance + moved.amount, sequence = sequence + 1
FROM unnest($10::text[], $11::bigint[]) AS moved (account, amount)
WHERE account.account = moved.account AND asset = 'points'
"""

_LOCK = "SELECT account, balance FROM account WHERE account = ANY($1) AND asset = $2 ORDER BY account FOR UPDATE"
_MOVE = "UPDATE account SET balance = balance + $3, sequence = sequence + 1 WHERE account = $1 AND asset = $2"
_NUMBER = "nextval('transfer_number')"
_INSERT = f"{_COLUMNS} SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, number, number FROM {_NUMBER} AS number"


def _row(item: Transfer) -> tuple[Any, ...]:
    return (
        item.key,
        item.fingerprint,
        item.transfer_id,
        item.debit.name,
        item.credit.name,
        item.debit.asset,
        item.amount,
        item.memo,
        item.post_time,
    )


class Bare:
    """The limit: inserts the rows and adds to the balances in one statement per batch. It checks nothing at all."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Bare"]:
        """On one connection, for the length of a block."""
        connection = await asyncpg.connect(url)
        yield cls(connection)
        await connection.close()

    async def write(self, batch: Sequence[Transfer]) -> list[None]:
        """Write a batch."""
        moved: Counter[str] = Counter()
        for item in batch:
            moved[item.debit.name] -= item.amount
            moved[item.credit.name] += item.amount
        columns = [list(column) for column in zip(*map(_row, batch), strict=True)]
        await self._connection.execute(_BARE, *columns, list(moved), list(moved.values()))
        return [None] * len(batch)


class RowLocks:
    """A transaction per transfer: lock both accounts in order, check, insert, update, commit."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["RowLocks"]:
        """On a pool, for the length of a block."""
        async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            yield cls(pool)

    async def post(self, item: Transfer) -> None:
        """Post one transfer. Raises `AssertionError` when the balance does not cover it."""
        async with self._pool.acquire() as connection, connection.transaction():
            held = dict(await connection.fetch(_LOCK, [item.debit.name, item.credit.name], item.debit.asset))
            assert held[item.debit.name] >= item.amount, "insufficient"
            await connection.execute(_INSERT, *_row(item))
            await connection.execute(_MOVE, item.debit.name, item.debit.asset, -item.amount)
            await connection.execute(_MOVE, item.credit.name, item.credit.asset, item.amount)
