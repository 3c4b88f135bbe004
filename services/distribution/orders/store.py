"""Every statement about orders, their lines and refunds, and what could not become an order."""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.distribution.orders.domain.attribution import Attribution, Loser, Step
from services.distribution.orders.domain.order import Draft, Line, Order, OrderState, Refund, Restored
from services.distribution.orders.errors import OrderNotFound
from services.distribution.partners.store import given, page_query

Key = tuple[str, str]
"""Order number and source."""

_SELECT = """
SELECT o.order_id, o.source, o.order_number, coalesce(r.survivor_id, o.profile_id) AS profile_id, o.store_id,
       o.seller_id, o.currency_code, o.state, o.place_time, o.pay_time, o.deliver_time, o.step, o.partner_id,
       o.touch_id, o.token, coalesce(s.survivor_id, l.sharer_profile_id, o.sharer_profile_id) AS sharer_profile_id,
       o.losers, o.void_reason
FROM orders o LEFT JOIN redirect r ON r.loser_id = o.profile_id LEFT JOIN share_link l ON l.token = o.token
LEFT JOIN redirect s ON s.loser_id = coalesce(l.sharer_profile_id, o.sharer_profile_id)
"""
_BY_NUMBER = (
    _SELECT
    + """
JOIN unnest($1::text[], $2::text[]) AS k (order_number, source) USING (order_number, source)
ORDER BY o.order_number, o.source FOR UPDATE OF o
"""
)
_CREDITED = (
    _SELECT
    + """
WHERE o.profile_id = ANY($1::uuid[]) AND (o.partner_id IS NOT NULL OR o.sharer_profile_id IS NOT NULL)
ORDER BY o.order_number, o.source FOR UPDATE OF o
"""
)
_SAVE_CREDITS = """
UPDATE orders o SET void_reason = n.void_reason
FROM unnest($1::uuid[], $2::text[]) AS n (order_id, void_reason) WHERE o.order_id = n.order_id
"""
_LINES = """
SELECT order_id, line_no, sku, category, quantity, gross_minor, discount_minor, refunded_minor
FROM order_line WHERE order_id = ANY($1) ORDER BY order_id, line_no
"""
_REFUND_NUMBERS = "SELECT order_id, refund_number FROM refund WHERE order_id = ANY($1)"
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
_AFTER = "(o.place_time, o.order_id) < ({}, {})"
_NEWEST_FIRST = "o.place_time DESC, o.order_id DESC"
_REJECT = """
INSERT INTO order_rejection (event_id, source, order_number, name, reason, detail, payload, event_time)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
                     $8::timestamptz[])
ON CONFLICT ON CONSTRAINT order_rejection_pkey DO NOTHING
"""
_NUMBERS_LOCK = 0x6E756D62  # "numb"
_HOLD_NUMBERS = "SELECT pg_advisory_xact_lock($1, held.number) FROM unnest($2::integer[]) AS held (number)"
_TAKE_REJECTIONS = """
DELETE FROM order_rejection x USING unnest($1::text[], $2::text[]) AS k (order_number, source)
WHERE x.order_number = k.order_number AND x.source = k.source AND x.reason = $3
RETURNING x.event_id, x.payload, x.event_time
"""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that could not become a step of an order. `payload` is the event as it came."""

    event_id: UUID
    source: str
    order_number: str
    name: str
    reason: str
    detail: str
    payload: bytes
    event_time: datetime


async def lock_by_number(tx: Tx, keys: Iterable[Key]) -> dict[Key, Order]:
    """Read those of the orders that exist, and hold them until the transaction ends."""
    rows = await (await driver(tx)).fetch(_BY_NUMBER, *_transposed(sorted(set(keys)), 2))
    return {order.draft.key: order for order in await _orders(tx, rows)}


async def lock_order(tx: Tx, order_id: UUID) -> Order:
    """Read an order and hold it until the transaction ends. Raises `OrderNotFound`."""
    return await _one(tx, order_id, "WHERE o.order_id = $1 FOR UPDATE OF o")


async def get_order(tx: ReadTx, order_id: UUID) -> Order:
    """Read an order. Raises `OrderNotFound`."""
    return await _one(tx, order_id, "WHERE o.order_id = $1")


async def get_orders(tx: ReadTx, order_ids: Sequence[UUID]) -> list[Order]:
    """Read those of the orders that exist, in the order of their ids."""
    where = "WHERE o.order_id = ANY($1::uuid[]) ORDER BY o.order_id"
    return await _orders(tx, await (await driver(tx)).fetch(_SELECT + where, order_ids))


async def _one(tx: ReadTx, order_id: UUID, where: str) -> Order:
    orders = await _orders(tx, await (await driver(tx)).fetch(_SELECT + where, order_id))
    if not orders:
        raise OrderNotFound(order_id)
    return orders[0]


async def insert_orders(tx: Tx, orders: Sequence[Order]) -> set[UUID]:
    """Save new orders with their lines; the ids of those whose number was still free."""
    connection = await driver(tx)
    sorted_orders = sorted(orders, key=lambda order: order.draft.key)
    rows = [_content(order) + _progress(order) + _naming(order) for order in sorted_orders]
    inserted = {row["order_id"] for row in await connection.fetch(_INSERT, *_transposed(rows, 22))}
    lines = [
        (order.order_id, line.line_no, line.sku, line.category, line.quantity, line.gross_minor, line.discount_minor,
         line.refunded_minor)
        for order in orders if order.order_id in inserted for line in order.lines
    ]  # fmt: skip
    await connection.execute(_INSERT_LINES, *_transposed(lines, 8))
    return inserted


async def save_orders(tx: Tx, orders: Sequence[Order]) -> None:
    """Save what may have changed of orders that are held."""
    connection = await driver(tx)
    await connection.execute(_UPDATE, *_transposed([(order.order_id, *_progress(order)[1:]) for order in orders], 11))
    refunded = [
        (o.order_id, line.line_no, line.refunded_minor) for o in orders for line in o.lines if line.refunded_minor
    ]
    await connection.execute(_UPDATE_LINES, *_transposed(refunded, 3))


async def lock_credited(tx: Tx, profile_ids: Sequence[UUID]) -> list[Order]:
    """Hold the orders of people, given by all their ids, for which a partner or a consumer is credited."""
    return await _orders(tx, await (await driver(tx)).fetch(_CREDITED, profile_ids))


async def save_credits(tx: Tx, orders: Sequence[Order]) -> None:
    """Save whether the credits of held orders hold."""
    rows = [(order.order_id, order.attribution.void_reason) for order in orders if order.attribution is not None]
    await (await driver(tx)).execute(_SAVE_CREDITS, *_transposed(rows, 2))


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
    await (await driver(tx)).execute(_INSERT_REFUNDS, *_transposed(rows, 6))


async def list_orders(
    tx: ReadTx,
    *,
    store_id: UUID | None,
    order_number: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Order]:
    """Orders that match, newest first."""
    conditions = [
        ("o.store_id = {}", given(store_id)),
        ("o.order_number = {}", given(order_number)),
        (_AFTER, after),
    ]
    query, values = page_query(_SELECT, conditions, _NEWEST_FIRST, limit)
    return await _orders(tx, await (await driver(tx)).fetch(query, *values))


async def list_orders_of(
    tx: ReadTx,
    profile_ids: Sequence[UUID],
    *,
    store_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Order]:
    """The orders of a person, given by all ids the person ever had, newest first."""
    conditions = [
        ("o.profile_id = ANY({})", (profile_ids,)),
        ("o.store_id = {}", given(store_id)),
        (_AFTER, after),
    ]
    query, values = page_query(_SELECT, conditions, _NEWEST_FIRST, limit)
    return await _orders(tx, await (await driver(tx)).fetch(query, *values))


async def insert_rejections(tx: Tx, rejections: Sequence[Rejection]) -> None:
    """Keep events that could not become steps of orders."""
    rows = [
        (item.event_id, item.source, item.order_number, item.name, item.reason, item.detail, item.payload,
         item.event_time)
        for item in rejections
    ]  # fmt: skip
    await (await driver(tx)).execute(_REJECT, *_transposed(rows, 8))


async def hold_numbers(tx: Tx, keys: Iterable[Key]) -> None:
    """Be the only one to whom events tell of these orders, until the transaction ends.

    An order and a refund of it that are told at once would each not see the other.
    """
    numbers = sorted({zlib.crc32(f"{source}\0{number}".encode()) - 2**31 for number, source in keys})
    if numbers:
        await (await driver(tx)).execute(_HOLD_NUMBERS, _NUMBERS_LOCK, numbers)


async def take_early_events(tx: Tx, keys: Iterable[Key]) -> list[tuple[UUID, bytes, datetime]]:
    """Remove and return the events that came before their order did: id, payload and time."""
    columns = _transposed(sorted(set(keys)), 2)
    rows = await (await driver(tx)).fetch(_TAKE_REJECTIONS, *columns, OrderNotFound.reason)
    return [tuple(row) for row in sorted(rows, key=lambda row: (row["event_time"], row["event_id"]))]


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


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


async def _orders(tx: ReadTx, rows: Sequence[Any]) -> list[Order]:
    """Orders of rows, in their order, with their lines and refunds."""
    connection = await driver(tx)
    ids = [row["order_id"] for row in rows]
    if not ids:
        return []
    lines: dict[UUID, list[Line]] = defaultdict(list)
    for order_id, *values in map(tuple, await connection.fetch(_LINES, ids)):
        lines[order_id].append(Line(*values))
    numbers: dict[UUID, set[str]] = defaultdict(set)
    for order_id, number in map(tuple, await connection.fetch(_REFUND_NUMBERS, ids)):
        numbers[order_id].add(number)
    return [_order(row, tuple(lines[row["order_id"]]), frozenset(numbers[row["order_id"]])) for row in rows]


def _order(row: Any, lines: tuple[Line, ...], refund_numbers: frozenset[str]) -> Order:
    draft = Draft(
        row["source"], row["order_number"], row["profile_id"], row["store_id"], row["seller_id"],
        row["currency_code"], lines, row["place_time"],
    )  # fmt: skip
    state = OrderState(row["state"])
    return Order(row["order_id"], draft, state, row["pay_time"], row["deliver_time"], _attribution(row), refund_numbers)


def _attribution(row: Any) -> Attribution | None:
    if row["step"] is None:
        return None
    losers = tuple(
        Loser(Step(step), UUID(partner) if partner else None, UUID(touch) if touch else None, reason)
        for step, partner, touch, reason in row["losers"]
    )
    return Attribution(
        Step(row["step"]), row["partner_id"], row["touch_id"], row["token"] or "", row["sharer_profile_id"], losers,
        row["void_reason"],
    )  # fmt: skip
