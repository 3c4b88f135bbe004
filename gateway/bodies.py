"""Reading bodies piece by piece, never more than the limit, whatever a client sends or packs."""

import asyncio
import zlib
from collections.abc import AsyncIterator

from gateway.errors import BodyInvalid, BodyTooLarge, ContentTypeUnsupported
from gateway.http import Disconnected, Request

DRAIN_BYTES_MAX = 4 << 20
"""How much of a body that is refused is still taken in, so that the client gets to read why."""
DRAIN_SECONDS_MAX = 2.0
_GZIP = 31


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The body, unpacked. Raises `BodyTooLarge`, `BodyInvalid`, `ContentTypeUnsupported`, `Disconnected`."""
    encoding = request.header(b"content-encoding").strip().lower()
    try:
        if _announced(request) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        if encoding in ("", "identity"):
            return await _plain(request, limit_bytes)
        if encoding != "gzip":
            raise ContentTypeUnsupported("packed with gzip or not at all")
        return await _unpacked(request, limit_bytes)
    except (BodyTooLarge, BodyInvalid, ContentTypeUnsupported):
        await _drain(request)
        raise
    finally:
        request.is_read = True


def _announced(request: Request) -> int:
    length = request.header(b"content-length")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _plain(request: Request, limit_bytes: int) -> bytes:
    first = await request.receive()
    if first["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = first.get("body", b"")
    if not first.get("more_body", False) and len(body) <= limit_bytes:
        return body
    pieces, size = [body], len(body)
    if first.get("more_body", False) and size <= limit_bytes:
        async for piece in _pieces(request):
            size += len(piece)
            if size > limit_bytes:
                break
            pieces.append(piece)
    if size > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    return b"".join(pieces)


async def _unpacked(request: Request, limit_bytes: int) -> bytes:
    """Unpack as it comes in, at most one byte beyond the limit: a bomb goes off nowhere."""
    unpacked = bytearray()
    packed_bytes = 0
    stream = zlib.decompressobj(_GZIP)
    async for piece in _pieces(request):
        packed_bytes += len(piece)
        if packed_bytes > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        stream = _unpack(stream, piece, unpacked, limit_bytes)
    if not stream.eof:
        raise BodyInvalid("", "the body is not whole gzip")
    return bytes(unpacked)


def _unpack(stream: "zlib._Decompress", piece: bytes, unpacked: bytearray, limit_bytes: int) -> "zlib._Decompress":
    while piece:
        if stream.eof:  # another member follows
            stream = zlib.decompressobj(_GZIP)
        try:
            unpacked += stream.decompress(piece, limit_bytes - len(unpacked) + 1)
        except zlib.error:
            raise BodyInvalid("", "the body is not gzip") from None
        if len(unpacked) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        piece = stream.unused_data if stream.eof else stream.unconsumed_tail
    return stream


async def _drain(request: Request) -> None:
    """Take in what still comes, up to a limit, and forget it."""
    taken = _announced(request)
    if taken > DRAIN_BYTES_MAX:
        return
    try:
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            taken = 0
            async for piece in _pieces(request):
                taken += len(piece)
                if taken > DRAIN_BYTES_MAX:
                    return
    except (TimeoutError, Disconnected):
        return
