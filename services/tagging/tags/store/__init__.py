"""Every statement on the tags that people have."""

from collections.abc import Collection, Sequence

from chassis.db import ReadTx, Tx, driver
from services.tagging.tags.domain import Held, ProfileTag, TagRow

_FIND = """
SELECT profile_id::text, tag_id::text, coalesce(rule_id::text, ''), operator, displaced, add_time, expire_time
FROM profile_tag WHERE profile_id = ANY($1::uuid[])
"""

_LIST = """
SELECT DISTINCT ON (key) tag_id::text, key, coalesce(rule_id::text, ''), operator, add_time, expire_time
FROM profile_tag JOIN (SELECT tag_id, key FROM tag) AS tag USING (tag_id)
WHERE profile_id = $1 AND NOT displaced ORDER BY key, rule_id NULLS FIRST
"""

_END = """
DELETE FROM profile_tag USING unnest($1::uuid[], $2::uuid[], $3::text[]) AS ended (profile_id, tag_id, rule_id)
WHERE profile_tag.profile_id = ended.profile_id AND profile_tag.tag_id = ended.tag_id
  AND profile_tag.rule_id IS NOT DISTINCT FROM nullif(ended.rule_id, '')::uuid
"""

_BEGIN = """
INSERT INTO profile_tag (profile_id, tag_id, rule_id, operator, displaced, add_time, expire_time)
SELECT profile_id, tag_id, nullif(rule_id, '')::uuid, operator, displaced, add_time, expire_time
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::timestamptz[], $7::timestamptz[])
    AS begun (profile_id, tag_id, rule_id, operator, displaced, add_time, expire_time)
ON CONFLICT ON CONSTRAINT profile_tag_key DO UPDATE SET operator = excluded.operator, displaced = excluded.displaced,
    add_time = excluded.add_time, expire_time = excluded.expire_time
"""


async def find_tags(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, dict[TagRow, Held]]:
    """Per person, the tags with why they are held."""
    found: dict[str, dict[TagRow, Held]] = {profile_id: {} for profile_id in profile_ids}
    for profile_id, tag_id, rule_id, *held in await (await driver(tx)).fetch(_FIND, list(profile_ids)):
        found[profile_id][tag_id, rule_id] = Held(*held)
    return found


async def list_tags(tx: ReadTx, profile_id: str) -> list[ProfileTag]:
    """The tags that a person has, by key."""
    return [ProfileTag(*row) for row in await (await driver(tx)).fetch(_LIST, profile_id)]


async def save_tags(tx: Tx, *, ended: Sequence[tuple[str, TagRow]], begun: Sequence[tuple[str, TagRow, Held]]) -> None:
    """Take and give tags, one statement each."""
    connection = await driver(tx)
    if ended:
        rows = [(profile_id, *row) for profile_id, row in ended]
        await connection.execute(_END, *(list(column) for column in zip(*rows, strict=True)))
    if begun:
        given = [(profile_id, *row, *held) for profile_id, row, held in begun]
        await connection.execute(_BEGIN, *(list(column) for column in zip(*given, strict=True)))
