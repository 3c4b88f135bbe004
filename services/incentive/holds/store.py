"""Every statement on holds."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.holds.domain import Hold, State
from services.incentive.holds.errors import HoldNotFound

_COLUMNS = """
hold_id, profile_id::text, asset, amount, captured_amount, refunded_amount, state, reference, store_id, expire_time,
create_time, resolve_time
"""

_INSERT = """
INSERT INTO hold (hold_id, profile_id, asset, amount, captured_amount, refunded_amount, state, reference, store_id,
                  expire_time, create_time)
VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

# A store's hold is nobody else's: for others it is not there.
_GET = f"SELECT {_COLUMNS} FROM hold WHERE hold_id = $1 AND ($2 = '' OR store_id = $2)"  # noqa: S608 (constants)

_OVERDUE = f"""
SELECT {_COLUMNS} FROM hold WHERE state = 'held' AND expire_time <= $1
ORDER BY expire_time LIMIT $2 FOR UPDATE SKIP LOCKED
"""  # noqa: S608 (constants)

_FIND_OVERDUE = "SELECT hold_id FROM hold WHERE state = 'held' AND expire_time <= $1 ORDER BY expire_time LIMIT $2"


_LOCK_OPEN = f"""
SELECT {_COLUMNS} FROM hold WHERE profile_id = ANY($1::uuid[]) AND state = 'held' ORDER BY hold_id FOR UPDATE
"""  # noqa: S608 (constants)

_SAVE = """
UPDATE hold SET state = new.state, captured_amount = new.captured_amount, refunded_amount = new.refunded_amount,
                resolve_time = new.resolve_time
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[])
    AS new (hold_id, state, captured_amount, refunded_amount, resolve_time)
WHERE hold.hold_id = new.hold_id
"""


async def insert_hold(tx: Tx, hold: Hold) -> None:
    """Add a hold."""
    await (await driver(tx)).execute(
        _INSERT,
        hold.hold_id,
        hold.profile_id,
        hold.asset,
        hold.amount,
        hold.captured_amount,
        hold.refunded_amount,
        hold.state,
        hold.reference,
        hold.store_id,
        hold.expire_time,
        hold.create_time,
    )


async def get_hold(tx: ReadTx, hold_id: UUID, store_id: str) -> Hold:
    """A hold; of `store_id`, unless that is empty. Raises `HoldNotFound`."""
    return _found(hold_id, await (await driver(tx)).fetchrow(_GET, hold_id, store_id))


async def lock_hold(tx: Tx, hold_id: UUID, store_id: str) -> Hold:
    """Be the only one who resolves a hold. Raises `HoldNotFound`."""
    return _found(hold_id, await (await driver(tx)).fetchrow(f"{_GET} FOR UPDATE", hold_id, store_id))


def _found(hold_id: UUID, row: Any) -> Hold:
    if row is None:
        raise HoldNotFound(hold_id)
    return _hold(row)


async def lock_overdue(tx: Tx, now: datetime, limit: int) -> list[Hold]:
    """Hold those whose time is over and that nobody resolves at this moment."""
    return [_hold(row) for row in await (await driver(tx)).fetch(_OVERDUE, now, limit)]


async def find_overdue(tx: ReadTx, now: datetime, limit: int) -> list[UUID]:
    """The holds whose time has been over for longest."""
    rows = await (await driver(tx)).fetch(_FIND_OVERDUE, now, limit)
    return [row[0] for row in rows]


async def lock_open(tx: Tx, profile_ids: Collection[str]) -> list[Hold]:
    """Be the only one who resolves what these profiles have set aside."""
    return [_hold(row) for row in await (await driver(tx)).fetch(_LOCK_OPEN, list(profile_ids))]


async def save_holds(tx: Tx, holds: Sequence[Hold]) -> None:
    """Keep what became of locked holds."""
    rows = [(h.hold_id, h.state, h.captured_amount, h.refunded_amount, h.resolve_time) for h in holds]
    await (await driver(tx)).execute(_SAVE, *(list(column) for column in zip(*rows, strict=True)))


def _hold(row: Any) -> Hold:
    hold_id, profile_id, asset, amount, captured_amount, refunded_amount, state, *rest = row
    return Hold(hold_id, profile_id, asset, amount, captured_amount, refunded_amount, State(state), *rest)
