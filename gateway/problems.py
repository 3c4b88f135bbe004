"""Refusals as problem documents (RFC 9457), and the pages that explain their types."""

import math
from html import escape

from chassis import telemetry
from chassis.errors import HTTP, NotFound, Refusal
from gateway.derive.readers import encode
from gateway.http import HTML, JSON, Header, Request, Response
from gateway.pointers import pointer

PROBLEM = b"application/problem+json"
RETRY_SECONDS = 1
"""When to come back to what cannot be reached, and does not say itself."""

_TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Permission denied",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Failed precondition",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
    504: "Deadline exceeded",
}


_OWN_STATUSES = {"BUNDLE_LINK_GONE": 410}
"""Of refusals of components whose kind has no status that fits: a page that was there has a word of its own."""


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal."""
    own: int | None = getattr(refusal, "status", None)
    return own or _OWN_STATUSES.get(refusal.reason) or HTTP.get(refusal.code, 500)


def retry_after(refusal: Refusal) -> int | None:
    """Whole seconds after which to come back, at least one; None if the refusal does not say."""
    return None if refusal.retry_after is None else max(1, math.ceil(refusal.retry_after))


def problem(refusal: Refusal) -> Response:
    """The problem document of a refusal."""
    status = status_of(refusal)
    content: dict[str, object] = {
        "type": f"/problems/{refusal.reason}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": refusal.message,
    }
    if refusal.metadata:
        content["metadata"] = refusal.metadata
    if refusal.violations:
        content["errors"] = [{"pointer": pointer(path), "detail": text} for path, text in refusal.violations]
    if trace_id := telemetry.trace_id():
        content["trace_id"] = trace_id
    return Response(status, encode(content), PROBLEM, _headers(refusal, status))


def _headers(refusal: Refusal, status: int) -> tuple[Header, ...]:
    headers: list[Header] = []
    seconds = retry_after(refusal)
    if seconds is None and status == 503:
        seconds = RETRY_SECONDS
    if seconds is not None:
        headers.append((b"retry-after", str(seconds).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="bowen"'))
    if status == 405:
        headers.append((b"allow", refusal.metadata["allow"].encode()))
    return tuple(headers)


class Pages:
    """What every problem means: `/problems/<REASON>`, for people and for programs."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self._reasons = reasons

    async def page(self, request: Request) -> Response:
        """The page of one reason. Raises `NotFound`."""
        reason = request.values["reason"]
        text = self._reasons.get(reason)
        if text is None:
            raise NotFound("no refusal has this reason", reason=reason)
        if "text/html" in request.header(b"accept"):
            return Response(200, _html(reason, text).encode(), HTML)
        return Response(200, encode({"reason": reason, "description": text}), JSON)

    async def index(self, _request: Request) -> Response:
        """Every reason with its first sentence."""
        return Response(200, encode({reason: text.split("\n")[0] for reason, text in self._reasons.items()}), JSON)


def _html(reason: str, text: str) -> str:
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(reason)}</title>'
        '<body style="font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem">'
        f"<h1>{escape(reason)}</h1>{paragraphs}</body></html>"
    )
