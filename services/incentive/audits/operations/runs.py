"""Hashes of many rows in the order of their keys, sorted outside memory."""

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from services.incentive.audits.domain.seals import Hashed

KEY, HASH = 16, 32
RECORD = KEY + HASH
MEMORY_BYTES_MAX = 16 << 20
CHUNK_RECORDS = 512


class Runs:
    """Sorted runs of hashes, in memory while they are few and then in a file without a name; merged at the end."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(MEMORY_BYTES_MAX)  # noqa: SIM115 (it closes with this)
        self._runs: list[tuple[int, int]] = []
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, run: Sequence[Hashed]) -> None:
        """Take in a run that is sorted by key."""
        if run:
            self._runs.append((self.count, self.count + len(run)))
            self._file.write(b"".join(part for each in run for part in each))
            self.count += len(run)

    def digest(self) -> bytes:
        """The hash of all hashes, by key."""
        whole = hashlib.sha256()
        for record in heapq.merge(*(self._read(*run) for run in self._runs)):
            whole.update(record[KEY:])
        return whole.digest()

    def _read(self, first: int, end: int) -> Iterator[bytes]:
        for at in range(first, end, CHUNK_RECORDS):
            self._file.seek(at * RECORD)
            chunk = self._file.read(min(CHUNK_RECORDS, end - at) * RECORD)
            yield from (chunk[start : start + RECORD] for start in range(0, len(chunk), RECORD))
