"""Messages of the taxonomy, from and to what they mean."""

from bowen.tagging.v1 import taxonomy_pb2

from chassis.stamps import stamp
from services.tagging.taxonomy.domain import DIMENSIONS, Tag, TagGroup

_BY_NUMBER = ("", *DIMENSIONS)


def dimension_from_proto(number: int) -> str:
    """`basic`, `source` or `interaction`; empty when not set."""
    return _BY_NUMBER[number]


def group_to_proto(group: TagGroup) -> taxonomy_pb2.TagGroup:
    """A group."""
    return taxonomy_pb2.TagGroup(
        group_id=group.group_id,
        name=group.name,
        dimension=_dimension(group.dimension),
        parent_group_id=group.parent_group_id,
        exclusive=group.exclusive,
        create_time=stamp(group.create_time),
    )


def tag_to_proto(tag: Tag) -> taxonomy_pb2.Tag:
    """A tag."""
    return taxonomy_pb2.Tag(
        tag_id=tag.tag_id,
        group_id=tag.group_id,
        key=tag.key,
        name=tag.name,
        dimension=_dimension(tag.dimension),
        create_time=stamp(tag.create_time),
    )


def _dimension(name: str) -> taxonomy_pb2.Dimension.ValueType:
    return taxonomy_pb2.Dimension.Value(f"DIMENSION_{name.upper()}")
