"""Every statement on what was whose before a merge."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from chassis.db import Tx, driver
from services.tagging.segments.domain import Membership
from services.tagging.tags.domain import Held, StayChange
from services.tagging.tags.domain.merging import Had

_SAVE_TAGS = """
INSERT INTO merged_tag (merge_id, profile_id, tag_id, rule_id, operator, displaced, add_time, expire_time, kept)
SELECT $1, profile_id, tag_id, nullif(rule_id, '')::uuid, operator, displaced, add_time, expire_time, kept
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::timestamptz[],
            $9::boolean[])
    AS had (profile_id, tag_id, rule_id, operator, displaced, add_time, expire_time, kept)
"""

_SAVE_STAYS = """
INSERT INTO merged_stay (merge_id, profile_id, segment_id, entry_id, enter_time)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
"""

_TAKE_TAGS = """
DELETE FROM merged_tag WHERE merge_id = $1
RETURNING profile_id::text, tag_id::text, coalesce(rule_id::text, ''), operator, displaced, add_time, expire_time, kept
"""

_TAKE_STAYS = """
DELETE FROM merged_stay WHERE merge_id = $1 RETURNING profile_id::text, segment_id::text, entry_id::text, enter_time
"""

# Later merges of who remains noted as that one's what goes back to another.
_DISOWN_TAGS = """
DELETE FROM merged_tag AS later USING merged_tag AS own
WHERE own.merge_id = $1 AND own.profile_id = $2 AND later.merge_id > $1 AND later.profile_id = ANY($3::uuid[])
  AND later.tag_id = own.tag_id AND later.rule_id IS NULL AND own.rule_id IS NULL
  AND later.operator = own.operator AND later.add_time = own.add_time
"""

_DISOWN_STAYS = """
DELETE FROM merged_stay AS later USING merged_stay AS own
WHERE own.merge_id = $1 AND own.profile_id = $2 AND later.merge_id > $1 AND later.profile_id = ANY($3::uuid[])
  AND later.entry_id = own.entry_id
"""


# The first merge that noted a stay noted it with the profile that it was told of.
_END_STAYS = """
WITH gone AS (
    DELETE FROM merged_stay USING unnest($1::uuid[], $2::uuid[]) AS ended (root_id, segment_id)
    WHERE merged_stay.segment_id = ended.segment_id AND (
        merged_stay.profile_id = ended.root_id
        OR merged_stay.profile_id IN (SELECT profile_id FROM subject WHERE merged_into = ended.root_id))
    RETURNING ended.root_id, merged_stay.*
)
SELECT DISTINCT ON (entry_id) root_id::text, segment_id::text, entry_id::text, profile_id::text, enter_time
FROM gone ORDER BY entry_id, merge_id
"""


async def end_stays(tx: Tx, ended: Collection[StayChange]) -> list[StayChange]:
    """Note no more what sides of merges had of segments that the united people left. Returns the ends of those stays
    that did not go over to the united person."""
    times = {(each.profile_id, each.segment_id): each.time for each in ended}
    told = {each.entry_id for each in ended}
    roots, segments = [list(column) for column in zip(*times, strict=True)]
    return [
        StayChange(profile_id, segment_id, entry_id, entered=False, time=times[root_id, segment_id], enter_time=began)
        for root_id, segment_id, entry_id, profile_id, began in await (await driver(tx)).fetch(
            _END_STAYS, roots, segments
        )
        if entry_id not in told
    ]


async def save_had(tx: Tx, merge_id: str, had: Mapping[str, Had]) -> None:
    """Note what each side of a merge had."""
    connection = await driver(tx)
    tags = [
        (profile_id, *row, *held, row not in side.lost)
        for profile_id, side in had.items()
        for row, held in side.tags.items()
    ]
    stays = [(profile_id, each, *stay) for profile_id, side in had.items() for each, stay in side.stays.items()]
    if tags:
        await connection.execute(_SAVE_TAGS, merge_id, *(list(column) for column in zip(*tags, strict=True)))
    if stays:
        await connection.execute(_SAVE_STAYS, merge_id, *(list(column) for column in zip(*stays, strict=True)))


async def take_had(tx: Tx, merge_id: str, restored_id: str, others: Collection[str]) -> dict[str, Had]:
    """What each side of a merge had. It is noted no more; nor by later merges of `others` what the restored one had."""
    connection = await driver(tx)
    for statement in (_DISOWN_TAGS, _DISOWN_STAYS):
        await connection.execute(statement, merge_id, restored_id, list(others))
    had: dict[str, Had] = defaultdict(Had)
    for profile_id, tag_id, rule_id, *held, kept in await connection.fetch(_TAKE_TAGS, merge_id):
        had[profile_id].tags[tag_id, rule_id] = Held(*held)
        had[profile_id].lost |= set() if kept else {(tag_id, rule_id)}
    for profile_id, segment_id, *stay in await connection.fetch(_TAKE_STAYS, merge_id):
        had[profile_id].stays[segment_id] = Membership(*stay)
    return had
