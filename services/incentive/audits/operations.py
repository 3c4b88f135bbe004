"""What auditing does by itself and when it is asked: seal, prove, publish, note estimates.

What is read lies below the oldest open transaction and changes no more, so it is read in snapshots of its own; only
what comes of it is written in a transaction, by whichever replica is first.
"""

from datetime import date, datetime

import structlog

from chassis.db import Database, Tx
from services.incentive.audits import events, store
from services.incentive.audits.domain import proofs, seals
from services.incentive.audits.domain.proofs import Proof
from services.incentive.audits.domain.seals import GENESIS, Digest, Seal, Span
from services.incentive.audits.errors import ProofOvertaken

log = structlog.get_logger(__name__)

SPAN_MAX = 200
"""From how many transactions transfers are published at once."""

FEED = "transfers"


async def seal_days(db: Database, time_zone: str, now: datetime) -> None:
    """Seal the past days that have no seal. Those after the first of them have nothing left to cover."""
    async with db.read() as tx:
        last, horizon = await store.get_last_seal(tx), await store.find_horizon(tx)
        start = last.span.end if last else await store.get_beginning(tx)
    if horizon < start:
        log.error("the ledger was restored into a database that counts its transactions anew: nothing is sealed")
        return
    for day in seals.due(last.day if last else None, time_zone, now):
        last = await _sealed(db, day, time_zone, Span(start, horizon), last.seal if last else GENESIS, now)
        start = horizon
        if not await db.transact(lambda tx, seal=last: _save_seal(tx, seal)):  # type: ignore[misc]
            return


async def _sealed(db: Database, day: date, time_zone: str, span: Span, previous: str, now: datetime) -> Seal:
    digest = await read_span(db, span)
    seal = seals.chained(previous, day, time_zone, span, digest.count, digest.hex)
    return Seal(day, time_zone, span, digest.count, digest.hex, previous, seal, now)


async def read_span(db: Database, span: Span) -> Digest:
    """The hash of a span of transactions, read part by part."""
    digest = Digest()
    for part in span.parts():
        async with db.read() as tx:
            digest.add(*await store.read_part(tx, part))
    return digest


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


async def prove_going_on(db: Database, now: datetime) -> None:
    """Prove what was posted since the last proof, if that is old; the first proof is one of the whole ledger."""
    async with db.read() as tx:
        last = await store.find_last(tx)
        if last is not None and not last.is_old(now):
            return
        end = await store.find_horizon(tx)
        if last is not None and end >= last.end:
            new, checks = await store.sum_between(tx, last.end, end), await store.check_since(tx, last.end)
            made = proofs.going_on(last, new, checks, end=end, now=now)
    if last is None or end < last.end:
        await prove_all(db, now)
    else:
        await db.transact(lambda tx: save_proofs(tx, last.number + 1, end, made, is_full=False, now=now))


async def prove_all(db: Database, now: datetime) -> list[Proof]:
    """Prove the whole ledger. Raises `ProofOvertaken`."""
    number, end, made = await read_all(db, now)
    if not await db.transact(lambda tx: save_proofs(tx, number, end, made, is_full=True, now=now)):
        raise ProofOvertaken
    return made


async def read_all(db: Database, now: datetime) -> tuple[int, int, list[Proof]]:
    """The number, the end and the proofs of the whole ledger as it is now. Reads all of it."""
    async with db.read() as tx:
        last, end = await store.find_last(tx), await store.find_horizon(tx)
        beyond = await store.sum_between(tx, end, 2**63 - 1)
        number = last.number + 1 if last else 1
        return (
            number,
            end,
            proofs.from_the_start(number, await store.sum_all(tx), beyond, await store.check_all(tx), end=end, now=now),
        )


async def save_proofs(tx: Tx, number: int, end: int, made: list[Proof], *, is_full: bool, now: datetime) -> bool:
    """Write a proof down and tell it. False when another replica was first."""
    is_first = await store.add_proofs(tx, number, end, made, is_full=is_full, now=now)
    if is_first:
        for proof in made:
            if proof.check.discrepancy:
                log.error("the trial balance fails", asset=proof.asset, discrepancy=proof.check.discrepancy)
        await events.ledger_proved(tx, made)
    return is_first


async def publish_some(tx: Tx, now: datetime) -> bool:
    """Publish the next transfers that are final. Returns whether there may be more."""
    first = await store.lock_cursor(tx, FEED)
    if first is None:
        return False
    horizon = await store.find_horizon(tx)
    end = min(horizon, first + SPAN_MAX)
    if end <= first:
        return False
    await events.transfers_posted(tx, await store.list_posted(tx, first, end), now=now)
    await store.move_cursor(tx, FEED, end)
    return end < horizon


async def estimate(tx: Tx, asset: str, month: str, effective_month: str, expected: int) -> None:
    """Note how many points of a month will be redeemed in the end."""
    await store.save_estimate(tx, asset, month, effective_month, expected)
