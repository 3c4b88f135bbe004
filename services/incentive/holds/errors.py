"""Why holds are refused."""

from datetime import datetime
from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, NotFound


class HoldNotFound(NotFound):
    """No hold has this id, or it is another store's."""

    reason = "HOLD_NOT_FOUND"

    def __init__(self, hold_id: UUID) -> None:
        super().__init__("no such hold", hold_id=str(hold_id))


class HoldResolved(AlreadyExists):
    """The hold was captured or voided before."""

    reason = "HOLD_RESOLVED"

    def __init__(self, hold_id: UUID, state: str, captured_amount: int) -> None:
        super().__init__(
            f"the hold is {state.lower()}", hold_id=str(hold_id), state=state, captured_amount=str(captured_amount)
        )


class HoldExpired(AlreadyExists):
    """The hold's time is over."""

    reason = "HOLD_EXPIRED"

    def __init__(self, hold_id: UUID, expire_time: datetime) -> None:
        super().__init__(
            "the hold's time is over", hold_id=str(hold_id), expire_time=expire_time.strftime("%Y-%m-%dT%H:%M:%SZ")
        )


class ExceedsHold(FailedPrecondition):
    """More is to be captured than is held."""

    reason = "EXCEEDS_HOLD"

    def __init__(self, hold_id: UUID, amount: int) -> None:
        super().__init__(f"only {amount} is held", hold_id=str(hold_id), amount=str(amount))


class ExceedsCapture(FailedPrecondition):
    """More is to be given back than is left of what was captured."""

    reason = "EXCEEDS_CAPTURE"

    def __init__(self, hold_id: UUID, left: int) -> None:
        super().__init__(f"only {left} is left to give back", hold_id=str(hold_id), left=str(left))
