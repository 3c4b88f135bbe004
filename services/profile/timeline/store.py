"""The event log and the counters."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.profile.timeline.domain import Event, EventType, Filter, Happening, Named, Position, Recalled, keys_in
from services.profile.vault import store as vaults
from services.profile.vault.domain import Vault
from services.profile.vault.store import Column

COUNTER_SHARDS = 16
RECALLED_AT_ONCE = 500
NOTHING = "{}"
"""An empty object, which is not worth sealing."""

_NAMED = ("user_id", "anonymous_id", "previous_id", "group_id")
"""What an event calls people by: sealed together, in a column of their own."""
_COLUMNS = (*(name for name in Event._fields if name not in _NAMED), "named")

_AT = Event._fields.index(_NAMED[0])
_AFTER = _AT + len(_NAMED)
_NOBODY = ("",) * len(_NAMED)
_names = msgspec.json.Decoder(list[str])

# Two index scans per profile of the person, each cut off at the page's size; never all events of a busy person.
_WANTED = """
      AND ($2 = '' OR {named}.name = $2)
      AND {at} >= coalesce($3, '-infinity'::timestamptz)
      AND {at} < coalesce($4, 'infinity'::timestamptz)
      AND ({at}, {of}.event_id)
          < (coalesce($5, 'infinity'::timestamptz), coalesce($6, '00000000-0000-0000-0000-000000000000'::uuid))
    ORDER BY {at} DESC, {of}.event_id DESC LIMIT $7
"""
_SENT = """
      AND $8 IN ('', 'profile') AND ($9::smallint[] = '{{}}' OR event.type = ANY($9))
      AND ($10 = '' OR event.source_id = $10)
"""
_TOLD = "AND $8 IN ('', happening.service) AND ($9::smallint[] = '{{}}' OR 7 = ANY($9)) AND $10 = ''"
_OWN = ", ".join(f"event.{column}" for column in _COLUMNS)
_AS_EVENT = """
    happening.event_id, happening.profile_id, '', 7::smallint, happening.name, happening.service, 2::smallint,
    ''::bytea, '', happening.properties, '{}', happening.timestamp, happening.timestamp, NULL::timestamptz,
    happening.receive_time, NULL::bigint, ''
"""
_PAGE = f"""
SELECT found.* FROM unnest($1::uuid[]) AS person (profile_id) CROSS JOIN LATERAL (
    (SELECT {_OWN} FROM event
     WHERE event.profile_id = person.profile_id
       AND NOT EXISTS (SELECT FROM event_reassignment AS moved WHERE moved.event_id = event.event_id)
       {_SENT.format()}{_WANTED.format(at="event.timestamp", of="event", named="event")})
    UNION ALL
    (SELECT {_OWN} FROM event_reassignment AS moved JOIN event ON event.event_id = moved.event_id
     WHERE moved.profile_id = person.profile_id
       {_SENT.format()}{_WANTED.format(at="moved.timestamp", of="moved", named="event")})
    UNION ALL
    (SELECT {_AS_EVENT} FROM happening
     WHERE happening.profile_id = person.profile_id
       {_TOLD.format()}{_WANTED.format(at="happening.timestamp", of="happening", named="happening")})
) AS found ORDER BY found.timestamp DESC, found.event_id DESC LIMIT $7
"""  # noqa: S608 (names of our own)
_RECALL = f"""
SELECT event.event_id, coalesce(moved.profile_id, event.profile_id), event.identifiers, event.type, event.source_id,
       event.timestamp,
       CASE event.type WHEN {EventType.IDENTIFY:d} THEN event.properties WHEN {EventType.GROUP:d} THEN ''
            ELSE event.context END
FROM event LEFT JOIN event_reassignment AS moved ON moved.event_id = event.event_id
WHERE event.event_id >= $2 AND (
    event.profile_id = ANY($1) AND (moved.profile_id IS NULL OR moved.profile_id = ANY($1))
    OR event.event_id = ANY(ARRAY(SELECT event_id FROM event_reassignment WHERE profile_id = ANY($1)))
)
ORDER BY event.event_id LIMIT $3
"""  # noqa: S608 (names of our own)
_NAMED_IN = f"""
SELECT event.event_id, event.profile_id, coalesce(moved.profile_id, event.profile_id), event.type,
       CASE event.type WHEN {EventType.ALIAS:d} THEN event.named ELSE '' END, event.source_id, event.trust,
       event.timestamp, event.identifiers, event.proven
