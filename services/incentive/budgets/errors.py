"""Why budgets are refused."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Violation


class BudgetNotFound(NotFound):
    """No budget has this id, or it is another store's."""

    reason = "BUDGET_NOT_FOUND"

    def __init__(self, budget_id: UUID) -> None:
        super().__init__("no such budget", budget_id=str(budget_id))


class BudgetInvalid(InvalidArgument):
    """The budget's fields do not fit together, or not below its parent."""

    reason = "BUDGET_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class BudgetExists(AlreadyExists):
    """The parent has a child of this kind and scope."""

    reason = "BUDGET_EXISTS"

    def __init__(self, parent_id: UUID, kind: str, scope: str) -> None:
        super().__init__(
            f"the parent has a budget for this {kind.lower()}", parent_id=str(parent_id), kind=kind, scope=scope
        )


class BudgetExhausted(FailedPrecondition):
    """What is left of the budget, or of one above it, does not pay in full."""

    reason = "BUDGET_EXHAUSTED"

    def __init__(self, budget_id: UUID, amount: int) -> None:
        super().__init__("the budget cannot pay in full", budget_id=str(budget_id), amount=str(amount))


class BudgetKilled(FailedPrecondition):
    """A kill switch stops the budget, or one above it."""

    reason = "BUDGET_KILLED"

    def __init__(self, budget_id: UUID) -> None:
        super().__init__("a kill switch stops the budget", budget_id=str(budget_id))


class BudgetPaced(FailedPrecondition):
    """The budget is spent to a plan, and this person does not get through in this hour."""

    reason = "BUDGET_PACED"

    def __init__(self, budget_id: UUID) -> None:
        super().__init__("the budget's plan lets others through at this time", budget_id=str(budget_id))


class ReservationNotFound(NotFound):
    """No reservation has this id."""

    reason = "RESERVATION_NOT_FOUND"

    def __init__(self, reservation_id: UUID) -> None:
        super().__init__("no such reservation", reservation_id=str(reservation_id))


class ReservationResolved(AlreadyExists):
    """The reservation was put back: by hand, after its time, or by a kill switch."""

    reason = "RESERVATION_RESOLVED"

    def __init__(self, reservation_id: UUID, state: str) -> None:
        super().__init__(f"the reservation is {state.lower()}", reservation_id=str(reservation_id), state=state)


class ConcernedMeanwhile(Exception):
    """A budget for what a want is about was created between finding the nodes it concerns and holding them.

    The transaction is repeated from its start, as after a serialization failure, whose SQLSTATE this carries.
    """

    sqlstate = "40001"


class LeaseGone(Exception):
    """A lease was over between finding and holding it. The transaction is repeated from its start."""

    sqlstate = "40001"
