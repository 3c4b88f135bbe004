"""HTTP/1.1 to one address over a few kept connections: what a client that asks ten thousand times needs, and no more.

A general client costs a millisecond of processor time per request, which is more than the gateway does.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

HEAD_BYTES_MAX = 1 << 16
CONNECTIONS_MAX = 32


class Response(NamedTuple):
    """One response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(Exception):
    """The connection failed, or the answer was late or cut short. The request may have had its effect."""


class _Stale(Exception):
    """A kept connection had been closed by the server before it read the request."""


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Http:
    """Requests to one address. Never more than `CONNECTIONS_MAX` at a time; further ones wait."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"{url} is no http or https address")
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self._host, self._port = address.hostname, address.port or (443 if self._tls else 80)
        self._prefix, self._authority = address.path.rstrip("/"), address.netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._kept: list[_Connection] = []
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)

    async def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Ask. `target` is the path, encoded, with its query. Raises `Unanswered`."""
        lines = [f"{method} {self._prefix}{target} HTTP/1.1", f"host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method not in ("GET", "DELETE"):
            lines.append(f"content-length: {len(body)}")
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._exchange(message)
            except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
                raise Unanswered(str(error) or type(error).__name__) from error

    async def _exchange(self, message: bytes) -> Response:
        while self._kept:
            try:
                return await self._over(self._kept.pop(), message, is_kept=True)
            except _Stale:
                continue
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=HEAD_BYTES_MAX)
        return await self._over(_Connection(reader, writer), message, is_kept=False)

    async def _over(self, connection: _Connection, message: bytes, *, is_kept: bool) -> Response:
        """Over one connection, which is kept only if everything went well."""
        is_whole = False
        try:
            connection.writer.write(message)
            await connection.writer.drain()
            response = await _read(connection.reader, is_kept=is_kept)
            is_whole = response.headers.get("connection", "").lower() != "close"
            return response
        except ConnectionError:
            if is_kept:
                raise _Stale from None
            raise
        finally:
            if is_whole:
                self._kept.append(connection)
            else:
                connection.writer.close()

    async def close(self) -> None:
        """Close the kept connections."""
        while self._kept:
            self._kept.pop().writer.close()


async def _read(reader: asyncio.StreamReader, *, is_kept: bool) -> Response:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if is_kept and not error.partial:
            raise _Stale from None
        raise
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if separator:
            headers[name.lower()] = value.strip()
    return Response(int(first.split(" ", 2)[1]), headers, await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(int(headers.get("content-length", 0)))
    pieces: list[bytes] = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return b"".join(pieces)