FROM event LEFT JOIN event_reassignment AS moved ON moved.event_id = event.event_id
WHERE event.profile_id = ANY($1)
"""  # noqa: S608 (names of our own)
_COUNTS_OF = "SELECT profile_id, count(*) FROM event WHERE profile_id = ANY($1) GROUP BY profile_id"
_REASSIGN = """
INSERT INTO event_reassignment (event_id, profile_id, timestamp, merge_id, reassign_time)
SELECT event_id, $2, timestamp, $3, $4 FROM event WHERE event_id = ANY($1)
ON CONFLICT (event_id) DO UPDATE
SET profile_id = excluded.profile_id, merge_id = excluded.merge_id, reassign_time = excluded.reassign_time
"""
_EVENTS = f"SELECT {_OWN} FROM event WHERE event_id = ANY($1) ORDER BY event_id"  # noqa: S608 (names of our own)
_FIRST = """
SELECT min(first.timestamp) FROM unnest($1::uuid[]) AS person (profile_id) CROSS JOIN LATERAL (
    (SELECT timestamp FROM event
     WHERE event.profile_id = person.profile_id
       AND NOT EXISTS (SELECT FROM event_reassignment AS moved WHERE moved.event_id = event.event_id)
     ORDER BY timestamp, event_id LIMIT 1)
    UNION ALL
    (SELECT timestamp FROM event_reassignment AS moved WHERE moved.profile_id = person.profile_id
     ORDER BY timestamp, event_id LIMIT 1)
) AS first
"""

# Whose events are told by their reassignment, where there is one.
_MINE = """
event_id IN (
    SELECT event.event_id FROM event LEFT JOIN event_reassignment USING (event_id)
    WHERE event.profile_id = ANY($1) AND (
        event_reassignment.event_id IS NULL OR event_reassignment.profile_id = ANY($1)
    )
    UNION ALL SELECT event_id FROM event_reassignment WHERE profile_id = ANY($1)
)
"""
_FORGET = f"DELETE FROM event WHERE {_MINE}"  # noqa: S608 (names of our own)
_BLANK = f"""
UPDATE event SET profile_id = $2, message_id = '', named = '', identifiers = '', ignored = '', properties = '{{}}',
    context = '{{}}'
WHERE {_MINE}
"""  # noqa: S608 (names of our own)
_FORGET_OLDER = """
WITH old AS (
    SELECT event_id FROM event
    WHERE timestamp < $1 AND (name = $2 OR ($2 = '*' AND name <> ALL ($3::text[]))) LIMIT $4
), moved AS (DELETE FROM event_reassignment WHERE event_id IN (SELECT event_id FROM old))
DELETE FROM event WHERE event_id IN (SELECT event_id FROM old)
"""
_STALE = f"""
SELECT event_id, identifiers, named, properties, context, {", ".join(_NAMED)} FROM event
WHERE event_id > $1 ORDER BY event_id LIMIT $2 FOR UPDATE
"""  # noqa: S608 (names of our own)
_RESEAL = f"""
UPDATE event SET identifiers = sealed.identifiers, named = sealed.named, properties = sealed.properties,
    context = sealed.context, {", ".join(f"{name} = ''" for name in _NAMED)}
FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[])
     AS sealed (event_id, identifiers, named, properties, context)
WHERE event.event_id = sealed.event_id
"""  # noqa: S608 (names of our own)
_TOLD_PROPERTIES = Column("happening", "event_id", "properties", lambda event_id: b"p" + event_id.bytes)
_FORGET_HAPPENINGS = "DELETE FROM happening WHERE profile_id = ANY($1)"
_FORGET_OLDER_HAPPENINGS = """
DELETE FROM happening WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM happening WHERE timestamp < $1 AND (name = $2 OR ($2 = '*' AND name <> ALL ($3::text[]))) LIMIT $4
))
"""
_FORGET_REASSIGNMENTS = "DELETE FROM event_reassignment WHERE profile_id = ANY($1)"

_COUNT = """
INSERT INTO counter (name, shard, value)
SELECT name, pg_backend_pid() % $3, added FROM unnest($1::text[], $2::bigint[]) AS more (name, added) ORDER BY name
ON CONFLICT (name, shard) DO UPDATE SET value = counter.value + excluded.value
"""


# Of people who are there: what is told of somebody after they were erased is dropped. Erasing waits for held rows.
_ADD_HAPPENINGS = """
WITH person AS MATERIALIZED (
    SELECT profile_id FROM profile WHERE profile_id = ANY($2) ORDER BY profile_id FOR KEY SHARE
)
INSERT INTO happening (event_id, profile_id, service, name, properties, timestamp, receive_time)
SELECT told.*
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
    AS told (event_id, profile_id, service, name, properties, timestamp, receive_time)
