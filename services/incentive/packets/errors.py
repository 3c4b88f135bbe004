"""Why packets are refused."""

from uuid import UUID

from chassis.errors import FailedPrecondition, NotFound


class PacketNotFound(NotFound):
    """No packet has this id or bill number."""

    reason = "PACKET_NOT_FOUND"

    def __init__(self, packet: UUID | str) -> None:
        super().__init__("no such packet", packet=str(packet))


class PayoutOff(FailedPrecondition):
    """Nobody is configured who pays packets out."""

    reason = "PAYOUT_OFF"

    def __init__(self) -> None:
        super().__init__("no payment provider is configured")


class PacketUnfunded(FailedPrecondition):
    """The budget is not there, or does not cover the packet."""

    reason = "PACKET_UNFUNDED"

    def __init__(self, budget_id: UUID, amount_minor: int) -> None:
        super().__init__(
            "the budget does not cover the packet", budget_id=str(budget_id), amount_minor=str(amount_minor)
        )
