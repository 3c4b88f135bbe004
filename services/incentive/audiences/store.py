"""Every statement on audiences."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.audiences.domain import FOR_EVER, Spell, Turn

# A later entry replaces an earlier one; of one entry, entering and leaving complete each other.
_SAVE = """
INSERT INTO audience_member AS known (segment_id, profile_id, entry_id, enter_time, leave_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
ON CONFLICT ON CONSTRAINT audience_member_pkey DO UPDATE SET
    entry_id = excluded.entry_id,
    enter_time = CASE WHEN excluded.entry_id > known.entry_id THEN excluded.enter_time
                      ELSE coalesce(known.enter_time, excluded.enter_time) END,
    leave_time = CASE WHEN excluded.entry_id > known.entry_id THEN excluded.leave_time
                      ELSE coalesce(known.leave_time, excluded.leave_time) END
WHERE excluded.entry_id >= known.entry_id
"""

_FIND = """
SELECT segment_id, profile_id::text, enter_time, leave_time FROM audience_member
WHERE segment_id = ANY($1::uuid[]) AND profile_id = ANY($2::uuid[])
"""

_FIND_COPIED = """
SELECT snapshot_id, profile_id::text FROM audience_snapshot_member
WHERE snapshot_id = ANY($1::uuid[]) AND profile_id = ANY($2::uuid[])
"""

_COPY = """
WITH copied AS (
    INSERT INTO audience_snapshot_member (snapshot_id, profile_id)
    SELECT $1, profile_id FROM audience_member
    WHERE segment_id = $2 AND enter_time IS NOT NULL AND leave_time IS NULL
    RETURNING profile_id
)
INSERT INTO audience_snapshot (snapshot_id, segment_id, create_time, people) SELECT $1, $2, $3, count(*) FROM copied
"""


async def save_turns(tx: Tx, turns: Sequence[Turn]) -> None:
    """Keep the last turns of profiles, one per profile and segment, in key order."""
    columns = [[turn[index] for turn in turns] for index in range(len(Turn._fields))]
    await (await driver(tx)).execute(_SAVE, *columns)


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
    """Copy who is in a segment at this moment."""
    await (await driver(tx)).execute(_COPY, snapshot_id, segment_id, now)
