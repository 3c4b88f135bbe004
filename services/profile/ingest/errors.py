"""Why an event is not stored. They stand in outcomes; no call fails with them."""

from chassis.errors import InvalidArgument


class IdentifierMissing(InvalidArgument):
    """An event names nobody: neither `userId` nor `anonymousId` nor another usable identifier."""

    reason = "IDENTIFIER_MISSING"


class EventInvalid(InvalidArgument):
    """An event breaks a rule of its kind."""

    reason = "EVENT_INVALID"
