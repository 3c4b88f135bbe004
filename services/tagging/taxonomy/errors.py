"""Why the taxonomy refuses."""

from chassis.errors import AlreadyExists, FailedPrecondition, NotFound


class TagGroupNotFound(NotFound):
    """No group of tags has this id."""

    reason = "TAG_GROUP_NOT_FOUND"

    def __init__(self, group_id: str) -> None:
        super().__init__("no group of tags has this id", group_id=group_id)


class TagGroupExists(AlreadyExists):
    """The parent has a group of this name already."""

    reason = "TAG_GROUP_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__("there is a group of this name already", name=name)


class DimensionMismatch(FailedPrecondition):
    """A child group must have its parent's dimension."""

    reason = "DIMENSION_MISMATCH"

    def __init__(self, dimension: str, parent_dimension: str) -> None:
        super().__init__(
            "a group has its parent's dimension", dimension=dimension.upper(), parent_dimension=parent_dimension.upper()
        )


class TagNotFound(NotFound):
    """No tag has this id or key."""

    reason = "TAG_NOT_FOUND"

    def __init__(self, tag: str) -> None:
        super().__init__("there is no such tag", tag=tag)


class TagKeyExists(AlreadyExists):
    """Another tag has this key."""

    reason = "TAG_KEY_EXISTS"

    def __init__(self, key: str) -> None:
        super().__init__("another tag has this key", key=key)
