"""Every statement on audiences."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.audiences.domain import FOR_EVER, Spell, Turn, last_turns, united

_SEGMENTS = 0x7365676D  # "segm"

_HOLD = """
SELECT pg_advisory_xact_lock($1, key) FROM (
    SELECT DISTINCT hashtext(segment_id::text) AS key FROM unnest($2::uuid[]) AS held (segment_id) ORDER BY key
) AS held
"""

_TURNS = "unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])"
_TOLD = f"{_TURNS} AS told (segment_id, profile_id, entry_id, enter_time, leave_time)"

# A later entry replaces an earlier one; of one entry, entering and leaving complete each other. Who was merged since
# leaves as another profile.
_SAVE = f"""
INSERT INTO audience_member AS known (segment_id, profile_id, entry_id, enter_time, leave_time)
SELECT segment_id, profile_id, entry_id, enter_time,
       coalesce(leave_time, (SELECT min(leave_time) FROM audience_member WHERE entry_id = told.entry_id))
FROM {_TOLD}
ON CONFLICT ON CONSTRAINT audience_member_pkey DO UPDATE SET
    entry_id = excluded.entry_id,
    enter_time = CASE WHEN excluded.entry_id > known.entry_id THEN excluded.enter_time
                      ELSE coalesce(known.enter_time, excluded.enter_time) END,
    leave_time = CASE WHEN excluded.entry_id > known.entry_id THEN excluded.leave_time
                      ELSE coalesce(known.leave_time, excluded.leave_time) END
WHERE excluded.entry_id > known.entry_id OR excluded.entry_id = known.entry_id AND (
    known.enter_time IS NULL AND excluded.enter_time IS NOT NULL
    OR known.leave_time IS NULL AND excluded.leave_time IS NOT NULL)
"""  # noqa: S608 (constants)

_END = f"""
UPDATE audience_member SET leave_time = told.leave_time FROM {_TOLD}
WHERE audience_member.entry_id = told.entry_id AND told.leave_time IS NOT NULL AND audience_member.leave_time IS NULL
"""  # noqa: S608 (constants)

# The same for copies, as of their instant: what began later does not concern them, nor does an end that came later.
_SAVE_COPIED = f"""
INSERT INTO audience_snapshot_member AS known (snapshot_id, profile_id, entry_id, leave_time)
SELECT DISTINCT ON (snapshot_id, told.profile_id) snapshot_id, told.profile_id, told.entry_id,
       CASE WHEN told.leave_time <= create_time THEN told.leave_time END
FROM {_TOLD} JOIN audience_snapshot USING (segment_id) WHERE told.enter_time <= create_time
ORDER BY snapshot_id, told.profile_id, told.entry_id DESC
ON CONFLICT ON CONSTRAINT audience_snapshot_member_pkey DO UPDATE SET
    entry_id = excluded.entry_id,
    leave_time = excluded.leave_time
WHERE excluded.entry_id > known.entry_id
   OR excluded.entry_id = known.entry_id AND known.leave_time IS NULL AND excluded.leave_time IS NOT NULL
"""  # noqa: S608 (constants)

_END_COPIED = f"""
UPDATE audience_snapshot_member AS known SET leave_time = told.leave_time
FROM {_TOLD} JOIN audience_snapshot USING (segment_id)
WHERE known.entry_id = told.entry_id AND known.snapshot_id = audience_snapshot.snapshot_id
  AND told.leave_time <= create_time AND known.leave_time IS NULL
"""  # noqa: S608 (constants)

_FIND = """
SELECT segment_id, profile_id::text, enter_time, leave_time FROM audience_member
WHERE segment_id = ANY($1::uuid[]) AND profile_id = ANY($2::uuid[])
"""

_FIND_COPIED = """
SELECT snapshot_id, profile_id::text FROM audience_snapshot_member
WHERE snapshot_id = ANY($1::uuid[]) AND profile_id = ANY($2::uuid[]) AND leave_time IS NULL
"""

_COPY = """
WITH copied AS (
    INSERT INTO audience_snapshot_member (snapshot_id, profile_id, entry_id, leave_time)
    SELECT $1, profile_id, entry_id, CASE WHEN leave_time <= $3 THEN leave_time END FROM audience_member
    WHERE segment_id = $2 AND enter_time <= $3
    RETURNING leave_time
)
INSERT INTO audience_snapshot (snapshot_id, segment_id, create_time, people)
SELECT $1, $2, $3, count(*) FROM copied WHERE leave_time IS NULL
"""

_REQUEST = """
INSERT INTO audience_copy (segment_id, request_time) SELECT unnest($1::uuid[]), $2
ON CONFLICT ON CONSTRAINT audience_copy_pkey DO NOTHING
"""

_INCOMPLETE = """
SELECT segment_id FROM unnest($1::uuid[]) AS asked (segment_id)
WHERE NOT EXISTS (
    SELECT FROM audience_copy WHERE audience_copy.segment_id = asked.segment_id AND complete_time IS NOT NULL)
