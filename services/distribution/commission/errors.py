"""Why commission plans are refused."""

from datetime import datetime

from chassis.errors import AlreadyExists, FailedPrecondition


class PayoutAboveCap(FailedPrecondition):
    """A role's rate and its parent's rate exceed the plan's cap."""

    reason = "PAYOUT_ABOVE_CAP"

    def __init__(self, role: str, sum_bp: int, payout_cap_bp: int) -> None:
        super().__init__(
            "the rates exceed the plan's cap", role=role, sum_bp=str(sum_bp), payout_cap_bp=str(payout_cap_bp)
        )


class PlanStartExists(AlreadyExists):
    """A plan that starts at the same instant exists."""

    reason = "PLAN_START_EXISTS"

    def __init__(self, start_time: datetime) -> None:
        super().__init__("a plan starts at this instant", start_time=start_time.isoformat())
