"""An HTTP client that costs next to nothing: keep-alive, one request at a time per connection, no TLS."""

import asyncio
import json
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

from bench.harness import Wrong

IDLE_SECONDS_MAX = 2.0
"""Servers hang up after a few seconds; a pass begins with connections that nobody is about to close."""


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_open = False
        self.used = time.monotonic()
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport, self.is_open = transport, True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length:")
        if at < 0:
            raise Wrong(f"an answer without a length: {head!r}")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        end = head_end + 4 + length
        if len(self._buffer) < end:
            return
        body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((int(head[9:12]), body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        answer = await self._waiting
        self.used = time.monotonic()
        return answer

    def close(self) -> None:
        if self.is_open:
            self._transport.close()


class Http:
    """Connections to one server, as many as callers at once."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._free: deque[_Connection] = deque()

    def request(self, verb: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """A request as it goes over the wire. Headers are given with underscores."""
        lines = [f"{verb} {path} HTTP/1.1", f"host: {self._host}:{self._port}", f"content-length: {len(body)}"]
        lines += ["content-type: application/json"] if body else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request, and wait for status and body of the answer."""
        connection = await self._connection()
        answer = await connection.ask(request)
        self._free.append(connection)
        return answer

    async def _connection(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open and time.monotonic() - connection.used < IDLE_SECONDS_MAX:
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection

    async def json(self, verb: str, path: str, body: object = None, **headers: str) -> Any:
        """Ask for what must succeed, with an object as body; the answer's object."""
        status, answer = await self.ask(
            self.request(verb, path, b"" if body is None else json.dumps(body).encode(), **headers)
        )
        if status // 100 != 2:
            raise Wrong(f"{verb} {path}: {status} {answer.decode()}")
        return json.loads(answer)

    def close(self) -> None:
        """Hang up."""
        while self._free:
            self._free.pop().close()
