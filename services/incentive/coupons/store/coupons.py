"""Coupons, each with who owns it now."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.coupons.domain.coupons import Coupon, Status, Traits
from services.incentive.coupons.errors import CouponNotFound

_COUPON = """
SELECT coupon.coupon_id, coupon.template_id, coupon.code, coupon.profile_id::text, coupon.number, coupon.issue_time,
       coupon.status, coupon.order_reference, coupon.redeem_time, coupon.lock_until, coupon.use_count,
       coupon.expire_time, coupon.grace_used, coupon.return_time, coupon.revoke_time, coupon.restocked,
       coupon.device, coupon.phone, coupon.payment, coupon.store_id, coupon.address, coupon.batch_id,
       coalesce(redirect.survivor_id, coupon.profile_id)::text AS owner_id
FROM coupon LEFT JOIN redirect ON redirect.loser_id = coupon.profile_id
"""

_BY_CODE = f"{_COUPON} WHERE coupon.code = ANY($1::text[])"

_LOCK = f"""
{_COUPON} WHERE coupon.code = ANY($1::text[]) OR coupon.coupon_id = ANY($2::uuid[])
ORDER BY coupon.coupon_id FOR NO KEY UPDATE OF coupon
"""

_ENDED = f"""
{_COUPON} WHERE coupon.status = 'locked' AND coupon.revoke_time IS NOT NULL AND coupon.lock_until <= $1
ORDER BY coupon.coupon_id LIMIT $2 FOR NO KEY UPDATE OF coupon SKIP LOCKED
"""

_BY_ID = f"{_COUPON} WHERE coupon.coupon_id = ANY($1::uuid[])"

_LIST = f"""
{_COUPON} WHERE coupon.profile_id = ANY($1::uuid[]) AND coupon.coupon_id < $2 ORDER BY coupon.coupon_id DESC LIMIT $3
"""

_INSERT = """
INSERT INTO coupon (coupon_id, template_id, code, profile_id, number, issue_time, status, device, phone, payment,
                    store_id, address, batch_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::timestamptz[], $7::text[],
                     $8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::bytea[], $13::uuid[])
"""

_SAVE = """
UPDATE coupon
SET status = new.status, order_reference = new.order_reference, redeem_time = new.redeem_time,
    lock_until = new.lock_until, use_count = new.use_count, expire_time = new.expire_time,
    grace_used = new.grace_used, return_time = new.return_time, revoke_time = new.revoke_time,
    restocked = new.restocked, profile_id = new.profile_id, number = new.number
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::integer[],
            $7::timestamptz[], $8::boolean[], $9::timestamptz[], $10::timestamptz[], $11::boolean[], $12::uuid[],
            $13::integer[])
    AS new (coupon_id, status, order_reference, redeem_time, lock_until, use_count, expire_time, grace_used,
            return_time, revoke_time, restocked, profile_id, number)
WHERE coupon.coupon_id = new.coupon_id
"""


async def insert_coupons(tx: Tx, coupons: Sequence[Coupon]) -> None:
    """Write new coupons down."""
    if not coupons:
        return
    rows = [
        (
            each.coupon_id,
            each.template_id,
            each.code,
            each.profile_id,
            each.number,
            each.issue_time,
            each.status,
            each.traits.device,
            each.traits.phone,
            each.traits.payment,
            each.traits.store_id,
            each.traits.address,
            each.batch_id,
        )
        for each in coupons
    ]
    await (await driver(tx)).execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))


async def save_coupons(tx: Tx, coupons: Sequence[Coupon]) -> None:
    """Keep what became of held coupons."""
    if not coupons:
        return
    rows = [
        (
            each.coupon_id,
            each.status,
            each.order_reference,
            each.redeem_time,
            each.lock_until,
            each.use_count,
            each.expire_time,
            each.grace_used,
            each.return_time,
            each.revoke_time,
            each.restocked,
            each.profile_id,
            each.number,
        )
        for each in coupons
    ]
    await (await driver(tx)).execute(_SAVE, *(list(column) for column in zip(*rows, strict=True)))


async def lock_coupons(tx: Tx, codes: Collection[str] = (), ids: Collection[UUID] = ()) -> list[Coupon]:
    """Hold the coupons of these codes and ids, in key order."""
    rows = await (await driver(tx)).fetch(_LOCK, list(codes), list(ids))
    return [_coupon(row) for row in rows]


async def lock_coupon(tx: Tx, code: str) -> Coupon:
    """Hold the coupon of this code. Raises `CouponNotFound`."""
    found = await lock_coupons(tx, [code])
    if not found:
        raise CouponNotFound
    return found[0]


async def lock_ended(tx: Tx, now: datetime, limit: int) -> list[Coupon]:
    """Hold coupons that were revoked while they were locked, and whose locks have ended."""
    return [_coupon(row) for row in await (await driver(tx)).fetch(_ENDED, now, limit)]


async def find_coupons(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, Coupon]:
    """The coupons of these ids."""
    return {row["coupon_id"]: _coupon(row) for row in await (await driver(tx)).fetch(_BY_ID, list(ids))}


async def find_by_code(tx: ReadTx, codes: Collection[str]) -> dict[str, Coupon]:
    """The coupons of these codes."""
    return {row["code"]: _coupon(row) for row in await (await driver(tx)).fetch(_BY_CODE, list(codes))}


async def find_owned(tx: ReadTx, profile_ids: Collection[str]) -> list[Coupon]:
    """All that people have and had under any of their ids, used ones too."""
    query = f"{_COUPON} WHERE coupon.profile_id = ANY($1::uuid[]) ORDER BY coupon.coupon_id"
    return [_coupon(row) for row in await (await driver(tx)).fetch(query, list(profile_ids))]


async def list_coupons(tx: ReadTx, profile_ids: Collection[str], *, before: UUID, limit: int) -> list[Coupon]:
    """What a person has under any of their ids, newest first."""
    return [_coupon(row) for row in await (await driver(tx)).fetch(_LIST, list(profile_ids), before, limit)]


def _coupon(row: Any) -> Coupon:
    coupon_id, template_id, code, profile_id, number, issue_time, status, *rest = tuple(row)
    *changes, device, phone, payment, store_id, address, batch_id, owner_id = rest
    # The release before this one knows only the time of a redemption.
    standing = Status.REDEEMED if row["redeem_time"] is not None else Status(status)
    traits = Traits(device, phone, payment, store_id, address)
    head = (coupon_id, template_id, code, profile_id, number, issue_time, standing)
    return Coupon(*(*head, *changes, traits, batch_id, owner_id))
