"""What changes in the taxonomy."""

from datetime import datetime

from chassis.db import Tx
from services.tagging.taxonomy import domain, store
from services.tagging.taxonomy.domain import Tag, TagGroup


async def create_group(
    tx: Tx, *, group_id: str, name: str, dimension: str, parent_group_id: str, exclusive: bool, now: datetime
) -> TagGroup:
    """Create a group of tags, below another if one is named."""
    parent = await store.get_group(tx, parent_group_id) if parent_group_id else None
    group = TagGroup(group_id, name, domain.dimension_of(dimension, parent), parent_group_id, exclusive, now)
    await store.save_group(tx, group)
    return group


async def create_tag(tx: Tx, *, tag_id: str, group_id: str, key: str, name: str, now: datetime) -> Tag:
    """Create a tag in a group."""
    group = await store.get_group(tx, group_id)
    tag = Tag(tag_id, group_id, key, name, group.dimension, group_id if group.exclusive else "", now)
    await store.save_tag(tx, tag)
    return tag
