"""Why people and merges are not found, why identifiers are none, and why people do not become one, or two."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound

DEPENDENTS_SHOWN_MAX = 50


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


class IdentifierRuleInvalid(InvalidArgument):
    """A rule names a type that there is not, what is unproven of one that knows no proofs, or one twice."""

    reason = "IDENTIFIER_RULE_INVALID"

    def __init__(self, type_name: str, rule: str) -> None:
        super().__init__("identifiers", f"of type {type_name} {rule}", type=type_name, rule=rule)


class IdentityRulesNotFound(NotFound):
    """There is no such version of the rules."""

    reason = "IDENTITY_RULES_NOT_FOUND"

    def __init__(self, version: int) -> None:
        super().__init__("there is no such version of the rules", version=str(version))


class IdentifierNotFound(NotFound):
    """The profile does not hold the identifier."""

    reason = "IDENTIFIER_NOT_FOUND"

    def __init__(self, type_name: str, profile_id: UUID) -> None:
        super().__init__("the profile holds no such identifier", type=type_name, profile_id=str(profile_id))


class IdentifierRefused(FailedPrecondition):
    """The profile cannot hold the identifier: it would have too many of its type, or too many at all."""

    reason = "IDENTIFIER_REFUSED"

    def __init__(self, rule: str) -> None:
        super().__init__("the profile cannot hold the identifier", rule=rule)


class BlockedValueNotFound(NotFound):
    """No blocked value has this id."""

    reason = "BLOCKED_VALUE_NOT_FOUND"

    def __init__(self, blocked_value_id: UUID) -> None:
        super().__init__("there is no such blocked value", blocked_value_id=str(blocked_value_id))


class BlockedValueInvalid(InvalidArgument):
    """A value to block is no value of its type, a pattern is none of RE2, or it would block everything."""

    reason = "BLOCKED_VALUE_INVALID"


class BlockedValuesMax(FailedPrecondition):
    """The list of blocked values is full."""

    reason = "BLOCKED_VALUES_MAX"

    def __init__(self, count_max: int) -> None:
        super().__init__("the list is full: write patterns instead of values", count_max=str(count_max))


class MergeNotFound(NotFound):
    """No merge has this id."""

    reason = "MERGE_NOT_FOUND"

    def __init__(self, merge_id: UUID) -> None:
        super().__init__("there is no such merge", merge_id=str(merge_id))


class MergeHasDependents(Conflict):
    """Later merges rest on this one. They are listed, the newest first."""

    reason = "MERGE_HAS_DEPENDENTS"

    def __init__(self, merge_id: UUID, dependents: Sequence[UUID]) -> None:
        shown = ",".join(map(str, dependents[:DEPENDENTS_SHOWN_MAX]))
        super().__init__(
            f"{len(dependents)} later merges rest on this one: {shown}", merge_id=str(merge_id), dependents=shown
        )


class MergeEventsMax(FailedPrecondition):
    """More has come since a merge than can be told apart while everybody waits."""

    reason = "MERGE_EVENTS_MAX"

    def __init__(self, merge_id: UUID, events_max: int) -> None:
        super().__init__(
            "more has come since the merge than can be told apart at once: move the identifiers by hand",
            merge_id=str(merge_id),
            events_max=str(events_max),
        )


class MergeRefused(FailedPrecondition):
    """The two profiles may not become one."""

    reason = "MERGE_REFUSED"

    def __init__(self, rule: str) -> None:
        super().__init__("the profiles may not become one", rule=rule)


class ProfilesAreOne(FailedPrecondition):
    """Both ids are the same person already."""

    reason = "PROFILES_ARE_ONE"

    def __init__(self, profile_id: UUID) -> None:
        super().__init__("both ids are one person already", profile_id=str(profile_id))
