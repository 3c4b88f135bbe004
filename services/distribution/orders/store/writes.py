"""Saving orders, whose they are, and their refunds."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.db import Tx, driver
from services.distribution.orders.domain.order import Order, Refund, Restored
from services.distribution.orders.store.columns import Key, transposed

_SAVE_CREDITS = """
UPDATE orders o SET void_reason = n.void_reason
FROM unnest($1::uuid[], $2::text[]) AS n (order_id, void_reason) WHERE o.order_id = n.order_id
"""
_INSERT = """
INSERT INTO orders (order_id, source, order_number, profile_id, store_id, seller_id, currency_code, place_time,
                    net_minor, refunded_minor, state, pay_time, deliver_time, step, partner_id, touch_id, token,
                    sharer_profile_id, losers, named_profile_id, identifier_key, name_time)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[],
                     $8::timestamptz[], $9::bigint[], $10::bigint[], $11::smallint[], $12::timestamptz[],
                     $13::timestamptz[], $14::smallint[], $15::uuid[], $16::uuid[], $17::text[], $18::uuid[],
                     $19::jsonb[], $20::uuid[], $21::uuid[], $22::timestamptz[])
ON CONFLICT ON CONSTRAINT orders_number_key DO NOTHING RETURNING order_id
"""
_INSERT_LINES = """
INSERT INTO order_line (order_id, line_no, sku, category, quantity, gross_minor, discount_minor, refunded_minor)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[],
                     $8::bigint[])
"""
_UPDATE = """
UPDATE orders o
SET refunded_minor = n.refunded_minor, state = n.state, pay_time = n.pay_time, deliver_time = n.deliver_time,
    step = n.step, partner_id = n.partner_id, touch_id = n.touch_id, token = n.token,
    sharer_profile_id = coalesce(o.sharer_profile_id, n.sharer_profile_id), losers = n.losers
FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::timestamptz[], $6::smallint[],
            $7::uuid[], $8::uuid[], $9::text[], $10::uuid[], $11::jsonb[])
     AS n (order_id, refunded_minor, state, pay_time, deliver_time, step, partner_id, touch_id, token,
           sharer_profile_id, losers)
WHERE o.order_id = n.order_id
"""
_UPDATE_LINES = """
UPDATE order_line l SET refunded_minor = n.refunded_minor
FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS n (order_id, line_no, refunded_minor)
WHERE l.order_id = n.order_id AND l.line_no = n.line_no AND l.refunded_minor <> n.refunded_minor
"""
_GIVE = """
WITH held AS (
    SELECT order_id, profile_id FROM orders WHERE order_number = $1 AND source = $2 AND profile_id <> $3 FOR UPDATE
)
UPDATE orders o SET profile_id = $3 FROM held WHERE o.order_id = held.order_id RETURNING o.order_id, held.profile_id
"""
# An id names one person for ever. An identifier may have been another's before: it tells whose an order is that was
# placed while the merge stood.
_GIVE_BACK = """
WITH held AS (
    SELECT order_id, profile_id FROM orders
    WHERE profile_id = ANY($1::uuid[])
      AND (named_profile_id = ANY($2::uuid[])
           OR (identifier_key = ANY($3::uuid[]) AND name_time >= $4 AND name_time < $5))
    ORDER BY order_number, source FOR UPDATE
)
UPDATE orders o SET profile_id = $6 FROM held WHERE o.order_id = held.order_id RETURNING o.order_id, held.profile_id
"""
_INSERT_REFUNDS = """
INSERT INTO refund (refund_id, order_id, refund_number, amount_minor, lines, refund_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::jsonb[], $6::timestamptz[])
"""


async def insert_orders(tx: Tx, orders: Sequence[Order]) -> set[UUID]:
    """Save new orders with their lines; the ids of those whose number was still free."""
    connection = await driver(tx)
    sorted_orders = sorted(orders, key=lambda order: order.draft.key)
    rows = [_content(order) + _progress(order) + _naming(order) for order in sorted_orders]
    inserted = {row["order_id"] for row in await connection.fetch(_INSERT, *transposed(rows, 22))}
    lines = [
        (order.order_id, line.line_no, line.sku, line.category, line.quantity, line.gross_minor, line.discount_minor,
         line.refunded_minor)
        for order in orders if order.order_id in inserted for line in order.lines
    ]  # fmt: skip
    await connection.execute(_INSERT_LINES, *transposed(lines, 8))
    return inserted


async def save_orders(tx: Tx, orders: Sequence[Order]) -> None:
    """Save what may have changed of orders that are held."""
    connection = await driver(tx)
    await connection.execute(_UPDATE, *transposed([(order.order_id, *_progress(order)[1:]) for order in orders], 11))
    refunded = [
        (o.order_id, line.line_no, line.refunded_minor) for o in orders for line in o.lines if line.refunded_minor
    ]
    await connection.execute(_UPDATE_LINES, *transposed(refunded, 3))


async def save_credits(tx: Tx, orders: Sequence[Order]) -> None:
    """Save whether the credits of held orders hold."""
    rows = [(order.order_id, order.attribution.void_reason) for order in orders if order.attribution is not None]
    await (await driver(tx)).execute(_SAVE_CREDITS, *transposed(rows, 2))


async def give_order(tx: Tx, key: Key, profile_id: UUID) -> tuple[UUID, UUID] | None:
    """Let an order be another person's. Returns it and whose it was; None when there is none, or it is theirs."""
    row = await (await driver(tx)).fetchrow(_GIVE, *key, profile_id)
    return None if row is None else (row["order_id"], row["profile_id"])


async def give_back(tx: Tx, restored: Restored, *, from_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Let orders of people, given by all their ids, that named the restored person be theirs. Returns each and whose it
    was, in the order of their ids."""
    rows = await (await driver(tx)).fetch(
        _GIVE_BACK, from_ids, restored.ids, restored.identifier_keys, restored.merge_time, restored.unmerge_time,
        restored.profile_id,
    )  # fmt: skip
    return sorted((row["order_id"], row["profile_id"]) for row in rows)


async def insert_refunds(tx: Tx, refunds: Sequence[tuple[UUID, Refund]]) -> None:
    """Save refunds, given with their orders."""
    rows = [
        (
            item.refund_id,
            order_id,
            item.refund_number,
            item.amount_minor,
            json.dumps(dict(item.lines)),
            item.refund_time,
        )
        for order_id, item in refunds
    ]
    await (await driver(tx)).execute(_INSERT_REFUNDS, *transposed(rows, 6))


def _content(order: Order) -> tuple[Any, ...]:
    draft = order.draft
    return (
        order.order_id, draft.source, draft.order_number, draft.profile_id, draft.store_id, draft.seller_id,
        draft.currency_code, draft.place_time,
    )  # fmt: skip


def _naming(order: Order) -> tuple[Any, ...]:
    naming = order.draft.naming
    return naming.profile_id, naming.identifier_key, naming.time


def _progress(order: Order) -> tuple[Any, ...]:
    times = (order.net_minor, order.refunded_minor, order.state, order.pay_time, order.deliver_time)
    credit = order.attribution
    if credit is None:
        return (*times, None, None, None, None, None, None)
    losers = [[loser.step, _text(loser.partner_id), _text(loser.touch_id), loser.reason] for loser in credit.losers]
    return (
        *times, credit.step, credit.partner_id, credit.touch_id, credit.token or None, credit.sharer_profile_id,
        json.dumps(losers),
    )  # fmt: skip


def _text(id_: UUID | None) -> str | None:
    return str(id_) if id_ else None
