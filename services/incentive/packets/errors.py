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
    """The budget is of another asset, does not cover the packet, or was stopped."""

    reason = "PACKET_UNFUNDED"

    def __init__(self, budget_id: UUID, why: str) -> None:
        super().__init__(f"the budget does not pay the packet: {why}", budget_id=str(budget_id), why=why)
