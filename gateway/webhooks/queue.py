"""Every statement on deliveries and attempts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from gateway.webhooks.domain import Attempt, Delivery, Status, Verdict
from gateway.webhooks.errors import WebhookDeliveryNotFound

_COLUMNS = (
    "delivery_id, endpoint_id, message_id, type, body, create_time, next_time, status, attempt_count, reason,"
    " profile_id"
)
_DELIVERY = f"SELECT {_COLUMNS} FROM webhook_delivery"  # noqa: S608

_INSERT = f"""
INSERT INTO webhook_delivery ({_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                     $8::smallint[], $9::integer[], $10::text[], $11::uuid[])
"""  # noqa: S608

# What is being tried is due again only when its lease is over: another replica does not try it meanwhile, and what a
# process that died had begun is tried anew.
_CLAIM = f"""
WITH due AS (
    SELECT queued.delivery_id
    FROM webhook_endpoint CROSS JOIN LATERAL (
        SELECT delivery_id FROM webhook_delivery
        WHERE endpoint_id = webhook_endpoint.endpoint_id AND status = 1 AND next_time <= $1
        ORDER BY next_time LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS queued
    WHERE disable_time IS NULL AND NOT endpoint_id = ANY($3::uuid[])
)
UPDATE webhook_delivery SET next_time = $4, attempt_count = attempt_count + 1
FROM due WHERE webhook_delivery.delivery_id = due.delivery_id
RETURNING {", ".join(f"webhook_delivery.{name.strip()}" for name in _COLUMNS.split(","))}
"""  # noqa: S608

# Not of a delivery that was tried by somebody else meanwhile, or posted anew.
_SETTLE = """
UPDATE webhook_delivery SET status = $3, next_time = $4, reason = ''
WHERE delivery_id = $1 AND attempt_count = $2 AND status = 1
"""

_REFUSE = """
UPDATE webhook_delivery SET status = 3, next_time = NULL, attempt_count = attempt_count - 1, reason = $3
WHERE delivery_id = $1 AND attempt_count = $2 AND status = 1
"""

_PUT_OFF = """
UPDATE webhook_delivery SET next_time = $4, attempt_count = attempt_count - 1, reason = $3
WHERE delivery_id = $1 AND attempt_count = $2 AND status = 1
"""

# It stays claimed until its lease is over.
_HAND_BACK = """
UPDATE webhook_delivery SET attempt_count = claimed.attempt_count - 1
FROM unnest($1::uuid[], $2::integer[]) AS claimed (delivery_id, attempt_count)
WHERE webhook_delivery.delivery_id = claimed.delivery_id AND webhook_delivery.attempt_count = claimed.attempt_count
    AND status = 1
"""

_NOTE = """
INSERT INTO webhook_attempt (delivery_id, attempt_no, attempt_time, status_code, fault, duration_ms)
SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT FROM webhook_delivery WHERE delivery_id = $1)
ON CONFLICT ON CONSTRAINT webhook_attempt_pkey DO NOTHING
"""

_AGAIN = "UPDATE webhook_delivery SET status = 1, next_time = $2, reason = ''"

_LIST = f"""
{_DELIVERY} WHERE delivery_id < $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND ($3::smallint = 0 OR status = $3)
ORDER BY delivery_id DESC LIMIT $4
"""

_FORGET = """
DELETE FROM webhook_delivery WHERE delivery_id IN (
    SELECT delivery_id FROM webhook_delivery WHERE create_time < $1 AND status <> 1 LIMIT $2
)
"""

_ERASING = 0x6572617365  # "erase"
_NOTE_ERASED = """
INSERT INTO webhook_erased (profile_id, erase_time) SELECT unnest($1::uuid[]), $2 ON CONFLICT DO NOTHING
"""

_ERASE = """
UPDATE webhook_delivery
SET body = '', profile_id = NULL, next_time = NULL, status = CASE status WHEN 1 THEN 3 ELSE status END
WHERE profile_id = ANY($1::uuid[])
"""


async def insert_deliveries(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Have these posted."""
    if deliveries:
        rows = [
            (
                each.delivery_id, each.endpoint_id, each.message_id, each.type, each.body, each.create_time,
                each.next_time, int(each.status), each.attempt_count, each.reason, each.profile_id,
            )
            for each in deliveries
        ]  # fmt: skip
        await (await driver(tx)).execute(_INSERT, *map(list, zip(*rows, strict=True)))


async def claim(tx: Tx, now: datetime, until: datetime, *, each_max: int, busy: Collection[UUID]) -> list[Delivery]:
    """Take what is due, at most so many of an endpoint and none of the `busy`, until an instant."""
    rows = await (await driver(tx)).fetch(_CLAIM, now, each_max, list(busy), until)
    return [_delivery(row) for row in rows]


async def settle(tx: Tx, delivery: Delivery, attempt: Attempt, verdict: Verdict) -> None:
    """Keep how an attempt of a claimed delivery went."""
    connection = await driver(tx)
    await connection.execute(_NOTE, delivery.delivery_id, delivery.attempt_count, *attempt)
    settled = (delivery.delivery_id, delivery.attempt_count, int(verdict.status), verdict.next_time)
    await connection.execute(_SETTLE, *settled)


async def refuse(tx: Tx, delivery: Delivery, reason: str) -> None:
    """Give a claimed delivery up without an attempt."""
    await (await driver(tx)).execute(_REFUSE, delivery.delivery_id, delivery.attempt_count, reason)


async def put_off(tx: Tx, delivery: Delivery, reason: str, until: datetime) -> None:
    """Have a claimed delivery wait without an attempt."""
    await (await driver(tx)).execute(_PUT_OFF, delivery.delivery_id, delivery.attempt_count, reason, until)


async def hand_back(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Claimed deliveries were not tried after all: that they wait does not count as attempts."""
    claimed = [(each.delivery_id, each.attempt_count) for each in deliveries]
    await (await driver(tx)).execute(_HAND_BACK, *map(list, zip(*claimed, strict=True)))


async def get_delivery(tx: ReadTx, delivery_id: UUID) -> Delivery:
    """A delivery. Raises `WebhookDeliveryNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_DELIVERY} WHERE delivery_id = $1", delivery_id)
    if row is None:
        raise WebhookDeliveryNotFound(str(delivery_id))
    return _delivery(row)


async def list_deliveries(
    tx: ReadTx, endpoint_id: UUID | None, status: int, *, before: UUID, limit: int
) -> list[Delivery]:
    """Deliveries, of one endpoint or all, that stand so or anyhow (0), newest first."""
    return [_delivery(row) for row in await (await driver(tx)).fetch(_LIST, before, endpoint_id, status, limit)]


async def list_attempts(tx: ReadTx, delivery_id: UUID) -> list[Attempt]:
    """How a delivery was tried, oldest first."""
    query = """
    SELECT attempt_time, status_code, fault, duration_ms FROM webhook_attempt WHERE delivery_id = $1 ORDER BY attempt_no
    """
    return [Attempt(*row) for row in await (await driver(tx)).fetch(query, delivery_id)]


async def redeliver(tx: Tx, delivery_id: UUID, now: datetime) -> int:
    """Post one anew, unless it waits, or its person is erased. Returns how many that makes."""
    statement = f"{_AGAIN} WHERE delivery_id = $1 AND status <> 1 AND body <> ''"
    return _count(await (await driver(tx)).execute(statement, delivery_id, now))


async def redeliver_failed(tx: Tx, endpoint_id: UUID, since: datetime | None, now: datetime) -> int:
    """Post what failed of an endpoint anew. Returns how many that makes."""
    statement = f"""
    {_AGAIN} WHERE endpoint_id = $1 AND status = 3 AND body <> '' AND create_time >= coalesce($3, create_time)
    """
    return _count(await (await driver(tx)).execute(statement, endpoint_id, now, since))


async def forget(tx: Tx, before: datetime, limit: int) -> int:
    """Forget what was delivered or given up and is older. Returns how many that makes."""
    return _count(await (await driver(tx)).execute(_FORGET, before, limit))


async def erase(tx: Tx, profile_ids: Collection[UUID], now: datetime) -> None:
    """Forget what was to be told about people; what was not posted yet never is."""
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ERASING)
    await connection.execute(_NOTE_ERASED, list(profile_ids), now)
    await connection.execute(_ERASE, list(profile_ids))


async def find_erased(tx: Tx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those who were erased. Nobody is until the transaction ends."""
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _ERASING)
    query = "SELECT profile_id FROM webhook_erased WHERE profile_id = ANY($1::uuid[])"
    return {row["profile_id"] for row in await connection.fetch(query, list(profile_ids))}


def _delivery(row: Any) -> Delivery:
    return Delivery(**{**dict(row), "status": Status(row["status"])})


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
