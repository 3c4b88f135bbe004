"""The kinds of refusal, and their one way over the wire as `google.rpc.Status`."""

from collections.abc import Iterable
from typing import Any, ClassVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2 as details_pb2
from google.rpc import status_pb2
from grpc import StatusCode

DETAILS_KEY = "grpc-status-details-bin"
DETAILS_BYTES_MAX = 8192
MESSAGE_LENGTH_MAX = 1000
"""What travels behind a response is metadata, of which a peer takes only so much: the first violations must do."""

Violation = tuple[str, str]
"""A JSON path such as `lines[1].quantity`, and the rule it breaks: `must be at least 1`."""


class Refusal(Exception):
    """A request that is answered with no.

    `message` is for people, `reason` for programs; whatever varies in the message also stands in `metadata`.
    `definitive` says that repeating the very same request brings the very same answer. `domain` names the
    service that refused; it is empty until the refusal has crossed the wire. `retry_after` is in seconds. `replayed`
    says that the peer gave this answer before, to the same request.
    """

    code: ClassVar[StatusCode] = StatusCode.INTERNAL
    definitive: ClassVar[bool] = True
    reason: str = "INTERNAL"

    def __init__(self, message: str, /, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata
        self.violations: list[Violation] = []
        self.retry_after: float | None = None
        self.domain = ""
        self.replayed = False

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class InvalidArgument(Refusal):
    """The request breaks its contract, whatever the state: fix it. `rule` completes "`field` …"."""

    code = StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"

    def __init__(self, field: str, rule: str, /, **metadata: str) -> None:
        super().__init__(f"{field} {rule}", **metadata)
        self.violations = [(field, rule)]

    @classmethod
    def of(cls, violations: Iterable[Violation]) -> "InvalidArgument":
        """One refusal for all violations; there must be at least one."""
        first, *rest = violations
        refusal = InvalidArgument(*first)
        refusal.violations += rest
        refusal.message = "; ".join(f"{field} {rule}" for field, rule in refusal.violations[:10])
        return refusal


class Unauthenticated(Refusal):
    """No credentials, or credentials that do not hold."""

    code = StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDenied(Refusal):
    """The caller may not do this. Checked before existence."""

    code = StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class NotFound(Refusal):
    """There is no such thing."""

    code = StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class AlreadyExists(Refusal):
    """The thing is there already: read it."""

    code = StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class Conflict(Refusal):
    """Another change came between: repeat the whole operation."""

    code = StatusCode.ABORTED
    definitive = False
    reason = "CONFLICT"


class FailedPrecondition(Refusal):
    """The state does not allow it: change the state first."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class QuotaExceeded(Refusal):
    """More than is allowed: wait `retry_after` seconds."""

    code = StatusCode.RESOURCE_EXHAUSTED
    definitive = False
    reason = "QUOTA_EXCEEDED"

    def __init__(self, message: str, /, *, retry_after: float | None = None, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.retry_after = retry_after


class Overloaded(QuotaExceeded):
    """More work than fits: shed before anything was done."""

    reason = "OVERLOADED"

    def __init__(self, message: str = "too much work at once", /, *, retry_after: float | None = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)


class Unavailable(Refusal):
    """Something needed is not there at the moment: repeat with backoff, or after `retry_after` seconds."""

    code = StatusCode.UNAVAILABLE
    definitive = False
    reason = "UNAVAILABLE"

    def __init__(self, message: str, /, *, retry_after: float | None = None, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.retry_after = retry_after


class DeadlineExceeded(Refusal):
    """Out of time; it may have happened. Repeat with the same `request_id`."""

    code = StatusCode.DEADLINE_EXCEEDED
    definitive = False
    reason = "DEADLINE_EXCEEDED"


class Internal(Refusal):
    """A fault of ours. Says nothing about it to the caller."""

    code = StatusCode.INTERNAL
    definitive = False
    reason = "INTERNAL"


KINDS: dict[StatusCode, type[Refusal]] = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        AlreadyExists,
        Conflict,
        FailedPrecondition,
        QuotaExceeded,
        Unavailable,
        DeadlineExceeded,
        Internal,
    )
}

HTTP: dict[StatusCode, int] = {
    StatusCode.OK: 200,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.ABORTED: 409,
    StatusCode.FAILED_PRECONDITION: 422,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.INTERNAL: 500,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}

_PASSING = (StatusCode.CANCELLED, StatusCode.UNIMPLEMENTED)
_CODES: dict[int, StatusCode] = {code.value[0]: code for code in StatusCode}


def to_status(refusal: Refusal, domain: str) -> status_pb2.Status:
    """The refusal as it goes over the wire. A refusal that came from another service keeps that one's domain."""
    status = status_pb2.Status(code=refusal.code.value[0], message=refusal.message[:MESSAGE_LENGTH_MAX])
    info = details_pb2.ErrorInfo(reason=refusal.reason, domain=refusal.domain or domain, metadata=refusal.metadata)
    status.details.add().Pack(info)
    if refusal.violations:
        bad_request = details_pb2.BadRequest()
        for field, rule in refusal.violations:
            bad_request.field_violations.add(field=field, description=rule)
            if bad_request.ByteSize() > DETAILS_BYTES_MAX:
                del bad_request.field_violations[-1]
                break
        status.details.add().Pack(bad_request)
    if refusal.retry_after is not None:
        retry = details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(refusal.retry_after * 1e9))
        status.details.add().Pack(retry)
    return status


def from_status(code: StatusCode, message: str, details: bytes | None = None) -> Refusal:
    """The refusal behind a failed call: an instance of the kind itself that carries the remote reason.

    `details` are the bytes of `grpc-status-details-bin`. Codes that are no kind of ours become `Unavailable`
    (cancelled by the peer, or not known by it: it is older than its caller while a release rolls out) or `Internal`.
    """
    kind = KINDS.get(code) or (Unavailable if code in _PASSING else Internal)
    refusal = kind.__new__(kind)
    Refusal.__init__(refusal, message)
    _restore(refusal, details)
    return refusal


def _restore(refusal: Refusal, details: bytes | None) -> None:
    try:
        status = status_pb2.Status.FromString(details or b"")
        for detail in status.details:
            _restore_detail(refusal, detail)
    except DecodeError:
        refusal.violations = []


def _restore_detail(refusal: Refusal, detail: Any) -> None:
    info, bad_request, retry = details_pb2.ErrorInfo(), details_pb2.BadRequest(), details_pb2.RetryInfo()
    if detail.Unpack(info):
        refusal.reason, refusal.domain, refusal.metadata = info.reason, info.domain, dict(info.metadata)
    elif detail.Unpack(bad_request):
        refusal.violations = [(item.field, item.description) for item in bad_request.field_violations]
    elif detail.Unpack(retry):
        refusal.retry_after = retry.retry_delay.ToNanoseconds() / 1e9


def from_rpc_error(error: grpc.aio.AioRpcError) -> Refusal:
    """The refusal behind an error of grpc.aio. Without details the library says so: where, and how, is for the log."""
    trailing: Iterable[Any] = error.trailing_metadata() or ()
    details = next((value for key, value in trailing if key == DETAILS_KEY), None)
    if isinstance(details, bytes):
        return from_status(error.code(), error.details() or "", details)
    late = error.code() is StatusCode.DEADLINE_EXCEEDED
    return from_status(error.code(), "no answer came in time" if late else "the component could not answer")


def code_of(number: int) -> StatusCode:
    """The status code with this number; UNKNOWN if there is none."""
    return _CODES.get(number, StatusCode.UNKNOWN)
