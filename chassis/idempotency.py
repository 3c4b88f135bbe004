"""One effect per `request_id`: repeats get the first answer, be it a response or a refusal."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Generic, TypeVar

import asyncpg
from google.protobuf.message import Message
from google.rpc import status_pb2

from chassis import caller
from chassis.db import Database, Tx, driver
from chassis.errors import AlreadyExists, Conflict, InvalidArgument, Refusal, code_of, from_status, to_status

R = TypeVar("R", bound=Message)
Q = TypeVar("Q")

KEEP = timedelta(hours=72)

_CLAIM = """
INSERT INTO idempotency (key, method, fingerprint, expire_time)
VALUES ($1, $2, $3, now() + $4::interval) ON CONFLICT (key) DO NOTHING
"""
_STORED = "SELECT fingerprint, code, response FROM idempotency WHERE key = $1"
_ANSWER = "UPDATE idempotency SET code = $2, response = $3 WHERE key = $1"
_STORED_ALL = "SELECT key, fingerprint, code, response FROM idempotency WHERE key = ANY($1::bytea[])"
_NOTE_ALL = """
INSERT INTO idempotency (key, method, fingerprint, code, response, expire_time)
SELECT key, method, fingerprint, code, response, now() + keep
FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::integer[], $5::bytea[], $6::interval[])
    AS note (key, method, fingerprint, code, response, keep)
ON CONFLICT (key) DO NOTHING
"""


class RequestIdReused(AlreadyExists):
    """The `request_id` was used before, for another content."""

    reason = "REQUEST_ID_REUSED"

    def __init__(self, request_id: str) -> None:
        super().__init__("request_id was used before with other content", request_id=request_id)


class RequestInProgress(Conflict):
    """The same request is being worked on at this moment."""

    reason = "REQUEST_IN_PROGRESS"

    def __init__(self, request_id: str) -> None:
        super().__init__("the same request is in progress", request_id=request_id)


@dataclass(frozen=True, slots=True)
class _Request:
    request_id: str
    method: str
    key: bytes
    fingerprint: bytes
    keep: timedelta | None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request was answered before, to be replayed."""

    fingerprint: bytes
    code: int
    content: bytes


class AnsweredMeanwhile(Exception):
    """Another process answered one of the same requests: the transaction is repeated, and finds that answer."""

    sqlstate = "40001"


async def once(
    db: Database,
    request: Message,
    work: Callable[[Tx], Awaitable[R]],
    response: type[R],
    *,
    keep: timedelta | None = KEEP,
) -> R:
    """Do `work` in one transaction with the note that this request was answered, and how.

    The request is known by the current caller, the method and `request.request_id`; `keep=None` keeps the note for
    ever, as money needs it. A repeat gets the stored response or definitive refusal; while the first is at work it
    waits as long as a lock may be waited for. Raises `RequestIdReused`, `RequestInProgress`, and what the work
    raises. A refusal takes back all that the work did; one that is not definitive leaves no note.
    """
    noted = _request_of(request, keep)
    try:
        answer = await db.transact(lambda tx: _first_or_stored(tx, noted, work))
    except Refusal as refusal:
        if not refusal.definitive:
            raise
        # Whoever notes an answer first decides it: if a repeat got through meanwhile, its answer counts.
        stored = await db.transact(partial(_note_refusal, noted=noted, refusal=refusal))
        if stored is None:
            raise
        answer = stored
    return _replay(answer, noted, response) if isinstance(answer, Answer) else answer


async def _first_or_stored(tx: Tx, noted: _Request, work: Callable[[Tx], Awaitable[R]]) -> R | Answer:
    if not await _claim(tx, noted):
        return await _stored(tx, noted)
    result = await work(tx)
    await (await driver(tx)).execute(_ANSWER, noted.key, 0, result.SerializeToString())
    return result


async def _note_refusal(tx: Tx, noted: _Request, refusal: Refusal) -> Answer | None:
    if not await _claim(tx, noted):
        return await _stored(tx, noted)
    status = to_status(refusal, "").SerializeToString()
    await (await driver(tx)).execute(_ANSWER, noted.key, refusal.code.value[0], status)
    return None


async def _claim(tx: Tx, noted: _Request) -> bool:
    """Whether this transaction is the first to answer the request. Waits for another one that is about to."""
    try:
        done = await (await driver(tx)).execute(_CLAIM, noted.key, noted.method, noted.fingerprint, noted.keep)
    except asyncpg.LockNotAvailableError as error:
        raise RequestInProgress(noted.request_id) from error
    return bool(done == "INSERT 0 1")


