"""Identifiers: UUID version 7, ordered by time and, within a process, by creation."""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.entropy import random_bytes

_RANDOM_BITS = 74
_STEP_BITS = 32

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A new identifier, greater than every one this process made before (RFC 9562, section 6.2, method 2)."""
    global _last
    entropy = int.from_bytes(random_bytes(10), "big")
    fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | entropy & ((1 << (_RANDOM_BITS - 1)) - 1)
    with _lock:
        _last = max(fresh, _last + 1 + (entropy & ((1 << _STEP_BITS) - 1)))
        number = _last
    return id_of(_with_version(number).to_bytes(16, "big"))


def id_of(content: bytes) -> UUID:
    """The identifier of these 16 bytes, of the kind that the driver gives and takes: quick to make and to hash."""
    made: UUID = pgproto.UUID(content)
    return made


def array_of(contents: Iterable[bytes]) -> str:
    """Identifiers, of 16 bytes each, as a parameter of type `text` that PostgreSQL casts to `uuid[]`.

    An element of a list costs this process 0.9 µs; of a text 0.15 µs, and PostgreSQL, beside it, 0.5 µs more.
    """
    return f"{{{','.join([content.hex() for content in contents])}}}"


def _with_version(number: int) -> int:
    high, rand_b = number >> 62, number & ((1 << 62) - 1)
    milliseconds, rand_a = high >> 12, high & 0xFFF
    return milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b


def time_of(identifier: UUID) -> datetime:
    """When an identifier of version 7 was made, to the millisecond."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
