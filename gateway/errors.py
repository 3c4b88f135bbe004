"""Why the gateway refuses. `status` is the HTTP status where it is not the one of the kind."""

from typing import ClassVar

from grpc import StatusCode

from chassis.errors import InvalidArgument, NotFound, Refusal


class RouteNotFound(NotFound):
    """No route has this path."""

    reason = "ROUTE_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no route has this path; the document at /openapi.json lists all of them")


class MethodNotAllowed(Refusal):
    """The path exists with other methods."""

    code = StatusCode.INVALID_ARGUMENT
    status: ClassVar[int] = 405
    reason = "METHOD_NOT_ALLOWED"

    def __init__(self, allowed: list[str]) -> None:
        super().__init__("the path exists with other methods", allow=", ".join(allowed))


class BodyInvalid(InvalidArgument):
    """The body is not what the contract asks for. `violations` hold JSON pointers, which begin with a slash."""

    reason = "BODY_INVALID"

    def __init__(self, pointer: str, rule: str) -> None:
        super().__init__(pointer, rule)
        if not pointer:
            self.message, self.violations = rule, []

    @classmethod
    def of_pointers(cls, violations: list[tuple[str, str]]) -> "BodyInvalid":
        """One refusal for all violations; there must be at least one."""
        refusal = cls(*violations[0])
        refusal.violations = violations
        refusal.message = "; ".join(f"{pointer} {text}" for pointer, text in violations[:10])
        return refusal


class BodyTooLarge(Refusal):
    """The body, or what it unpacks to, is larger than the route takes."""

    code = StatusCode.INVALID_ARGUMENT
    status: ClassVar[int] = 413
    reason = "BODY_TOO_LARGE"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes", limit_bytes=str(limit_bytes))


class ContentTypeUnsupported(Refusal):
    """The body's content type or encoding is not one the route takes."""

    code = StatusCode.INVALID_ARGUMENT
    status: ClassVar[int] = 415
    reason = "CONTENT_TYPE_UNSUPPORTED"

    def __init__(self, wanted: str) -> None:
        super().__init__(f"the body must be {wanted}")


class KeyNotFound(NotFound):
    """No key has this id."""

    reason = "KEY_NOT_FOUND"

    def __init__(self, key_id: str) -> None:
        super().__init__("no key has this id", key_id=key_id)


class ScopeUnknown(InvalidArgument):
    """A scope that no route asks for, or that the calling key does not hold itself."""

    reason = "SCOPE_UNKNOWN"

    @classmethod
    def of_scopes(cls, violations: list[tuple[str, str]]) -> "ScopeUnknown":
        """One refusal for all scopes that cannot be given; there must be at least one."""
        refusal = cls(*violations[0])
        refusal.violations = violations
        return refusal
