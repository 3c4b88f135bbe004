"""Requests and responses over ASGI: as little as is needed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from chassis.errors import InvalidArgument

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"


class Disconnected(Exception):
    """The client hung up before it had sent everything."""


class Request:
    """One request. `values` are those of the path, `principal` and `route` what the log says of it.

    `is_read` says that no more of the body will come.
    """

    __slots__ = ("_headers", "is_read", "method", "principal", "raw_path", "receive", "route", "scope", "values")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self.receive = scope, receive
        self.method: str = scope["method"]
        self.raw_path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        self.values: dict[str, str] = {}
        self.route = ""
        self.principal = ""
        self._headers: dict[bytes, bytes] | None = None
        self.is_read = self.header(b"content-length") in ("", "0") and not self.header(b"transfer-encoding")

    def header(self, name: bytes) -> str:
        """A header by its lower-case name; empty if it is not there."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        return self._headers.get(name, b"").decode("latin-1")

    @property
    def address(self) -> str:
        """The client's address."""
        client = self.scope.get("client")
        return client[0] if client else ""

    def query(self) -> list[tuple[str, str]]:
        """Names and values of the query, in order. Raises `InvalidArgument` for what is not UTF-8."""
        text = self.scope["query_string"].decode("latin-1")
        return [_pair(part) for part in text.split("&") if part] if text else []


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    try:
        return unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidArgument("query", "must be percent-encoded UTF-8") from None


class Response(NamedTuple):
    """One response. `stream`: what follows the head instead of a body, for what fits no memory."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()
    stream: AsyncGenerator[bytes, None] | None = None


def with_headers(response: Response, *headers: Header) -> Response:
    """The response with more headers."""
    return response._replace(headers=(*response.headers, *headers))


async def send_stream(send: Send, response: Response, stream: AsyncGenerator[bytes, None], receive: Receive) -> None:
    """Send a response piece by piece, and stop when the client hangs up: the stream is closed, not run to its end."""
    headers = [*response.headers, (b"content-type", response.content_type)]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    gone = asyncio.create_task(_hung_up(receive))
    try:
        async for piece in stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # for the server to tell of a client that hung up
            if gone.done():
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await stream.aclose()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_response(send: Send, response: Response, *, with_body: bool = True) -> None:
    """Send a response; for HEAD all of it but the body."""
    headers: list[Header] = [(b"content-length", str(len(response.body)).encode()), *response.headers]
    if response.body:
        headers.append((b"content-type", response.content_type))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})