WHERE told.profile_id IN (SELECT profile_id FROM person)
ON CONFLICT DO NOTHING
"""


async def add_happenings(tx: Tx, vault: Vault, happenings: Sequence[Happening]) -> None:
    """Add to timelines what other services told. What it says is sealed."""
    if happenings:
        sealed = [
            each._replace(properties=vault.seal(each.properties, b"p" + each.event_id.bytes)) for each in happenings
        ]
        await (await driver(tx)).execute(_ADD_HAPPENINGS, *map(list, zip(*sealed, strict=True)))


async def append(tx: Tx, vault: Vault, events: Sequence[Event]) -> None:
    """Add events to the log. What they say is sealed."""
    if events:
        sealed = [_row(vault, event) for event in events]
        await (await driver(tx)).copy_records_to_table("event", records=sealed, columns=_COLUMNS)


def _row(vault: Vault, event: Event) -> tuple[Any, ...]:
    about = event.event_id.bytes
    return (
        *event[:_AT],
        *event[_AFTER : _AFTER + 2],
        event.properties if event.properties == NOTHING else vault.seal(event.properties, b"p" + about),
        event.context if event.context == NOTHING else vault.seal(event.context, b"c" + about),
        *event[_AFTER + 4 :],
        vault.seal(msgspec.json.encode(event[_AT:_AFTER]).decode(), b"e" + about),
    )


def _opened(vault: Vault, row: Sequence[Any]) -> Event:
    *columns, named = row
    about = columns[0].bytes
    names = _names.decode(vault.unseal(named, b"e" + about)) if named else _NOBODY
    event = Event(*columns[:_AT], *names, *columns[_AT:])
    return event._replace(
        properties=vault.unseal(event.properties, b"p" + about), context=vault.unseal(event.context, b"c" + about)
    )


async def page(
    tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID], wanted: Filter, *, after: Position | None, limit: int
) -> list[Event]:
    """Events of a person, newest first: at most `limit` that come after `after`."""
    position = after or (None, None)
    who = wanted.service, list(wanted.types), wanted.source_id
    rows = await (await driver(tx)).fetch(_PAGE, profile_ids, *wanted[:3], *position, limit, *who)
    return [_opened(vault, row) for row in rows]


async def since(
    tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID], event_id: UUID, *, limit: int
) -> AsyncIterator[Recalled]:
    """A person's events from `event_id` on, in the order in which they came, at most `limit`, a few at a time."""
    rows = (await driver(tx)).cursor(_RECALL, profile_ids, event_id, limit, prefetch=RECALLED_AT_ONCE)
    async for row in rows:
        yield _recalled(vault, row)


def _recalled(vault: Vault, row: Iterable[Any]) -> Recalled:
    event = Recalled(*row)
    is_traits = event.type == EventType.IDENTIFY
    said = vault.unseal(event.said, (b"p" if is_traits else b"c") + event.event_id.bytes)
    return event._replace(said=said if is_traits or '"traits"' in said else "")


