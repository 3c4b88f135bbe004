"""Days of the ledger under hashes that are chained. Pure.

A position that no new transfer can get below (the oldest transaction that was still open) parts the transfers of one
seal from those of the next. So a transfer that is committed late is in a later seal, and breaks none.
"""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

STEP = 20_000
"""Of how many transactions the transfers are hashed together, in the order of their keys: seals depend on it."""

XACTS = 500
"""The transfers of how many transactions are read at once: seals do not depend on it."""

GENESIS = "0" * 64
"""What the first seal is chained to."""


class Span(NamedTuple):
    """The transactions from `first` on, up to and without `end`."""

    first: int
    end: int

    def parts(self) -> Iterator["Span"]:
        """The parts in which it is read: always the same, whenever it is read again."""
        yield from self.slices(STEP)

    def slices(self, size: int) -> Iterator["Span"]:
        """Smaller spans."""
        for first in range(self.first, self.end, size):
            yield Span(first, min(first + size, self.end))


class Hashed(NamedTuple):
    """A transfer: its key, and the hash of all that it says."""

    key: bytes
    hash: bytes


class Seal(NamedTuple):
    """A sealed day. `previous` is the seal before it."""

    day: date
    time_zone: str
    span: Span
    transfer_count: int
    digest: str
    previous: str
    seal: str
    seal_time: datetime

    def holds(self, transfer_count: int, digest: str) -> bool:
        """Whether it seals what was read now, and is itself as it was."""
        again = chained(self.previous, self.day, self.time_zone, self.span, transfer_count, digest)
        return (self.transfer_count, self.digest, self.seal) == (transfer_count, digest, again)


class Digest:
    """The hash of a span, part by part."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256()

    def add(self, count: int, part: bytes) -> None:
        """Take in the next part."""
        self.count += count
        self._hash.update(count.to_bytes(8, "big") + part)

    @property
    def hex(self) -> str:
        """What it comes to."""
        return self._hash.hexdigest()


def chained(previous: str, day: date, time_zone: str, span: Span, transfer_count: int, digest: str) -> str:
    """The seal of a day."""
    content = "\0".join((previous, day.isoformat(), time_zone, f"{span.first}-{span.end}", str(transfer_count), digest))
    return hashlib.sha256(content.encode()).hexdigest()


def due(last: date | None, time_zone: str, now: datetime) -> list[date]:
    """The past days that have no seal yet; of a ledger without seals only the last one."""
    yesterday = now.astimezone(ZoneInfo(time_zone)).date() - timedelta(days=1)
    first = yesterday if last is None else last + timedelta(days=1)
    return [first + timedelta(days=number) for number in range((yesterday - first).days + 1)]


def first_broken(seals: list[tuple[Seal, int, str]], before: str) -> date | None:
    """The first day that is not as it was sealed; None if all are. Each comes with what was read of it now."""
    for seal, transfer_count, digest in seals:
        if seal.previous != before or not seal.holds(transfer_count, digest):
            return seal.day
        before = seal.seal
    return None
