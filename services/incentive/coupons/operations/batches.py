"""Making codes by the million, a portion per transaction.

Rows are held in one order: batches, then coupons and templates.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.coupons.domain import batches as domain
from services.incentive.coupons.domain.batches import Batch
from services.incentive.coupons.domain.codes import code_of
from services.incentive.coupons.domain.coupons import Coupon
from services.incentive.coupons.domain.templates import check_issuable
from services.incentive.coupons.store import batches as store
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import templates as template_store

CODES_AT_ONCE_MAX = 1_000


async def create_batch(tx: Tx, batch: Batch) -> None:
    """Have codes made. Their units are in flight from now on. Raises `CouponTemplateNotFound`, `SoldOut`,
    `StockInFlight`, `CouponExpired`."""
    template = await template_store.lock_template(tx, batch.template_id)
    check_issuable(template, now=batch.create_time, count=batch.code_count)
    await template_store.move_counts(tx, [(batch.template_id, 0, 0, batch.code_count)])
    await store.insert_batch(tx, batch)


async def make_some(tx: Tx, *, new_id: Callable[[], UUID], random_bits: Callable[[], int], now: datetime) -> bool:
    """Make the next codes of some batch. Returns whether there was one.

    The codes and how far the batch is are one transaction: whoever goes on after a crash starts where it ended.
    """
    batch = await store.lock_running(tx)
    if batch is None:
        return False
    count = min(CODES_AT_ONCE_MAX, batch.left)
    made = [
        Coupon(new_id(), batch.template_id, code_of(random_bits()), None, None, now, batch_id=batch.batch_id)
        for _ in range(count)
    ]
    await coupon_store.insert_coupons(tx, made)
    await store.save_batch(tx, domain.advanced(batch, count))
    await template_store.move_counts(tx, [(batch.template_id, count, 0, -count)])
    return True


async def cancel_batch(tx: Tx, batch_id: UUID) -> Batch:
    """Have no more codes made; the units of those that are not go back. Raises `CouponBatchNotFound`."""
    batch = await store.lock_batch(tx, batch_id)
    if batch.left:
        await template_store.move_counts(tx, [(batch.template_id, 0, 0, -batch.left)])
        batch = domain.cancelled(batch)
        await store.save_batch(tx, batch)
    return batch
