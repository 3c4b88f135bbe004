"""Every statement on subjects, their facts, and the definitions that wait to be applied to everybody."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chassis.caller import Caller
from chassis.db import ReadTx, Tx, driver
from chassis.errors import PermissionDenied
from services.tagging.subjects.domain import Judged, NewFact, Processing, Subject

_OPEN = """
INSERT INTO subject (profile_id) SELECT unnest($1::uuid[]) ON CONFLICT ON CONSTRAINT subject_pkey DO NOTHING
"""

_LOCK = """
SELECT profile_id::text, merged_into::text, attributes, version, judge_time FROM subject
WHERE profile_id = ANY($1::uuid[]) ORDER BY profile_id FOR UPDATE
"""

_RESOLVE = "SELECT merged_into::text FROM subject WHERE profile_id = $1"

_UPDATE = """
UPDATE subject SET attributes = told.attributes::jsonb, version = told.version
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS told (profile_id, attributes, version)
WHERE subject.profile_id = told.profile_id AND subject.version < told.version
"""

_JUDGED = """
UPDATE subject SET judge_time = judged.judge_time, due_time = judged.due_time
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS judged (profile_id, judge_time, due_time)
WHERE subject.profile_id = judged.profile_id
"""

_DUE = "SELECT profile_id::text FROM subject WHERE due_time <= $1 ORDER BY due_time LIMIT $2"

_SAVE_PROCESSING = """
INSERT INTO processing (profile_id, version, is_restricted, is_personalization_off)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::boolean[])
ON CONFLICT (profile_id) DO UPDATE SET version = excluded.version, is_restricted = excluded.is_restricted,
    is_personalization_off = excluded.is_personalization_off
WHERE processing.version < excluded.version
"""

_PROCESSING = """
SELECT person.profile_id::text, bool_or(is_restricted), bool_or(is_personalization_off)
FROM unnest($1::uuid[]) AS person (profile_id)
JOIN processing ON processing.profile_id = person.profile_id
    OR processing.profile_id IN (SELECT subject.profile_id FROM subject WHERE merged_into = person.profile_id)
GROUP BY person.profile_id
"""

_FACTS = """
INSERT INTO fact (event_id, origin_id, name, fact_time, properties, profile_id)
SELECT event_id, origin_id, name, fact_time, properties::jsonb, profile_id
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[])
    AS told (event_id, origin_id, name, fact_time, properties, profile_id)
ON CONFLICT ON CONSTRAINT fact_pkey DO NOTHING
"""

_REASSIGN = """
INSERT INTO fact (event_id, origin_id, name, fact_time, properties, profile_id, reassign_time)
SELECT DISTINCT ON (event_id) event_id, origin_id, name, fact_time, properties::jsonb, profile_id, reassign_time
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[], $7::timestamptz[])
    AS told (event_id, origin_id, name, fact_time, properties, profile_id, reassign_time)
ORDER BY event_id, reassign_time DESC
ON CONFLICT ON CONSTRAINT fact_pkey DO UPDATE SET origin_id = excluded.origin_id, profile_id = excluded.profile_id,
    reassign_time = excluded.reassign_time
WHERE fact.reassign_time IS NULL OR fact.reassign_time < excluded.reassign_time
"""

_FIND_FACTS = """
SELECT profile_id::text, fact.name, fact_time, properties
FROM unnest($2::text[], $3::timestamptz[]) AS needed (name, since)
JOIN fact ON fact.profile_id = ANY($1::uuid[]) AND fact.name = needed.name AND fact_time >= needed.since
ORDER BY fact_time
"""

_START_BACKFILL = "INSERT INTO backfill (definition_id, rule_id) VALUES ($1, nullif($2, '')::uuid)"

_NEXT_BACKFILL = """
SELECT definition_id::text, coalesce(rule_id::text, ''), cursor::text FROM backfill
ORDER BY definition_id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_AFTER = """
SELECT profile_id::text FROM subject WHERE profile_id > $1::uuid AND merged_into IS NULL ORDER BY profile_id LIMIT $2
"""


_OPENINGS = 0x6F70656E  # "open"
_NOBODY = "00000000-0000-0000-0000-000000000000"
_FIRST = "00000000-0000-0000-0000-000000000001"
"""Cursors before all people: of a backfill that is new, and of one that may begin."""

_EVER = datetime.min.replace(tzinfo=UTC)


class Backfill(NamedTuple):
    """A new rule or segment that is being applied to everybody, in order of profile id."""

    definition_id: str
    rule_id: str
    cursor: str

    @property
    def is_new(self) -> bool:
        """Whether people may still be opened by who does not know of the definition yet."""
        return self.cursor == _NOBODY


async def lock_subjects(tx: Tx, profile_ids: Collection[str]) -> tuple[dict[str, Subject], dict[str, str]]:
    """Hold the people that these ids stand for, and open those nobody has heard of.

    Returns the subjects by their own id, and for each id asked for the id of its subject.
    """
    connection = await driver(tx)
    wanted = sorted(set(profile_ids))
    rows = await connection.fetch(_LOCK, wanted)
    if len(rows) < len(wanted):
        await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _OPENINGS)
        await connection.execute(_OPEN, wanted)
        rows = await connection.fetch(_LOCK, wanted)
    roots = {row[0]: row[1] or row[0] for row in rows}
    missing = sorted(set(roots.values()) - {row[0] for row in rows})
    rows += await connection.fetch(_LOCK, missing) if missing else []
    subjects = {row[0]: Subject(row[0], row[2], row[3], row[4]) for row in rows if row[1] is None}
    return subjects, roots