"""

_LOCK_COPY = """
SELECT segment_id, after_entry_id FROM audience_copy WHERE complete_time IS NULL
ORDER BY request_time, segment_id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_SAVE_COPY = """
UPDATE audience_copy SET after_entry_id = coalesce($2, after_entry_id), entries = entries + $3, complete_time = $4
WHERE segment_id = $1
"""


class OpenCopy(NamedTuple):
    """A segment that is being told again, and the last entry that was told."""

    segment_id: UUID
    after_entry_id: UUID


async def save_turns(tx: Tx, turns: Sequence[Turn]) -> None:
    """Keep turns of profiles, in whatever order they are told. Their segments are held until the transaction ends."""
    await _hold_segments(tx, {turn.segment_id for turn in turns})
    connection = await driver(tx)
    await connection.execute(_SAVE, *_columns(last_turns(turns)))
    await connection.execute(_SAVE_COPIED, *_columns(united(turns)))
    ends = [turn for turn in turns if turn.leave_time is not None]
    if ends:
        await connection.execute(_END, *_columns(ends))
        await connection.execute(_END_COPIED, *_columns(ends))


def _columns(turns: Sequence[Turn]) -> list[list[object]]:
    return [[turn[index] for turn in turns] for index in range(len(Turn._fields))]


async def _hold_segments(tx: Tx, segment_ids: Collection[UUID]) -> None:
    """Be the only one who tells of these segments, or copies them, until the transaction ends."""
    await (await driver(tx)).execute(_HOLD, _SEGMENTS, list(segment_ids))


async def find_spells(
    tx: ReadTx, segment_ids: Collection[UUID], profile_ids: Collection[str]
) -> dict[tuple[UUID, str], Spell]:
    """When profiles were last in segments."""
    rows = await (await driver(tx)).fetch(_FIND, list(segment_ids), list(profile_ids))
    return {(row[0], row[1]): Spell(row[2], row[3]) for row in rows}


async def find_copied(
    tx: ReadTx, snapshot_ids: Collection[UUID], profile_ids: Collection[str]
) -> dict[tuple[UUID, str], Spell]:
    """Which profiles copies hold, by copy: for ever."""
    rows = await (await driver(tx)).fetch(_FIND_COPIED, list(snapshot_ids), list(profile_ids))
    return {(row[0], row[1]): FOR_EVER for row in rows}


async def copy_segment(tx: Tx, snapshot_id: UUID, segment_id: UUID, *, now: datetime) -> None:
    """Copy who is in a segment at this instant. Who turns out later to have been there is added."""
    await _hold_segments(tx, [segment_id])
    await (await driver(tx)).execute(_COPY, snapshot_id, segment_id, now)


async def request_copies(tx: Tx, segment_ids: Collection[UUID], *, now: datetime) -> None:
    """Have tagging tell segments again, each once for ever."""
    await (await driver(tx)).execute(_REQUEST, sorted(segment_ids), now)


async def find_incomplete(tx: ReadTx, segment_ids: Collection[UUID]) -> set[UUID]:
    """Those of the segments of which it is not known who is in them."""
    rows = await (await driver(tx)).fetch(_INCOMPLETE, list(segment_ids)) if segment_ids else []
    return {row[0] for row in rows}


async def lock_copy(tx: Tx) -> OpenCopy | None:
    """The segment that was asked for first and that nobody else is at, held; None when nothing is left to ask."""
    row = await (await driver(tx)).fetchrow(_LOCK_COPY)
    return OpenCopy(*row) if row else None


async def save_copy(tx: Tx, segment_id: UUID, turns: Sequence[Turn], *, complete_time: datetime | None) -> None:
    """Note how far a segment has been told."""
    last = turns[-1].entry_id if turns else None
    await (await driver(tx)).execute(_SAVE_COPY, segment_id, last, len(turns), complete_time)
