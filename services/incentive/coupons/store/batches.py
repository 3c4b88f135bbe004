"""Batches of codes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.coupons.domain.batches import Batch, BatchState
from services.incentive.coupons.errors import CouponBatchNotFound

_BATCH = "SELECT batch_id, template_id, code_count, made_count, state, create_time FROM coupon_batch"

_INSERT = """
INSERT INTO coupon_batch (batch_id, template_id, code_count, made_count, state, create_time)
VALUES ($1, $2, $3, $4, $5, $6)
"""

_CODES = """
SELECT coupon_id FROM coupon WHERE batch_id = $1 AND coupon_id > $2 ORDER BY coupon_id LIMIT $3
"""


async def insert_batch(tx: Tx, batch: Batch) -> None:
    """Add a batch."""
    await (await driver(tx)).execute(
        _INSERT,
        batch.batch_id,
        batch.template_id,
        batch.code_count,
        batch.made_count,
        batch.state,
        batch.create_time,
    )


async def get_batch(tx: ReadTx, batch_id: UUID) -> Batch:
    """A batch. Raises `CouponBatchNotFound`."""
    return _found(await (await driver(tx)).fetchrow(f"{_BATCH} WHERE batch_id = $1", batch_id), batch_id)


async def lock_batch(tx: Tx, batch_id: UUID) -> Batch:
    """Be the only one who makes or ends a batch. Raises `CouponBatchNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_BATCH} WHERE batch_id = $1 FOR UPDATE", batch_id)
    return _found(row, batch_id)


async def lock_running(tx: Tx) -> Batch | None:
    """The oldest batch to be made that nobody makes at this moment."""
    query = f"{_BATCH} WHERE state = 'running' ORDER BY batch_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    row = await (await driver(tx)).fetchrow(query)
    return None if row is None else _batch(row)


async def save_batch(tx: Tx, batch: Batch) -> None:
    """Keep how far a held batch is."""
    query = "UPDATE coupon_batch SET made_count = $2, state = $3 WHERE batch_id = $1"
    await (await driver(tx)).execute(query, batch.batch_id, batch.made_count, batch.state)


async def list_codes(tx: ReadTx, batch_id: UUID, *, after: UUID, limit: int) -> Sequence[UUID]:
    """The coupons of a batch in the order in which they were made."""
    return [row[0] for row in await (await driver(tx)).fetch(_CODES, batch_id, after, limit)]


def _found(row: Any, batch_id: UUID) -> Batch:
    if row is None:
        raise CouponBatchNotFound(batch_id)
    return _batch(row)


def _batch(row: Any) -> Batch:
    batch_id, template_id, code_count, made_count, state, create_time = row
    return Batch(batch_id, template_id, code_count, made_count, BatchState(state), create_time)
