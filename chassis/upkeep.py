"""Removing what has served: inbox rows older than any redelivery, answers older than any repeat."""

import asyncio
import random

import structlog

from chassis.db import Database, Tx, driver
from chassis.errors import Refusal
from chassis.nats import RETENTION_DAYS

log = structlog.get_logger(__name__)

EVERY_SECONDS = 600.0
ROWS_MAX = 5_000

_PRUNE = {
    "inbox": f"""
        DELETE FROM inbox WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM inbox WHERE receive_time < now() - interval '{RETENTION_DAYS + 1} days' LIMIT $1))
    """,  # noqa: S608 (a constant of ours)
    "idempotency": """
        DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM idempotency WHERE expire_time < now() LIMIT $1))
    """,
}


async def run(db: Database) -> None:
    """Prune now and then until cancelled. An outage only delays it."""
    while True:
        await asyncio.sleep(EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (so that replicas part)
        try:
            await prune(db)
        except Refusal as refusal:
            log.warning("not pruned", error=repr(refusal))


async def prune(db: Database) -> int:
    """Remove all that has expired, in small transactions. Returns the number of rows."""
    total = 0
    for statement in _PRUNE.values():
        while removed := await db.transact(lambda tx, statement=statement: _delete(tx, statement)):  # type: ignore[misc]
            total += removed
    return total


async def _delete(tx: Tx, statement: str) -> int:
    done: str = await (await driver(tx)).execute(statement, ROWS_MAX)
    return int(done.rpartition(" ")[2])
