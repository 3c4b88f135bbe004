"""Why rules refuse."""

from chassis.errors import AlreadyExists, InvalidArgument, NotFound


class RuleNotFound(NotFound):
    """No rule has this id."""

    reason = "RULE_NOT_FOUND"

    def __init__(self, rule_id: str) -> None:
        super().__init__("no rule has this id", rule_id=rule_id)


class RuleInvalid(InvalidArgument):
    """The condition is not a valid tree."""

    reason = "RULE_INVALID"

    def __init__(self, path: str, rule: str) -> None:
        super().__init__("when", f"{path} {rule}", path=path, rule=rule)


class TagHasRule(AlreadyExists):
    """The tag has a live rule already."""

    reason = "TAG_HAS_RULE"

    def __init__(self, tag_id: str) -> None:
        super().__init__("the tag has a live rule already", tag_id=tag_id)
