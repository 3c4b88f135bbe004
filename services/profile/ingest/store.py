"""Which message ids were taken."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.db import Tx, driver
from chassis.ids import array_of

# In order of key, so that two batches with the same messages wait for each other instead of locking each other out.
_TAKE = """
INSERT INTO message (key, event_id, receive_time)
SELECT key, event_id, $3 FROM unnest($1::text::uuid[], $2::text::uuid[]) AS taken (key, event_id) ORDER BY key
ON CONFLICT DO NOTHING RETURNING key
"""
_TAKEN = "SELECT key, event_id FROM message WHERE key = ANY($1::text::uuid[])"
_FORGET = """
DELETE FROM message WHERE ctid = ANY(ARRAY(SELECT ctid FROM message WHERE receive_time < $1 LIMIT $2))
"""

_TURN = 0x736574746C65  # "settle"


async def wait_for_turn(tx: Tx) -> None:
    """Wait until no other transaction that took a turn is at work, and let none begin before this one ends."""
    await (await driver(tx)).execute(f"SELECT pg_advisory_xact_lock({_TURN})")


async def take(tx: Tx, messages: Mapping[bytes, UUID], *, now: datetime) -> dict[bytes, UUID]:
    """Take message ids, given by their hashes, for events. Returns those taken before, with the events they became."""
    if not messages:
        return {}
    connection = await driver(tx)
    event_ids = array_of(event_id.bytes for event_id in messages.values())
    rows = await connection.fetch(_TAKE, array_of(messages), event_ids, now)
    if len(rows) == len(messages):
        return {}
    repeated = messages.keys() - {row["key"].bytes for row in rows}
    return {row["key"].bytes: row["event_id"] for row in await connection.fetch(_TAKEN, array_of(repeated))}


async def forget(tx: Tx, before: datetime, *, limit: int) -> int:
    """Forget at most `limit` message ids that came before an instant. Returns how many."""
    done: str = await (await driver(tx)).execute(_FORGET, before, limit)
    return int(done.rpartition(" ")[2])
