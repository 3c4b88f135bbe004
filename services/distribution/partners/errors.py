"""Why partners are refused."""

from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied


class PartnerNotFound(NotFound):
    """No partner has this id, or it is not of the role the field asks for."""

    reason = "PARTNER_NOT_FOUND"

    def __init__(self, partner_id: UUID) -> None:
        super().__init__("no such partner", partner_id=str(partner_id))


class PartnerCodeExists(AlreadyExists):
    """Another partner of the role has this external code."""

    reason = "PARTNER_CODE_EXISTS"

    def __init__(self, role: str, external_code: str) -> None:
        super().__init__("a partner of the role has this code", role=role, external_code=external_code)


class HierarchyCycle(FailedPrecondition):
    """The new parent stands below the partner, or is the partner."""

    reason = "HIERARCHY_CYCLE"

    def __init__(self, partner_id: UUID, parent_id: UUID) -> None:
        super().__init__(
            "the parent stands below the partner", partner_id=str(partner_id), parent_partner_id=str(parent_id)
        )


class HierarchyTooDeep(FailedPrecondition):
    """The tree would have more than 16 levels."""

    reason = "HIERARCHY_TOO_DEEP"

    def __init__(self, levels: int) -> None:
        super().__init__("the tree would have too many levels", levels=str(levels))


class NotYours(PermissionDenied):
    """The object belongs to another store or person, or there is none: the caller is not told which."""

    reason = "NOT_YOURS"

    def __init__(self) -> None:
        super().__init__("it is not yours")
