"""Why flags are refused."""

from uuid import UUID

from chassis.errors import FailedPrecondition, NotFound


class FlagNotFound(NotFound):
    """No flag has this id."""

    reason = "FLAG_NOT_FOUND"

    def __init__(self, flag_id: UUID) -> None:
        super().__init__("no such flag", flag_id=str(flag_id))


class FlagNotOpen(FailedPrecondition):
    """The flag was resolved otherwise, or its reason is no more."""

    reason = "FLAG_NOT_OPEN"

    def __init__(self, flag_id: UUID, state: str) -> None:
        super().__init__("the flag is not open", flag_id=str(flag_id), state=state)
