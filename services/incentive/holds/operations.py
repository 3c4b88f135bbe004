"""What changes holds: lock, decide, post, save.

Rows are held in one order everywhere: holds, then accounts.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.holds import domain, store
from services.incentive.holds.domain import Hold, State
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain import Transfer
from services.incentive.ledger.errors import Insufficient, PointsExpired
from services.incentive.subjects import store as subjects

EXPIRED_AT_ONCE_MAX = 500


async def place_hold(tx: Tx, hold: Hold) -> Hold:
    """Set an amount aside. Raises `Insufficient`, `PointsExpired`, `InDebt`."""
    hold = replace(hold, profile_id=await subjects.resolve(tx, hold.profile_id))
    await store.insert_hold(tx, hold)
    await _post(tx, hold.placing())
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
    await _post(tx, hold.refunding(amount, now))
    await store.save_holds(tx, [hold])
    return hold


async def expire_holds(tx: Tx, now: datetime) -> int:
    """Give holds back whose time is over, a batch of them. Returns how many."""
    overdue = [domain.expired(hold, now) for hold in await store.lock_overdue(tx, now, EXPIRED_AT_ONCE_MAX)]
    if overdue:
        await _post(tx, [move for hold in overdue for move in hold.resolving()])
        await store.save_holds(tx, overdue)
    return len(overdue)


async def expire_hold(tx: Tx, hold_id: UUID, now: datetime) -> None:
    """Give one hold back whose time is over, unless somebody resolved it meanwhile. Raises `Insufficient`."""
    hold = await store.lock_hold(tx, hold_id, "")
    if hold.state == State.HELD:
        await _resolve(tx, domain.expired(hold, now))


async def _resolve(tx: Tx, hold: Hold) -> Hold:
    await _post(tx, hold.resolving())
    await store.save_holds(tx, [hold])
    return hold


async def _post(tx: Tx, moves: Sequence[Transfer]) -> None:
    """Post what is to move. Only placing can be refused: what is held is there."""
    for outcome in await ledger.post(tx, moves):
        if outcome.reason:
            raise (PointsExpired if outcome.reason == PointsExpired.reason else Insufficient)(outcome.detail)