async def hold_known(tx: Tx, profile_ids: Collection[str]) -> list[str]:
    """Those of the people who are known, held: unlike `lock_subjects`, it opens nobody."""
    return [row[0] for row in await (await driver(tx)).fetch(_LOCK, sorted(profile_ids))]


async def resolve(tx: ReadTx, profile_id: str) -> str:
    """The profile that stands for `profile_id` now."""
    return await (await driver(tx)).fetchval(_RESOLVE, profile_id) or profile_id


async def check_own(tx: ReadTx, caller: Caller, profile_id: str) -> None:
    """Raises `PermissionDenied` when a shopper asks for another person. `profile_id` is resolved."""
    if caller.profile_id and await resolve(tx, caller.profile_id) != profile_id:
        raise PermissionDenied("this is another person's")


def check_brand(caller: Caller) -> None:
    """Raises `PermissionDenied` for a caller that is bound to a store: what is asked for is not the store's own."""
    if caller.store_id:
        raise PermissionDenied("this is not the store's own")


async def save_attributes(tx: Tx, told: Sequence[tuple[str, str, int]]) -> None:
    """Take over attributes, as JSON text, with their version: an older state never replaces a newer one."""
    latest = {row[0]: row for row in sorted(told, key=lambda row: row[2])}.values()
    await (await driver(tx)).execute(_UPDATE, *(list(column) for column in zip(*latest, strict=True)))


async def save_judged(tx: Tx, judged: Sequence[Judged]) -> None:
    """Note when people were judged, and when they are due."""
    await (await driver(tx)).execute(_JUDGED, *(list(column) for column in zip(*judged, strict=True)))


async def list_due(tx: ReadTx, *, now: datetime, limit: int) -> list[str]:
    """People whose verdict may have changed by itself, longest due first."""
    return [row[0] for row in await (await driver(tx)).fetch(_DUE, now, limit)]


async def save_processing(tx: Tx, told: Sequence[tuple[str, int, Processing]]) -> None:
    """Take over how ids may be processed, with the version: an older state never replaces a newer one."""
    latest = {row[0]: row for row in sorted(told, key=lambda row: row[1])}.values()
    rows = [(profile_id, version, *processing) for profile_id, version, processing in latest]
    await (await driver(tx)).execute(_SAVE_PROCESSING, *(list(column) for column in zip(*rows, strict=True)))


async def processing_of(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, Processing]:
    """How people may be processed: what was told of any of their ids. All others may be without bound."""
    rows = await (await driver(tx)).fetch(_PROCESSING, list(profile_ids))
    return {row[0]: Processing(row[1], row[2]) for row in rows}


async def save_facts(tx: Tx, facts: Sequence[NewFact], roots: Mapping[str, str]) -> None:
    """Insert facts, each for who has the id now that it was told of; those that are there already stay."""
    if not facts:
        return
    columns = zip(*((*fact, roots[fact.profile_id]) for fact in facts), strict=True)
    await (await driver(tx)).execute(_FACTS, *(list(column) for column in columns))


async def reassign_facts(tx: Tx, facts: Sequence[tuple[NewFact, datetime]], roots: Mapping[str, str]) -> None:
    """Have facts told of other ids since these times, of several about one fact since the latest. What was not told
    before is inserted."""
    if not facts:
        return
    columns = zip(*((*fact, roots[fact.profile_id], time) for fact, time in facts), strict=True)
    await (await driver(tx)).execute(_REASSIGN, *(list(column) for column in columns))


async def find_facts(
    tx: ReadTx, profile_ids: Sequence[str], needed: Mapping[str, datetime | None]
) -> dict[str, dict[str, list[tuple[datetime, dict[str, Any]]]]]:
    """Per person and name, time and properties of the facts that are needed, by time."""
    found: dict[str, dict[str, list[tuple[datetime, dict[str, Any]]]]] = {profile_id: {} for profile_id in profile_ids}
    if not needed:
        return found
    since = [moment or _EVER for moment in needed.values()]
    rows = await (await driver(tx)).fetch(_FIND_FACTS, profile_ids, list(needed), since)
    for profile_id, name, time, properties in rows:
        found[profile_id].setdefault(name, []).append((time, properties))
    return found


async def start_backfill(tx: Tx, definition_id: str, *, rule_id: str = "") -> None:
    """Have a new definition applied to everybody who is known."""
    await (await driver(tx)).execute(_START_BACKFILL, definition_id, rule_id)


async def lock_backfill(tx: Tx) -> Backfill | None:
    """The oldest unfinished backfill that nobody else works on, held; None when there is none."""
    row = await (await driver(tx)).fetchrow(_NEXT_BACKFILL)
    return Backfill(*row) if row else None


async def begin_backfill(tx: Tx, definition_id: str) -> None:
    """Wait for all who are opening people: they may not know of the definition, and the backfill would not see their
    people. Who opens people later does know of it."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _OPENINGS)
    await save_backfill(tx, definition_id, cursor=_FIRST)


async def list_after(tx: ReadTx, cursor: str, *, limit: int) -> list[str]:
    """Ids of people after the cursor, by id."""
    return [row[0] for row in await (await driver(tx)).fetch(_AFTER, cursor, limit)]


async def save_backfill(tx: Tx, definition_id: str, *, cursor: str) -> None:
    """Note how far a backfill has come; an empty cursor ends it."""
    connection = await driver(tx)
    if cursor:
        await connection.execute("UPDATE backfill SET cursor = $2 WHERE definition_id = $1", definition_id, cursor)
    else:
        await connection.execute("DELETE FROM backfill WHERE definition_id = $1", definition_id)
