"""What is known of orders: who paid them when, and how much of them is refunded."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.campaigns.domain import PaidOrder, Refund
from services.incentive.campaigns.store.rows import columns, json_object, json_text

_OPEN = """
INSERT INTO order_refund (order_id) SELECT order_id FROM unnest($1::uuid[]) AS paid (order_id) ORDER BY order_id
ON CONFLICT ON CONSTRAINT order_refund_pkey DO NOTHING
"""

_FIND = """
SELECT order_id, refund_id, refunded_minor, refund_time, facts::text AS facts FROM order_refund
WHERE order_id = ANY($1::uuid[])
"""

_LOCK = f"{_FIND} ORDER BY order_id FOR NO KEY UPDATE"

_NOTE_PAID = """
INSERT INTO order_refund (order_id, profile_id, net_minor, pay_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[]) ORDER BY 1
ON CONFLICT ON CONSTRAINT order_refund_pkey
DO UPDATE SET profile_id = excluded.profile_id, net_minor = excluded.net_minor, pay_time = excluded.pay_time
WHERE order_refund.pay_time IS NULL
"""

_GIVE = """
UPDATE order_refund SET profile_id = owner.profile_id
FROM unnest($1::uuid[], $2::uuid[]) AS owner (order_id, profile_id)
WHERE order_refund.order_id = owner.order_id AND order_refund.profile_id IS NOT NULL
"""

# A row that is not raised is held all the same.
_NOTE_REFUNDS = """
INSERT INTO order_refund (order_id, refund_id, refunded_minor, refund_time, facts)
SELECT order_id, refund_id, refunded_minor, refund_time, facts::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[])
    AS refund (order_id, refund_id, refunded_minor, refund_time, facts)
ORDER BY order_id
ON CONFLICT ON CONSTRAINT order_refund_pkey
DO UPDATE SET refund_id = excluded.refund_id, refunded_minor = excluded.refunded_minor,
              refund_time = excluded.refund_time, facts = excluded.facts
WHERE order_refund.refunded_minor IS NULL OR order_refund.refunded_minor < excluded.refunded_minor
RETURNING order_id, refund_id, refunded_minor, refund_time, facts::text AS facts
"""

# Purchases that were refunded in full do not count (spec value SHR-10, `first_kept_order`).
_COUNT_KEPT = """
SELECT profile_id::text, order_id FROM order_refund
WHERE profile_id = ANY($1::uuid[]) AND (refunded_minor IS NULL OR refunded_minor < net_minor)
"""

_NOTE_DELIVERED = """
INSERT INTO order_refund (order_id, deliver_time)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) ORDER BY 1
ON CONFLICT ON CONSTRAINT order_refund_pkey DO UPDATE SET deliver_time = excluded.deliver_time
WHERE order_refund.deliver_time IS NULL
"""

_FIND_DELIVERED = """
SELECT order_id, deliver_time FROM order_refund WHERE order_id = ANY($1::uuid[]) AND deliver_time IS NOT NULL
"""

_LOCK_BUYERS = """
SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::integer[]) AS key
"""
_BUYERS = 0x62757972  # "buyr"


async def note_paid(tx: Tx, orders: Sequence[PaidOrder]) -> None:
    """Remember who paid orders, and hold them. One row per order."""
    if orders:
        await (await driver(tx)).execute(_NOTE_PAID, *columns(sorted(orders), 4))


async def give_orders(tx: Tx, owners: Mapping[UUID, str]) -> None:
    """Let orders be other people's purchases, those of these facts that are orders."""
    await (await driver(tx)).execute(_GIVE, *columns(sorted(owners.items()), 2))


async def lock_orders(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, Refund]:
    """Hold orders. Returns what is known to be refunded of them."""
    if not order_ids:
        return {}
    connection = await driver(tx)
    await connection.execute(_OPEN, list(order_ids))
    return _refunds(await connection.fetch(_LOCK, list(order_ids)))


async def find_refunds(tx: ReadTx, order_ids: Collection[UUID]) -> dict[UUID, Refund]:
    """What is known to be refunded of orders."""
    return _refunds(await (await driver(tx)).fetch(_FIND, list(order_ids)))


async def note_refunds(tx: Tx, refunds: Sequence[Refund]) -> dict[UUID, Refund]:
    """Hold refunded orders and raise their totals. Returns those that were raised. One refund per order."""
    rows = [(*refund[:4], json_text(refund.facts)) for refund in refunds]
    return _refunds(await (await driver(tx)).fetch(_NOTE_REFUNDS, *columns(rows, 5)))


def _refunds(rows: Sequence[Any]) -> dict[UUID, Refund]:
    return {
        row["order_id"]: Refund(
            row["order_id"], row["refund_id"], row["refunded_minor"], row["refund_time"], json_object(row["facts"])
        )
        for row in rows
        if row["refund_id"] is not None
    }


async def note_delivered(tx: Tx, deliveries: Mapping[UUID, datetime]) -> None:
    """Remember when orders were delivered, and hold them."""
    await (await driver(tx)).execute(_NOTE_DELIVERED, *columns(sorted(deliveries.items()), 2))


async def find_delivered(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When those of these held orders that were delivered were."""
    rows = await (await driver(tx)).fetch(_FIND_DELIVERED, list(order_ids))
    return {row["order_id"]: row["deliver_time"] for row in rows}


async def lock_buyers(tx: Tx, profile_ids: Collection[str]) -> None:
    """Number the purchases of these people alone: of two first purchases at once, one is the second."""
    keys = sorted({UUID(profile_id).int % 2**31 for profile_id in profile_ids})
    await (await driver(tx)).execute(_LOCK_BUYERS, _BUYERS, keys)


async def find_kept(tx: ReadTx, profile_ids: Collection[str]) -> Mapping[str, set[UUID]]:
    """The orders that profiles paid and kept."""
    kept: dict[str, set[UUID]] = {}
    for profile_id, order_id in await (await driver(tx)).fetch(_COUNT_KEPT, list(profile_ids)):
        kept.setdefault(profile_id, set()).add(order_id)
    return kept
