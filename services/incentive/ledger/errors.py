"""Why the ledger refuses a transfer. Refusals of items stand in their outcomes; the call itself succeeds."""

from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class Insufficient(FailedPrecondition):
    """The debit account does not hold the amount."""

    reason = "INSUFFICIENT"


class TransferIdReused(AlreadyExists):
    """A transfer of this id exists with other content."""

    reason = "TRANSFER_ID_REUSED"


class TransferInvalid(FailedPrecondition):
    """The accounts do not make a transfer."""

    reason = "TRANSFER_INVALID"


class LinkedTransferRefused(FailedPrecondition):
    """Another transfer of the group was refused, so that none of it is posted."""

    reason = "LINKED_TRANSFER_REFUSED"


class ReversalInvalid(FailedPrecondition):
    """What is to be reversed is not there, is something else, or less of it is left."""

    reason = "REVERSAL_INVALID"


class AlreadyReversed(AlreadyExists):
    """All of the earning was taken back before."""

    reason = "ALREADY_REVERSED"

    def __init__(self, transfer_id: str) -> None:
        super().__init__("all of it was taken back before", transfer_id=transfer_id)


class PointsExpired(FailedPrecondition):
    """The points that would have covered the amount have expired."""

    reason = "POINTS_EXPIRED"


class BalanceLimit(FailedPrecondition):
    """The member would have, or would have earned, more than the programme allows."""

    reason = "BALANCE_LIMIT"


class MemberTransferForbidden(FailedPrecondition):
    """The programme of the asset does not let members give it to each other."""

    reason = "MEMBER_TRANSFER_FORBIDDEN"


class InDebt(FailedPrecondition):
    """Nothing can be set aside by somebody who owes."""

    reason = "IN_DEBT"

    def __init__(self, debt: int) -> None:
        super().__init__(f"{debt} is owed", debt=str(debt))


class ProgrammeNotFound(NotFound):
    """The asset has no programme."""

    reason = "PROGRAMME_NOT_FOUND"

    def __init__(self, asset: str) -> None:
        super().__init__("the asset has no programme", asset=asset)


class ProgrammeExists(AlreadyExists):
    """The asset has a programme."""

    reason = "PROGRAMME_EXISTS"

    def __init__(self, asset: str) -> None:
        super().__init__("the asset has a programme", asset=asset)


class ProgrammeInvalid(InvalidArgument):
    """A programme's fields do not fit together."""

    reason = "PROGRAMME_INVALID"


class EarningNotFound(NotFound):
    """The caller posted no transfer of this id to a member."""

    reason = "EARNING_NOT_FOUND"

    def __init__(self, transfer_id: str) -> None:
        super().__init__("no such earning", transfer_id=transfer_id)


class LotNotFound(NotFound):
    """No lot has this id."""

    reason = "LOT_NOT_FOUND"

    def __init__(self, lot_id: UUID) -> None:
        super().__init__("no such lot", lot_id=str(lot_id))


class DecidedMeanwhile(Exception):
    """Another replica decided one of the transfers in the same moment, and otherwise.

    The transaction is repeated from its start, as after a serialization failure, whose SQLSTATE this carries.
    """

    sqlstate = "40001"
