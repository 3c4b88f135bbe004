"""Why segments refuse."""

from chassis.errors import AlreadyExists, InvalidArgument, NotFound


class SegmentNotFound(NotFound):
    """No segment has this id."""

    reason = "SEGMENT_NOT_FOUND"

    def __init__(self, segment_id: str) -> None:
        super().__init__("no segment has this id", segment_id=segment_id)


class SegmentNameExists(AlreadyExists):
    """Another segment has this name."""

    reason = "SEGMENT_NAME_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__("another segment has this name", name=name)


class ExpressionInvalid(InvalidArgument):
    """The tag algebra is not a valid tree."""

    reason = "EXPRESSION_INVALID"

    def __init__(self, path: str, rule: str) -> None:
        super().__init__("expression", f"{path} {rule}", path=path, rule=rule)
