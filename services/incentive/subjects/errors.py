"""What can come between, and who is left alone."""

from chassis.errors import FailedPrecondition


class ProcessingRestricted(FailedPrecondition):
    """The person is only stored: nothing new is begun with them."""

    reason = "PROCESSING_RESTRICTED"

    def __init__(self, profile_id: str) -> None:
        super().__init__("the person is only stored", profile_id=profile_id)


class ProfileErased(FailedPrecondition):
    """The person was erased: the id leads nowhere, and nothing is begun with it (ADR 0014)."""

    reason = "PROFILE_ERASED"

    def __init__(self, profile_id: str) -> None:
        super().__init__("the person was erased", profile_id=profile_id)


class MergedMeanwhile(Exception):
    """A merge was committed between finding a person and holding their rows.

    Locks are taken in key order only, so the rows of the survivor cannot be added: the transaction is repeated from
    its start, as after a serialization failure, whose SQLSTATE this carries.
    """

    sqlstate = "40001"
