"""What groups and tags are."""

from dataclasses import dataclass
from datetime import datetime

from chassis.errors import InvalidArgument
from services.tagging.taxonomy.errors import DimensionMismatch

DIMENSIONS = ("basic", "source", "interaction")


@dataclass(frozen=True, slots=True)
class TagGroup:
    """A node of the taxonomy's tree."""

    group_id: str
    name: str
    dimension: str
    parent_group_id: str
    exclusive: bool
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag. `exclusive_group` is its group's id when a person has at most one tag of the group, else empty."""

    tag_id: str
    group_id: str
    key: str
    name: str
    dimension: str
    exclusive_group: str
    create_time: datetime


def dimension_of(asked: str, parent: TagGroup | None) -> str:
    """The dimension of a new group: its own for a root, its parent's for a child."""
    if parent is None:
        if not asked:
            raise InvalidArgument("dimension", "is required for a group without a parent")
        return asked
    if asked and asked != parent.dimension:
        raise DimensionMismatch(asked, parent.dimension)
    return parent.dimension
