"""Proving that balances follow from entries, a portion after another; several replicas take turns."""

from datetime import datetime
from uuid import UUID

import structlog

from chassis.db import Database, Tx
from chassis.ids import new_id
from services.incentive.audits import events, store
from services.incentive.audits.domain import proofs
from services.incentive.audits.domain.proofs import Portions, Proof, Run, Stage

log = structlog.get_logger(__name__)


async def prove_going_on(db: Database, now: datetime, portions: Portions) -> None:
    """Prove what was posted since the last proof, if that is old; the first proof is one of the whole ledger. Goes on
    with proofs that were begun."""
    await db.transact(lambda tx: _begin_due(tx, now))
    for is_full in (False, True):
        while await prove_some(db, portions, is_full=is_full):
            pass


async def _begin_due(tx: Tx, now: datetime) -> None:
    last = await store.find_last(tx)
    if last is not None and not last.is_old(now):
        return
    end = await store.find_horizon(tx)
    if last is None or end < last.end:
        await begin_full(tx, new_id(), now)
    else:
        await store.begin_run(tx, proofs.going_on(new_id(), last, end, now))


async def begin_full(tx: Tx, run_id: UUID, now: datetime) -> None:
    """Begin a proof of the whole ledger, unless one is being made."""
    end, blocks = await store.find_horizon(tx), await store.count_blocks(tx)
    await store.begin_run(tx, proofs.from_the_start(run_id, end, blocks, now))


async def find_proved(db: Database, run_id: UUID) -> tuple[list[Proof] | None, int]:
    """What a run has proved, None before its end; and how much of the proof that is being made is done."""
    async with db.read() as tx:
        made = await store.find_proofs(tx, run_id)
        run = None if made is not None else await store.find_run(tx, is_full=True)
    return made, run.progress_bp if run else 0


async def prove_some(db: Database, portions: Portions, *, is_full: bool) -> bool:
    """Do the next portion of the proof that is being made. False when there is none, or another replica is at it."""
    return await db.transact(lambda tx: _prove_some(tx, portions, is_full=is_full))


async def _prove_some(tx: Tx, portions: Portions, *, is_full: bool) -> bool:
    run = await store.lock_run(tx, is_full=is_full)
    if run is None:
        return False
    after, is_done = await (_read_rows if run.stage == Stage.ROWS else _read_accounts)(tx, run, portions)
    if is_done:
        await _tell(tx, await store.end_run(tx, after))
    else:
        await store.save_run(tx, after)
    return True


async def _read_rows(tx: Tx, run: Run, portions: Portions) -> tuple[Run, bool]:
    first, end = run.rows(portions)
    after = run.after_rows(end, await store.read_rows(tx, run, first, end))
    return after, after.is_read


async def _read_accounts(tx: Tx, run: Run, portions: Portions) -> tuple[Run, bool]:
    last, found = await store.read_accounts(tx, run, portions.accounts)
    return run.after_accounts(last, found), last is None


async def _tell(tx: Tx, made: list[Proof]) -> None:
    for proof in made:
        if proof.check.discrepancy:
            log.error("the trial balance fails", asset=proof.asset, discrepancy=proof.check.discrepancy)
    await events.ledger_proved(tx, made)
