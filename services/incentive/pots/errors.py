"""Why pots are refused."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Violation


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


class PotKind(FailedPrecondition):
    """What is asked for is not what pots of this kind do."""

    reason = "POT_KIND"

    def __init__(self, pot_id: UUID, why: str) -> None:
        super().__init__(why, pot_id=str(pot_id))


class PotExhausted(FailedPrecondition):
    """The pot's budget does not cover the level any more."""

    reason = "POT_EXHAUSTED"

    def __init__(self, pot_id: UUID) -> None:
        super().__init__("the pot is empty", pot_id=str(pot_id))


class PotLevelNotReached(PermissionDenied):
    """The member has not reached the level."""

    reason = "POT_LEVEL_NOT_REACHED"

    def __init__(self, level: int, reached: int) -> None:
        super().__init__(f"level {level} is not reached", level=str(level), reached=str(reached))


class PotLevelClaimed(AlreadyExists):
    """The member has claimed the level before."""

    reason = "POT_LEVEL_CLAIMED"

    def __init__(self, level: int) -> None:
        super().__init__(f"level {level} was claimed before", level=str(level))
