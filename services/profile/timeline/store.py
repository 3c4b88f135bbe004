"""The event log and the counters."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.timeline.domain import Event, Filter, Position

COUNTER_SHARDS = 16

_COLUMNS = Event._fields

# One index scan per profile of the person, each cut off at the page's size; never all events of a busy person.
_PAGE = f"""
SELECT found.* FROM unnest($1::uuid[]) AS person (profile_id) CROSS JOIN LATERAL (
    SELECT {", ".join(f"event.{column}" for column in _COLUMNS)} FROM event
    WHERE event.profile_id = person.profile_id
      AND ($2 = '' OR event.name = $2)
      AND event.timestamp >= coalesce($3, '-infinity'::timestamptz)
      AND event.timestamp < coalesce($4, 'infinity'::timestamptz)
      AND (event.timestamp, event.event_id)
          < (coalesce($5, 'infinity'::timestamptz), coalesce($6, '{UUID(int=0)}'::uuid))
    ORDER BY event.timestamp DESC, event.event_id DESC LIMIT $7
) AS found ORDER BY found.timestamp DESC, found.event_id DESC LIMIT $7
"""  # noqa: S608 (names of our own)

_COUNT = """
INSERT INTO counter (name, shard, value)
SELECT name, pg_backend_pid() % $3, added FROM unnest($1::text[], $2::bigint[]) AS more (name, added) ORDER BY name
ON CONFLICT (name, shard) DO UPDATE SET value = counter.value + excluded.value
"""


async def append(tx: Tx, events: Sequence[Event]) -> None:
    """Add events to the log."""
    if events:
        await (await driver(tx)).copy_records_to_table("event", records=events, columns=_COLUMNS)


async def page(
    tx: ReadTx, profile_ids: Sequence[UUID], wanted: Filter, *, after: Position | None, limit: int
) -> list[Event]:
    """Events of a person, newest first: at most `limit` that come after `after`."""
    position = after or (None, None)
    rows = await (await driver(tx)).fetch(_PAGE, profile_ids, *wanted, *position, limit)
    return [Event._make(row) for row in rows]


async def count(tx: Tx, added: Mapping[str, int]) -> None:
    """Add to counters. Waits for nobody who counts on another connection's shard."""
    more = {name: number for name, number in added.items() if number}
    if more:
        await (await driver(tx)).execute(_COUNT, list(more), list(more.values()), COUNTER_SHARDS)


async def counts(tx: ReadTx) -> dict[str, int]:
    """All counters."""
    rows = await (await driver(tx)).fetch("SELECT name, sum(value)::bigint AS value FROM counter GROUP BY name")
    return {row["name"]: row["value"] for row in rows}
