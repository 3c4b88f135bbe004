"""Why people are not found, and why identifiers are none."""

from chassis.errors import InvalidArgument, NotFound


class ProfileNotFound(NotFound):
    """No profile has this id, or no profile holds this identifier."""

    reason = "PROFILE_NOT_FOUND"

    def __init__(self, **named: str) -> None:
        super().__init__("there is no such profile", **named)


class IdentifierInvalid(InvalidArgument):
    """An identifier's type is unknown, it lacks its namespace, or its value is not one of that type.

    `blocked` tells a value that sources do send but that names nobody (a masked phone, the text "null") from a
    request that breaks the contract.
    """

    reason = "IDENTIFIER_INVALID"

    def __init__(self, type_name: str, rule: str, *, blocked: bool = False) -> None:
        super().__init__("identifier", f"of type {type_name} {rule}", type=type_name, rule=rule)
        self.blocked = blocked
