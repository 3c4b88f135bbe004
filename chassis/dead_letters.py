"""Facts whose handler failed for good: kept, listed, and put through again by a person's decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from chassis.errors import NotFound

_COLUMNS = "consumer, event_id, source, type, payload, event_time, traceparent, error, attempts, create_time"
_BURY = """
INSERT INTO dead_letter (consumer, event_id, source, type, payload, event_time, traceparent, error, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT dead_letter_pkey DO NOTHING
"""
_LIST = f"SELECT {_COLUMNS} FROM dead_letter WHERE event_id > $1 ORDER BY event_id, consumer LIMIT $2"  # noqa: S608
_DIG_UP = f"DELETE FROM dead_letter WHERE consumer = $1 AND event_id = $2 RETURNING {_COLUMNS}"  # noqa: S608

ERROR_LENGTH_MAX = 2_000
_FIRST = UUID(int=0)


class DeadLetterNotFound(NotFound):
    """There is no such dead letter."""

    reason = "DEAD_LETTER_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A fact that one consumer gave up on."""

    consumer: str
    event_id: UUID
    source: str
    type: str
    payload: bytes
    event_time: datetime
    traceparent: str
    error: str
    attempts: int
    create_time: datetime | None = None


async def bury(tx: Tx, letter: DeadLetter) -> None:
    """Keep a fact that cannot be worked off."""
    error = letter.error[:ERROR_LENGTH_MAX].replace("\0", "�")
    await (await driver(tx)).execute(
        _BURY, letter.consumer, letter.event_id, letter.source, letter.type, letter.payload, letter.event_time,
        letter.traceparent, error, letter.attempts,
    )  # fmt: skip


async def list_dead_letters(tx: ReadTx, *, after: UUID = _FIRST, limit: int = 100) -> Sequence[DeadLetter]:
    """Dead letters in order of their events."""
    rows = await (await driver(tx)).fetch(_LIST, after, limit)
    return [DeadLetter(*row) for row in rows]


async def dig_up(tx: Tx, consumer: str, event_id: UUID) -> DeadLetter:
    """Take a dead letter out; it is back when the transaction fails. Raises `DeadLetterNotFound`."""
    row = await (await driver(tx)).fetchrow(_DIG_UP, consumer, event_id)
    if row is None:
        raise DeadLetterNotFound("no such dead letter", consumer=consumer, event_id=str(event_id))
    return DeadLetter(*row)