async def _stored(tx: Tx, noted: _Request) -> Answer:
    row = await (await driver(tx)).fetchrow(_STORED, noted.key)
    if row is None:  # it expired between the claim and now
        raise RequestInProgress(noted.request_id)
    return Answer(row["fingerprint"], row["code"], row["response"])


def _replay(answer: Answer, noted: _Request, response: type[R]) -> R:
    if answer.fingerprint != noted.fingerprint:
        raise RequestIdReused(noted.request_id)
    caller.current().replayed = True
    if answer.code == 0:
        return response.FromString(answer.content)
    status = status_pb2.Status.FromString(answer.content)
    raise from_status(code_of(answer.code), status.message, answer.content)


def _request_of(request: Message, keep: timedelta | None) -> _Request:
    request_id: str = request.request_id  # type: ignore[attr-defined] # every mutation has one
    if not request_id:
        raise InvalidArgument("request_id", "is required")
    call = caller.current()
    method = call.method or request.DESCRIPTOR.full_name
    key = hashlib.sha256(b"\0".join(part.encode() for part in (call.caller.principal, method, request_id))).digest()
    fingerprint = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    return _Request(request_id, method, key, fingerprint, keep)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q]):
    """What somebody asks, with all that is to be known of it where it is answered together with what others ask."""

    content: Q
    noted: _Request


def asked(request: Message, content: Q, *, keep: timedelta | None = KEEP) -> Asked[Q]:
    """What the current caller asks for with a request: `content`, answered under the request's `request_id`."""
    return Asked(content, _request_of(request, keep))


async def once_each(
    tx: Tx, batch: Sequence[Asked[Q]], work: Callable[[Tx, Sequence[Q]], Awaitable[Sequence[R | Refusal]]]
) -> list[R | Answer | Refusal]:
    """Do `work` for those of a batch that were not answered before, and note how, in one transaction.

    `work` has one outcome per content, in order, and must have changed nothing for what it refuses. Give the outcomes
    to `answered`, each in the call that it is of.
    """
    rows = await (await driver(tx)).fetch(_STORED_ALL, [item.noted.key for item in batch])
    stored = {row["key"]: Answer(*tuple(row)[1:]) for row in rows}
    first: dict[bytes, Asked[Q]] = {}
    for item in batch:
        if item.noted.key not in stored:
            first.setdefault(item.noted.key, item)
    outcomes = await work(tx, [item.content for item in first.values()]) if first else []
    fresh = dict(zip(first, outcomes, strict=True))
    await _note_all(tx, [(first[key].noted, outcome) for key, outcome in fresh.items() if _is_definitive(outcome)])
    return [stored.get(item.noted.key) or _outcome(item, first, fresh) for item in batch]


def answered(outcome: R | Answer, item: Asked[Q], response: type[R]) -> R:
    """The response that an outcome of `once_each` stands for. Raises what it stands for."""
    return _replay(outcome, item.noted, response) if isinstance(outcome, Answer) else outcome


def _outcome(
    item: Asked[Q], first: Mapping[bytes, Asked[Q]], fresh: Mapping[bytes, R | Refusal]
) -> R | Answer | Refusal:
    """The outcome of who asked first; what others of the batch get that ask the same is a replay of it."""
    key = item.noted.key
    outcome = fresh[key]
    if first[key] is item or not _is_definitive(outcome):
        return outcome
    return Answer(first[key].noted.fingerprint, *_content(outcome))


def _is_definitive(outcome: Message | Refusal) -> bool:
    return not isinstance(outcome, Refusal) or outcome.definitive


def _content(outcome: Message | Refusal) -> tuple[int, bytes]:
    if isinstance(outcome, Refusal):
        return outcome.code.value[0], to_status(outcome, "").SerializeToString()
    return 0, outcome.SerializeToString()


async def _note_all(tx: Tx, notes: Sequence[tuple[_Request, R | Refusal]]) -> None:
    """Raises `AnsweredMeanwhile`. Rows go in key order, so that two processes with the same requests do not tangle."""
    rows = sorted((note.key, note.method, note.fingerprint, *_content(outcome), note.keep) for note, outcome in notes)
    if not rows:
        return
    done = await (await driver(tx)).execute(_NOTE_ALL, *(list(column) for column in zip(*rows, strict=True)))
    if done != f"INSERT 0 {len(rows)}":
        raise AnsweredMeanwhile
