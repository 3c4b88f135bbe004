"""Which message ids were taken."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import Tx, driver

# In order of key, so that two batches with the same messages wait for each other instead of locking each other out.
_TAKE = """
INSERT INTO message (key, event_id, receive_time)
SELECT key, event_id, $3 FROM unnest($1::uuid[], $2::uuid[]) AS taken (key, event_id) ORDER BY key
ON CONFLICT DO NOTHING RETURNING key
"""
_TAKEN = "SELECT key, event_id FROM message WHERE key = ANY($1)"
_FORGET = """
DELETE FROM message WHERE ctid = ANY(ARRAY(SELECT ctid FROM message WHERE receive_time < $1 LIMIT $2))
"""


class Message(NamedTuple):
    """A hash of a message id, and the event it became."""

    key: UUID
    event_id: UUID


async def take(tx: Tx, messages: Sequence[Message], *, now: datetime) -> dict[UUID, UUID]:
    """Take message ids that nobody took before. Returns those that were taken, with the events they became."""
    if not messages:
        return {}
    connection = await driver(tx)
    keys = [message.key for message in messages]
    fresh = {row["key"] for row in await connection.fetch(_TAKE, keys, [each.event_id for each in messages], now)}
    repeated = [key for key in keys if key not in fresh]
    return dict(await connection.fetch(_TAKEN, repeated)) if repeated else {}


async def forget(tx: Tx, before: datetime, *, limit: int) -> int:
    """Forget at most `limit` message ids that came before an instant. Returns how many."""
    done: str = await (await driver(tx)).execute(_FORGET, before, limit)
    return int(done.rpartition(" ")[2])