async def counts_of(tx: ReadTx, profile_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many events came for each of the ids."""
    return dict(await (await driver(tx)).fetch(_COUNTS_OF, profile_ids))


async def named_in(tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID]) -> list[Named]:
    """Whom the events that came for some ids named."""
    return [_named(vault, row) for row in await (await driver(tx)).fetch(_NAMED_IN, profile_ids)]


def _named(vault: Vault, row: Iterable[Any]) -> Named:
    event = Named(*row)
    if not event.previous_id:
        return event
    names = _names.decode(vault.unseal(event.previous_id, b"e" + event.event_id.bytes))
    return event._replace(previous_id=names[_NAMED.index("previous_id")])


async def reassign(tx: Tx, event_ids: Sequence[UUID], profile_id: UUID, *, merge_id: UUID, now: datetime) -> None:
    """Have events be another person's. Their rows do not change."""
    await (await driver(tx)).execute(_REASSIGN, event_ids, profile_id, merge_id, now)


async def events_of(tx: ReadTx, vault: Vault, event_ids: Sequence[UUID]) -> list[Event]:
    """Events, in the order in which they came."""
    return [_opened(vault, row) for row in await (await driver(tx)).fetch(_EVENTS, event_ids)]


async def reseal(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew what follows the event `after`, keyed, where an earlier key sealed it. Returns the last seen."""
    connection = await driver(tx)
    rows = await connection.fetch(_STALE, after, limit)
    stale = [each for each in (_resealed(vault, *row) for row in rows) if each]
    if stale:
        await connection.execute(_RESEAL, *map(list, zip(*stale, strict=True)))
    return rows[-1]["event_id"] if rows else None


def _resealed(
    vault: Vault, event_id: UUID, identifiers: bytes, named: str, properties: str, context: str, *names: str
) -> tuple[Any, ...] | None:
    """The columns of an event sealed with the newest key; None if they are."""
    about = event_id.bytes
    if not named and identifiers:
        identifiers = b"".join(map(vault.index, keys_in(identifiers)))
        named = msgspec.json.encode(names).decode()
    sealed = [(named, b"e" + about), (properties, b"p" + about), (context, b"c" + about)]
    if all(text in ("", NOTHING) or vault.is_current(text) for text, _ in sealed):
        return None
    opened = [(vault.unseal(*each), each[1]) for each in sealed]
    return event_id, identifiers, *(text if text in ("", NOTHING) else vault.seal(text, of) for text, of in opened)


async def reseal_happenings(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew what other services told, likewise."""
    return await vaults.reseal(tx, vault, _TOLD_PROPERTIES, after, limit=limit)


async def first_time(tx: ReadTx, profile_ids: Sequence[UUID]) -> datetime | None:
    """When the earliest event of a person happened."""
    found: datetime | None = await (await driver(tx)).fetchval(_FIRST, profile_ids)
    return found


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Delete everything that people did. Returns how many events that was."""
    connection = await driver(tx)
    done: str = await connection.execute(_FORGET, profile_ids)
    await connection.execute(_FORGET_REASSIGNMENTS, profile_ids)
    await connection.execute(_FORGET_HAPPENINGS, profile_ids)
    return int(done.rpartition(" ")[2])


async def blank(tx: Tx, profile_ids: Sequence[UUID], profile_id: UUID) -> int:
    """Leave of all that people did, as done by `profile_id`, what it was and when. Returns how many events that is."""
    connection = await driver(tx)
    done: str = await connection.execute(_BLANK, profile_ids, profile_id)
    await connection.execute(_FORGET_REASSIGNMENTS, profile_ids)
    await connection.execute(_FORGET_HAPPENINGS, profile_ids)
    return int(done.rpartition(" ")[2])


async def forget_older(tx: Tx, name: str, named: Sequence[str], before: datetime, *, limit: int) -> int:
    """Delete events of a name that happened before an instant, at most `limit`; `*` are all but those `named`.

    Returns how many that was.
    """
    done: str = await (await driver(tx)).execute(_FORGET_OLDER, before, name, named, limit)
    return int(done.rpartition(" ")[2])


async def forget_older_happenings(tx: Tx, name: str, named: Sequence[str], before: datetime, *, limit: int) -> int:
    """The same of what other services told."""
    done: str = await (await driver(tx)).execute(_FORGET_OLDER_HAPPENINGS, before, name, named, limit)
    return int(done.rpartition(" ")[2])


async def count(tx: Tx, added: Mapping[str, int]) -> None:
    """Add to counters. Waits for nobody who counts on another connection's shard."""
    more = {name: number for name, number in added.items() if number}
    if more:
        await (await driver(tx)).execute(_COUNT, list(more), list(more.values()), COUNTER_SHARDS)


async def counts(tx: ReadTx) -> dict[str, int]:
    """All counters."""
    rows = await (await driver(tx)).fetch("SELECT name, sum(value)::bigint AS value FROM counter GROUP BY name")
    return {row["name"]: row["value"] for row in rows}
