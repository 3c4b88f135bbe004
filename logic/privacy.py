"""What every service that holds something about people does alike when they ask to be told, or to be forgotten."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

PART_BYTES = 256 * 1024


def erasure_proof(request_id: str, service: str, counts: Mapping[str, int]) -> str:
    """SHA-256 over the request, the service and the counts, in hexadecimal: what was confirmed cannot be told otherwise
    later."""
    told = [f"{kind}={count}" for kind, count in sorted(counts.items())]
    return hashlib.sha256("\n".join((request_id, service, *told)).encode()).hexdigest()


def parts(lines: Iterable[str]) -> Iterator[str]:
    """Lines, joined into texts that a message can carry; at least one text."""
    held: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode()) + 1
        if held and size + length > PART_BYTES:
            yield "".join(held)
            held, size = [], 0
        held.append(line + "\n")
        size += length
    yield "".join(held)
