"""The answers that SDKs understand (`spec people` §2.2): 200, 400, 401, 429, 503, and never another."""

from chassis.errors import DeadlineExceeded, Internal, QuotaExceeded, Refusal, Unauthenticated, Unavailable
from gateway.derive.readers import encode
from gateway.http import Response
from gateway.problems import retry_after

RETRY_SECONDS_MAX = 300
Rejected = dict[str, object]


class Malformed(Refusal):
    """A request that no retry makes better; `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.word = code


def accepted(rejected: list[Rejected]) -> Response:
    """Everything that could be stored is durable; what was not is listed."""
    if not rejected:
        return Response(200, b'{"success":true}')
    return Response(200, encode({"success": True, "rejected": rejected}))


def rejection(index: int, code: str, message: str) -> Rejected:
    """What became of an item that was not stored."""
    return {"index": index, "code": code, "message": message}


def refused(refusal: Refusal) -> Response:
    """A refusal in the words of this wire; SDKs before 2.4 retry a 400 that lacks `code` and `message`."""
    status, code = _status(refusal), _code(refusal)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if status in (429, 503):
        seconds = min(retry_after(refusal) or 1, RETRY_SECONDS_MAX)
        headers = ((b"retry-after", str(seconds).encode()),)
    body = encode({"code": code, "message": refusal.message, "success": False})
    return Response(status, body, headers=headers)


def _status(refusal: Refusal) -> int:
    if isinstance(refusal, Unauthenticated):
        return 401
    if type(refusal) is QuotaExceeded and not refusal.domain:
        return 429  # our own limiter; a component that is full is an overload
    if isinstance(refusal, QuotaExceeded | Unavailable | DeadlineExceeded | Internal) or not refusal.definitive:
        return 503
    return 400


def _code(refusal: Refusal) -> str:
    return refusal.word if isinstance(refusal, Malformed) else refusal.reason.lower()
