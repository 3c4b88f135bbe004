"""Why orders are refused."""

from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class OrderNotFound(NotFound):
    """No order has this id."""

    reason = "ORDER_NOT_FOUND"

    def __init__(self, order_id: UUID | str) -> None:
        super().__init__("no such order", order_id=str(order_id))


class OrderNumberReused(AlreadyExists):
    """The source has an order of this number with other content."""

    reason = "ORDER_NUMBER_REUSED"

    def __init__(self, source: str, order_number: str, order_id: UUID) -> None:
        super().__init__(
            "the number stands for another order", source=source, order_number=order_number, order_id=str(order_id)
        )


class OrderInvalid(InvalidArgument):
    """An order's fields do not fit together: a discount above the gross amount, a line number twice, times out of
    order."""

    reason = "ORDER_INVALID"


class OrderStateRefused(FailedPrecondition):
    """The order's state does not allow the step."""

    reason = "ORDER_STATE"

    def __init__(self, order_id: UUID, state: str) -> None:
        super().__init__("the order's state does not allow it", order_id=str(order_id), state=state)


class RefundExceedsLine(FailedPrecondition):
    """More is refunded of a line than is left of it."""

    reason = "REFUND_EXCEEDS_LINE"

    def __init__(self, line_no: int, left_minor: int) -> None:
        super().__init__("more is refunded than is left of the line", line_no=str(line_no), left_minor=str(left_minor))


class BuyerNotFound(NotFound):
    """The buyer's identifier is not usable, or no profile has the id."""

    reason = "BUYER_NOT_FOUND"

    def __init__(self, why: str) -> None:
        super().__init__("the buyer cannot be found", reason=why)
