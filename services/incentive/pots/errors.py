"""Why pots are refused."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, Violation


class PotNotFound(NotFound):
    """No pot has this id."""

    reason = "POT_NOT_FOUND"

    def __init__(self, pot_id: UUID) -> None:
        super().__init__("no such pot", pot_id=str(pot_id))


class PotInvalid(InvalidArgument):
    """The pot's fields do not fit together."""

    reason = "POT_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class PotNotOver(FailedPrecondition):
    """Late events may still arrive."""

    reason = "POT_NOT_OVER"

    def __init__(self, freeze_time: datetime) -> None:
        super().__init__("late events are waited for", freeze_time=freeze_time.strftime("%Y-%m-%dT%H:%M:%SZ"))


class PotState(FailedPrecondition):
    """The pot does not stand where this can be done."""

    reason = "POT_STATE"

    def __init__(self, pot_id: UUID, state: str) -> None:
        super().__init__(f"the pot is {state.lower()}", pot_id=str(pot_id), state=state)


class PotShareNotFound(NotFound):
    """The person won nothing, or the pot is not frozen."""

    reason = "POT_SHARE_NOT_FOUND"

    def __init__(self, pot_id: UUID, profile_id: str) -> None:
        super().__init__("no share in this pot", pot_id=str(pot_id), profile_id=profile_id)
