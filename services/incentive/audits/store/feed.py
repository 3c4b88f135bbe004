"""Positions in the ledger, and transfers by them."""

from collections.abc import Sequence
from typing import Any

from chassis.db import ReadTx, Tx, driver

_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_LOCK = "SELECT xact FROM ledger_cursor WHERE reader = $1 FOR UPDATE SKIP LOCKED"
_MOVE = "UPDATE ledger_cursor SET xact = $2 WHERE reader = $1"
_POSTED = """
SELECT transfer_key, transfer_id, debit_account, credit_account, asset, amount, post_time FROM transfer
WHERE xact >= $1 AND xact < $2 ORDER BY xact, transfer_key
"""


async def find_horizon(tx: ReadTx) -> int:
    """The oldest transaction that is still open. All before it are done, and no transfer comes below it any more."""
    return int(await (await driver(tx)).fetchval(_HORIZON))


async def lock_cursor(tx: Tx, reader: str) -> int | None:
    """How far a reader has come, held. None when another replica is at it."""
    xact: int | None = await (await driver(tx)).fetchval(_LOCK, reader)
    return xact


async def move_cursor(tx: Tx, reader: str, xact: int) -> None:
    """Note how far a reader has come."""
    await (await driver(tx)).execute(_MOVE, reader, xact)


async def list_posted(tx: ReadTx, first: int, end: int) -> Sequence[Any]:
    """The transfers of a span of transactions."""
    rows: Sequence[Any] = await (await driver(tx)).fetch(_POSTED, first, end)
    return rows
