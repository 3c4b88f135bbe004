"""What changes holds: lock, decide, post, save.

Rows are held in one order everywhere: holds, then accounts.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from logic import redirects
from logic.redirects import Edge
from services.incentive.holds import domain, store
from services.incentive.holds.domain import Hold, State
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain import Transfer
from services.incentive.ledger.domain.unmerging import OpenHold, Unmerge
from services.incentive.ledger.errors import Insufficient, PointsExpired
from services.incentive.subjects import store as subjects
from services.incentive.subjects.errors import MergedMeanwhile

EXPIRED_AT_ONCE_MAX = 500


async def place_hold(tx: Tx, hold: Hold) -> Hold:
    """Set an amount aside. Raises `Insufficient`, `PointsExpired`, `InDebt`, `MergedMeanwhile`."""
    hold = replace(hold, profile_id=await subjects.resolve(tx, hold.profile_id))
    await store.insert_hold(tx, hold)
    await _post(tx, hold.placing())
    if await subjects.resolve(tx, hold.profile_id) != hold.profile_id:  # somebody else's debt would be asked for
        raise MergedMeanwhile
    await ledger.check_solvent(tx, hold.account("debt"))
    return hold


async def capture_hold(tx: Tx, hold_id: UUID, store_id: str, amount: int, now: datetime) -> Hold:
    """Spend part or all of a hold; the rest goes back. Raises `HoldNotFound`, `HoldResolved`, `HoldExpired`,
    `ExceedsHold`."""
    return await _resolve(tx, domain.captured(await store.lock_hold(tx, hold_id, store_id), amount, now))


async def void_hold(tx: Tx, hold_id: UUID, store_id: str, now: datetime) -> Hold:
    """Give a hold back. Raises `HoldNotFound`, `HoldResolved`, `HoldExpired`."""
    return await _resolve(tx, domain.voided(await store.lock_hold(tx, hold_id, store_id), now))


async def refund_hold(tx: Tx, hold_id: UUID, store_id: str, amount: int, now: datetime) -> Hold:
    """Give back what was captured. Raises `HoldNotFound`, `ExceedsCapture`."""
    hold = domain.refunded(await store.lock_hold(tx, hold_id, store_id), amount)
    await _give_back(tx, hold.refunding(amount, now))
    await store.save_holds(tx, [hold])
    return hold


async def expire_holds(tx: Tx, now: datetime) -> int:
    """Give holds back whose time is over, a batch of them. Returns how many."""
    overdue = [domain.expired(hold, now) for hold in await store.lock_overdue(tx, now, EXPIRED_AT_ONCE_MAX)]
    if overdue:
        await _give_back(tx, [move for hold in overdue for move in hold.resolving()])
        await store.save_holds(tx, overdue)
    return len(overdue)


async def expire_hold(tx: Tx, hold_id: UUID, now: datetime) -> None:
    """Give one hold back whose time is over, unless somebody resolved it meanwhile. Raises `Insufficient`."""
    hold = await store.lock_hold(tx, hold_id, "")
    if hold.state == State.HELD:
        await _resolve(tx, domain.expired(hold, now))


async def part(tx: Tx, edge: Edge, restored_from_ids: Collection[str], now: datetime) -> None:
    """Undo a merge, once, told before or not: the restored person gets back what is left of what the merge moved, what
    that person has set aside with it. Source: spec people §3.5, I24."""
    await subjects.hold_merges(tx)
    if not await subjects.undo_merge(tx, edge, restored_from_ids):
        return
    leads = await subjects.find_leads(tx, (edge.loser_id, edge.survivor_id, *restored_from_ids))
    stands = {lead.profile_id: lead.root_id for lead in leads}
    restored_id, remaining_id = stands[edge.loser_id], stands[edge.survivor_id]
    if restored_id != remaining_id:
        brought = redirects.below(await subjects.find_tree(tx, stands.keys()), edge.loser_id)
        held = await store.lock_open(tx, {edge.loser_id, *(each.loser_id for each in brought)})
        holds = [OpenHold(hold.asset, hold.amount, hold.place_key) for hold in held]
        await ledger.unmerge_accounts(tx, Unmerge(edge, restored_id, remaining_id, holds, now))
    await subjects.save_leads(tx, leads)


async def _resolve(tx: Tx, hold: Hold) -> Hold:
    await _give_back(tx, hold.resolving())
    await store.save_holds(tx, [hold])
    return hold


async def _give_back(tx: Tx, moves: Sequence[Transfer]) -> None:
    """Post, and have what is available again pay what is owed first."""
    await _post(tx, moves)
    if back := {move.credit: move.post_time for move in moves if move.credit.kind == "available"}:
        await ledger.repay(tx, back.keys(), max(back.values()))


async def _post(tx: Tx, moves: Sequence[Transfer]) -> None:
    """Post what is to move. Only placing can be refused: what is held is there."""
    for outcome in await ledger.post(tx, moves):
        if outcome.reason:
            raise (PointsExpired if outcome.reason == PointsExpired.reason else Insufficient)(outcome.detail)
