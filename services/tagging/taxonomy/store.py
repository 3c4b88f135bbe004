"""Every statement on groups and tags."""

from collections.abc import Collection
from uuid import UUID

from chassis.db import ReadTx, Tx, driver, violated
from services.tagging.taxonomy.domain import Tag, TagGroup
from services.tagging.taxonomy.errors import TagGroupExists, TagGroupNotFound, TagKeyExists, TagNotFound

_GROUP = """
SELECT group_id::text, name, dimension, coalesce(parent_group_id::text, ''), exclusive, create_time FROM tag_group
"""

_TAG = """
SELECT tag_id::text, tag.group_id::text, key, tag.name, dimension,
       CASE WHEN exclusive THEN tag.group_id::text ELSE '' END, tag.create_time
FROM tag JOIN tag_group USING (group_id)
"""

_INSERT_GROUP = """
INSERT INTO tag_group (group_id, name, dimension, parent_group_id, exclusive, create_time)
VALUES ($1, $2, $3, nullif($4, '')::uuid, $5, $6)
"""

_INSERT_TAG = "INSERT INTO tag (tag_id, group_id, key, name, create_time) VALUES ($1, $2, $3, $4, $5)"


async def get_group(tx: ReadTx, group_id: str) -> TagGroup:
    """A group. Raises `TagGroupNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_GROUP} WHERE group_id = $1", group_id)
    if row is None:
        raise TagGroupNotFound(group_id)
    return TagGroup(*row)


async def list_groups(tx: ReadTx, *, after: UUID, limit: int) -> list[TagGroup]:
    """Groups after an id, oldest first: ids are ordered by time."""
    query = f"{_GROUP} WHERE group_id > $1::uuid ORDER BY group_id LIMIT $2"
    rows = await (await driver(tx)).fetch(query, after, limit)
    return [TagGroup(*row) for row in rows]


async def save_group(tx: Tx, group: TagGroup) -> None:
    """Insert a group. Raises `TagGroupExists`."""
    try:
        await (await driver(tx)).execute(
            _INSERT_GROUP,
            group.group_id,
            group.name,
            group.dimension,
            group.parent_group_id,
            group.exclusive,
            group.create_time,
        )
    except Exception as error:
        if violated(error) == "tag_group_name_key":
            raise TagGroupExists(group.name) from error
        raise


async def get_tag(tx: ReadTx, tag_id: str) -> Tag:
    """A tag. Raises `TagNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_TAG} WHERE tag_id = $1", tag_id)
    if row is None:
        raise TagNotFound(tag_id)
    return Tag(*row)


async def find_tags(tx: ReadTx, tag_ids: Collection[str]) -> dict[str, Tag]:
    """The tags of these ids, by id."""
    rows = await (await driver(tx)).fetch(f"{_TAG} WHERE tag_id = ANY($1::uuid[])", list(tag_ids))
    return {row[0]: Tag(*row) for row in rows}


async def find_by_key(tx: ReadTx, keys: Collection[str]) -> dict[str, Tag]:
    """The tags of these keys, by key."""
    rows = await (await driver(tx)).fetch(f"{_TAG} WHERE key = ANY($1::text[])", list(keys))
    return {row[2]: Tag(*row) for row in rows}


async def list_tags(tx: ReadTx, *, group_id: str, after: UUID, limit: int) -> list[Tag]:
    """Tags after an id, oldest first; of one group if it is named."""
    query = f"{_TAG} WHERE tag_id > $1::uuid AND ($2 = '' OR tag.group_id::text = $2) ORDER BY tag_id LIMIT $3"
    rows = await (await driver(tx)).fetch(query, after, group_id, limit)
    return [Tag(*row) for row in rows]


async def save_tag(tx: Tx, tag: Tag) -> None:
    """Insert a tag. Raises `TagKeyExists`."""
    try:
        await (await driver(tx)).execute(_INSERT_TAG, tag.tag_id, tag.group_id, tag.key, tag.name, tag.create_time)
    except Exception as error:
        if violated(error) == "tag_key_key":
            raise TagKeyExists(tag.key) from error
        raise
