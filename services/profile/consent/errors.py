"""Why a statement is not written down."""

from chassis.errors import InvalidArgument


class ConsentInvalid(InvalidArgument):
    """A statement's address is none of its channel, it lies in the future, or its purpose is Bowen's own."""

    reason = "CONSENT_INVALID"
