"""Orders with their uses of coupons."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.coupons.domain.carts import Cart, Line
from services.incentive.coupons.domain.orders import Order, Use, UseState, Verdict
from services.incentive.coupons.errors import CouponOrderNotFound

_ORDER = """
SELECT coupon_order_id, store_id, order_reference, profile_id, selling_store_id, currency_code, lines, verdict,
       refunded, refunded_minor, deliver_time, create_time
FROM coupon_order
"""

_BY_KEY = f"{_ORDER} WHERE store_id = $1 AND order_reference = $2"

_BY_REFERENCE = f"{_ORDER} WHERE order_reference = ANY($1::text[]) ORDER BY coupon_order_id FOR NO KEY UPDATE"

_OPEN = """
INSERT INTO coupon_order (coupon_order_id, store_id, order_reference, profile_id, selling_store_id, currency_code,
                          lines, verdict, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT ON CONSTRAINT coupon_order_reference_key DO NOTHING
"""

_SAVE = """
UPDATE coupon_order
SET profile_id = $2, selling_store_id = $3, currency_code = $4, lines = $5, verdict = $6, refunded = $7,
    refunded_minor = $8, deliver_time = $9
WHERE coupon_order_id = $1
"""

_USES = """
SELECT coupon_order_id, coupon_id, use_no, place, allocation, state, lock_until FROM coupon_use
WHERE coupon_order_id = ANY($1::uuid[]) ORDER BY place, use_no
"""

_SAVE_USES = """
INSERT INTO coupon_use (coupon_order_id, coupon_id, use_no, place, allocation, state, lock_until)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::timestamptz[])
ON CONFLICT ON CONSTRAINT coupon_use_pkey DO UPDATE SET state = excluded.state
"""

# A use whose lock has ended is lost to whoever takes the coupon next.
_LOSE = """
UPDATE coupon_use SET state = 'lost'
WHERE coupon_id = ANY($1::uuid[]) AND state = 'locked' AND coupon_order_id <> $2
"""


async def lock_or_open(tx: Tx, order: Order) -> Order:
    """Hold the order of this reference; the given one if there is none yet."""
    await (await driver(tx)).execute(
        _OPEN,
        order.coupon_order_id,
        order.store_id,
        order.order_reference,
        order.cart.profile_id,
        order.cart.store_id,
        order.cart.currency_code,
        _json(order.cart.lines),
        order.verdict,
        order.create_time,
    )
    return await lock_order(tx, order.store_id, order.order_reference)


async def lock_order(tx: Tx, store_id: str, order_reference: str) -> Order:
    """Be the only one who changes an order. Raises `CouponOrderNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_BY_KEY} FOR NO KEY UPDATE", store_id, order_reference)
    return await _found(tx, row, order_reference)


async def get_order(tx: ReadTx, store_id: str, order_reference: str) -> Order:
    """An order. Raises `CouponOrderNotFound`."""
    row = await (await driver(tx)).fetchrow(_BY_KEY, store_id, order_reference)
    return await _found(tx, row, order_reference)


async def _found(tx: ReadTx, row: Any, order_reference: str) -> Order:
    if row is None:
        raise CouponOrderNotFound(order_reference)
    return (await _with_uses(tx, [row]))[0]


async def lock_by_reference(tx: Tx, references: Collection[str]) -> list[Order]:
    """Hold the orders of these references, of whichever store, in key order."""
    rows = await (await driver(tx)).fetch(_BY_REFERENCE, list(references))
    return await _with_uses(tx, rows)


async def save_order(tx: Tx, order: Order, uses: Sequence[Use]) -> None:
    """Keep what became of a held order, and of the uses that changed. What had their coupons before has lost them."""
    connection = await driver(tx)
    await connection.execute(
        _SAVE,
        order.coupon_order_id,
        order.cart.profile_id,
        order.cart.store_id,
        order.cart.currency_code,
        _json(order.cart.lines),
        order.verdict,
        _json(order.refunded),
        order.refunded_minor,
        order.deliver_time,
    )
    if not uses:
        return
    await connection.execute(_LOSE, [use.coupon_id for use in uses if use.is_live], order.coupon_order_id)
    rows = [
        (
            order.coupon_order_id,
            use.coupon_id,
            use.use_no,
            use.place,
            _json(use.allocation),
            use.state,
            use.lock_until,
        )
        # Those that end come first: a coupon has one live use at a time.
        for use in sorted(uses, key=lambda use: use.is_live)
    ]
    await connection.execute(_SAVE_USES, *(list(column) for column in zip(*rows, strict=True)))


async def _with_uses(tx: ReadTx, rows: Sequence[Any]) -> list[Order]:
    found = await (await driver(tx)).fetch(_USES, [row["coupon_order_id"] for row in rows])
    uses: dict[UUID, list[Use]] = {}
    for order_id, coupon_id, use_no, place, allocation, state, lock_until in found:
        decoded = msgspec.json.decode(allocation, type=dict[int, int])
        use = Use(coupon_id, use_no, place, decoded, UseState(state), lock_until)
        uses.setdefault(order_id, []).append(use)
    return [_order(row, tuple(uses.get(row["coupon_order_id"], ()))) for row in rows]


def _order(row: Any, uses: tuple[Use, ...]) -> Order:
    lines = msgspec.json.decode(row["lines"], type=tuple[Line, ...])
    return Order(
        coupon_order_id=row["coupon_order_id"],
        store_id=row["store_id"],
        order_reference=row["order_reference"],
        cart=Cart(row["currency_code"], lines, row["profile_id"], row["selling_store_id"]),
        create_time=row["create_time"],
        verdict=Verdict(row["verdict"]),
        refunded=msgspec.json.decode(row["refunded"], type=dict[int, int]),
        refunded_minor=row["refunded_minor"],
        deliver_time=row["deliver_time"],
        uses=uses,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
