"""Why somebody is not shown."""

from chassis.errors import PermissionDenied, QuotaExceeded


class OutOfScope(PermissionDenied):
    """The person is no customer of the store that the key is bound to, or there is nobody: which is not told."""

    reason = "PROFILE_OUT_OF_SCOPE"

    def __init__(self) -> None:
        super().__init__("no customer of the key's store")


class LookupLimit(QuotaExceeded):
    """The key of a store looked up as many people as it may in a minute; who finds nobody has fewer tries."""

    reason = "LOOKUP_LIMIT"

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many people looked up", retry_after=retry_after)
