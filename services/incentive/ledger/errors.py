"""Why the ledger refuses a transfer. Refusals of items stand in their outcomes; the call itself succeeds."""

from chassis.errors import AlreadyExists, FailedPrecondition


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
