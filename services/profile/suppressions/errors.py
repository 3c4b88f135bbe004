"""Why something is not taken in."""

from chassis.errors import InvalidArgument


class IdentifierSuppressed(InvalidArgument):
    """An event, a row or an order names only identifiers that are suppressed: it is dropped."""

    reason = "IDENTIFIER_SUPPRESSED"

    def __init__(self) -> None:
        super().__init__("identifiers", "are suppressed, all of them")
