"""Reading orders with their lines and refunds, and holding them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.distribution.orders.domain.attribution import Attribution, Loser, Step
from services.distribution.orders.domain.order import Draft, Line, Order, OrderState
from services.distribution.orders.errors import OrderNotFound
from services.distribution.orders.store.columns import Key, transposed
from services.distribution.partners.store import given, page_query

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
_LINES = """
SELECT order_id, line_no, sku, category, quantity, gross_minor, discount_minor, refunded_minor
FROM order_line WHERE order_id = ANY($1) ORDER BY order_id, line_no
"""
_REFUND_NUMBERS = "SELECT order_id, refund_number FROM refund WHERE order_id = ANY($1)"
_AFTER = "(o.place_time, o.order_id) < ({}, {})"
_NEWEST_FIRST = "o.place_time DESC, o.order_id DESC"


async def lock_by_number(tx: Tx, keys: Iterable[Key]) -> dict[Key, Order]:
    """Read those of the orders that exist, and hold them until the transaction ends."""
    rows = await (await driver(tx)).fetch(_BY_NUMBER, *transposed(sorted(set(keys)), 2))
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


async def lock_credited(tx: Tx, profile_ids: Sequence[UUID]) -> list[Order]:
    """Hold the orders of people, given by all their ids, for which a partner or a consumer is credited."""
    return await _orders(tx, await (await driver(tx)).fetch(_CREDITED, profile_ids))


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
