"""Why missions are refused."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import InvalidArgument, NotFound, Violation


class MissionNotFound(NotFound):
    """No mission has this id."""

    reason = "MISSION_NOT_FOUND"

    def __init__(self, mission_id: UUID) -> None:
        super().__init__("no such mission", mission_id=str(mission_id))


class MissionInvalid(InvalidArgument):
    """The mission's fields do not fit together."""

    reason = "MISSION_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)
