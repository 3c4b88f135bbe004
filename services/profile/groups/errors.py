"""Why a membership is none, and why there is no such group."""

from uuid import UUID

from chassis.errors import InvalidArgument, NotFound


class MembershipInvalid(InvalidArgument):
    """A membership ends before it begins."""

    reason = "MEMBERSHIP_INVALID"


class MembershipNotFound(NotFound):
    """The person does not belong to the group at that instant."""

    reason = "MEMBERSHIP_NOT_FOUND"

    def __init__(self, profile_id: UUID, group_id: str) -> None:
        super().__init__("the person does not belong to the group then", profile_id=str(profile_id), group_id=group_id)


class GroupNotFound(NotFound):
    """Nobody ever belonged to such a group."""

    reason = "GROUP_NOT_FOUND"

    def __init__(self, group_id: str) -> None:
        super().__init__("there is no such group", group_id=group_id)
