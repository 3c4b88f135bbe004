"""Events that could not become steps of orders, some of them yet."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.db import Tx, driver
from services.distribution.orders.errors import OrderNotFound
from services.distribution.orders.store.columns import Key, transposed

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


async def insert_rejections(tx: Tx, rejections: Sequence[Rejection]) -> None:
    """Keep events that could not become steps of orders."""
    rows = [
        (item.event_id, item.source, item.order_number, item.name, item.reason, item.detail, item.payload,
         item.event_time)
        for item in rejections
    ]  # fmt: skip
    await (await driver(tx)).execute(_REJECT, *transposed(rows, 8))


async def hold_numbers(tx: Tx, keys: Iterable[Key]) -> None:
    """Be the only one to whom events tell of these orders, until the transaction ends.

    An order and a refund of it that are told at once would each not see the other.
    """
    numbers = sorted({zlib.crc32(f"{source}\0{number}".encode()) - 2**31 for number, source in keys})
    if numbers:
        await (await driver(tx)).execute(_HOLD_NUMBERS, _NUMBERS_LOCK, numbers)


async def take_early_events(tx: Tx, keys: Iterable[Key]) -> list[tuple[UUID, bytes, datetime]]:
    """Remove and return the events that came before their order did: id, payload and time."""
    columns = transposed(sorted(set(keys)), 2)
    rows = await (await driver(tx)).fetch(_TAKE_REJECTIONS, *columns, OrderNotFound.reason)
    return [tuple(row) for row in sorted(rows, key=lambda row: (row["event_time"], row["event_id"]))]
