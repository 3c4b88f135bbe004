"""Sealing past days, and verifying seals."""

import asyncio
from datetime import date, datetime

import structlog

from chassis.db import Database, Tx
from services.incentive.audits import events, store
from services.incentive.audits.domain import seals
from services.incentive.audits.domain.seals import GENESIS, XACTS, Digest, Seal, Span
from services.incentive.audits.operations.runs import Runs

log = structlog.get_logger(__name__)


async def seal_days(db: Database, time_zone: str, now: datetime, *, xacts: int = XACTS) -> None:
    """Seal the past days that have no seal. Those after the first of them have nothing left to cover."""
    async with db.read() as tx:
        last, horizon = await store.get_last_seal(tx), await store.find_horizon(tx)
        start = last.span.end if last else await store.get_beginning(tx)
    if horizon < start:
        log.error("the ledger was restored into a database that counts its transactions anew: nothing is sealed")
        return
    await read_ahead(db, Span(start, horizon), xacts=xacts)
    for day in seals.due(last.day if last else None, time_zone, now):
        digest = await read_span(db, Span(start, horizon), xacts=xacts, is_read_ahead=True)
        previous = last.seal if last else GENESIS
        last = _sealed(day, time_zone, Span(start, horizon), digest, previous, now)
        start = horizon
        if not await db.transact(lambda tx, seal=last: _save_seal(tx, seal)):  # type: ignore[misc]
            return


def _sealed(day: date, time_zone: str, span: Span, digest: Digest, previous: str, now: datetime) -> Seal:
    seal = seals.chained(previous, day, time_zone, span, digest.count, digest.hex)
    return Seal(day, time_zone, span, digest.count, digest.hex, previous, seal, now)


async def read_ahead(db: Database, span: Span, *, xacts: int = XACTS) -> None:
    """Read those parts of the next seal that are full, each once: what is left for the end of the day is little, and
    whoever goes on after a crash goes on from there."""
    for part in span.parts():
        if part.end < span.end:
            async with db.read() as tx:
                known = await store.find_part(tx, part)
            if known is None:
                count, digest = await read_part(db, part, xacts=xacts)
                await db.transact(lambda tx, read=(part, count, digest): store.insert_part(tx, *read))  # type: ignore[misc]


async def read_span(db: Database, span: Span, *, xacts: int = XACTS, is_read_ahead: bool = False) -> Digest:
    """The hash of a span of transactions, part by part; of parts that were read ahead by what was noted of them."""
    digest = Digest()
    for part in span.parts():
        async with db.read() as tx:
            known = await store.find_part(tx, part) if is_read_ahead else None
        digest.add(*(known or await read_part(db, part, xacts=xacts)))
    return digest


async def read_part(db: Database, part: Span, *, xacts: int = XACTS) -> tuple[int, bytes]:
    """How many transfers a part has, and the hash of theirs in the order of their keys. They are read in slices, and
    sorted where they do not fit into memory."""
    with Runs() as runs:
        for each in part.slices(xacts):
            async with db.read() as tx:
                runs.add(await store.read_hashes(tx, *each))
        return runs.count, await asyncio.to_thread(runs.digest)


async def _save_seal(tx: Tx, seal: Seal) -> bool:
    is_first = await store.insert_seal(tx, seal)
    if is_first:
        await events.ledger_sealed(tx, seal)
    return is_first


async def verify_days(db: Database, first_day: date, last_day: date) -> tuple[int, date | None]:
    """How many seals hold, from the first on, and the first day that is not as it was sealed."""
    async with db.read() as tx:
        found, before = await store.list_seals_of(tx, first_day, last_day), await store.find_seal_before(tx, first_day)
    count = 0
    for seal in found:
        digest = await read_span(db, seal.span)
        if broken := seals.first_broken([(seal, digest.count, digest.hex)], before):
            return count, broken
        before, count = seal.seal, count + 1
    return count, None
