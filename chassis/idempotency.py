"""One effect per `request_id`: repeats get the first answer, be it a response or a refusal."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import asyncpg
from google.protobuf.message import Message
from google.rpc import status_pb2

from chassis import caller
from chassis.db import Database, Tx, driver
from chassis.errors import AlreadyExists, Conflict, InvalidArgument, Refusal, code_of, from_status, to_status

R = TypeVar("R", bound=Message)

KEEP = timedelta(hours=72)

_CLAIM = """
INSERT INTO idempotency (key, method, fingerprint, expire_time)
VALUES ($1, $2, $3, now() + $4::interval) ON CONFLICT (key) DO NOTHING
"""
_STORED = "SELECT fingerprint, code, response FROM idempotency WHERE key = $1"
_ANSWER = "UPDATE idempotency SET code = $2, response = $3 WHERE key = $1"


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
class _Answer:
    fingerprint: bytes
    code: int
    content: bytes


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
    return _replay(answer, noted, response) if isinstance(answer, _Answer) else answer


async def _first_or_stored(tx: Tx, noted: _Request, work: Callable[[Tx], Awaitable[R]]) -> R | _Answer:
    if not await _claim(tx, noted):
        return await _stored(tx, noted)
    result = await work(tx)
    await (await driver(tx)).execute(_ANSWER, noted.key, 0, result.SerializeToString())
    return result


async def _note_refusal(tx: Tx, noted: _Request, refusal: Refusal) -> _Answer | None:
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


async def _stored(tx: Tx, noted: _Request) -> _Answer:
    row = await (await driver(tx)).fetchrow(_STORED, noted.key)
    if row is None:  # it expired between the claim and now
        raise RequestInProgress(noted.request_id)
    return _Answer(row["fingerprint"], row["code"], row["response"])


def _replay(answer: _Answer, noted: _Request, response: type[R]) -> R:
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
