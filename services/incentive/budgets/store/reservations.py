"""Reservations: added, held, resolved."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import Tx, driver
from services.incentive.budgets.domain.reservations import Reservation, State

DECIDED_ELSEWHERE = "budget_reservation_request_key"
"""The constraint that is violated when another replica decides the same request at the same moment."""

_COLUMNS = """
reservation_id, budget_id, nodes, amount, reference, state, reason, reserve_time, expire_time, resolve_time,
request_key, fingerprint
"""

_RESERVATION = f"SELECT {_COLUMNS} FROM budget_reservation"  # noqa: S608 (constants)

_LOCK = f"""
{_RESERVATION} WHERE reservation_id = ANY($1::uuid[]) AND state <> 'refused'
ORDER BY reservation_id FOR NO KEY UPDATE
"""

_INSERT = f"""
INSERT INTO budget_reservation ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""  # noqa: S608 (constants)

# Of those whose time is over, and those that a kill switch stops.
_LAPSED = f"""
{_RESERVATION} WHERE state = 'reserved' AND (
    expire_time <= now()
    OR nodes && ARRAY(SELECT budget_id FROM budget WHERE killed)
)
ORDER BY reservation_id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 (constants)

_UNDER = f"""
{_RESERVATION} WHERE state = 'reserved' AND nodes @> ARRAY[$1::uuid]
ORDER BY reservation_id LIMIT $2 FOR NO KEY UPDATE
"""

_SAVE = """
UPDATE budget_reservation AS reservation SET state = new.state, resolve_time = new.resolve_time
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS new (reservation_id, state, resolve_time)
WHERE reservation.reservation_id = new.reservation_id
"""


async def find_decided(tx: Tx, request_keys: Collection[bytes]) -> dict[bytes, Reservation]:
    """What was decided on requests before."""
    query = f"{_RESERVATION} WHERE request_key = ANY($1::bytea[])"
    rows = await (await driver(tx)).fetch(query, list(request_keys))
    return {row["request_key"]: _reservation(row) for row in rows}


async def insert_reservations(tx: Tx, reservations: Sequence[Reservation]) -> None:
    """Write down what was decided."""
    rows = [
        (
            each.reservation_id,
            each.budget_id,
            list(each.nodes),
            each.amount,
            each.reference,
            each.state,
            each.reason,
            each.reserve_time,
            each.expire_time,
            each.resolve_time,
            each.request_key,
            each.fingerprint,
        )
        for each in reservations
    ]
    await (await driver(tx)).executemany(_INSERT, rows)  # arrays of arrays of different lengths cannot be unnested


async def lock_reservations(tx: Tx, reservation_ids: Collection[UUID]) -> dict[UUID, Reservation]:
    """Be the only one who resolves these; without those that were refused."""
    rows = await (await driver(tx)).fetch(_LOCK, list(reservation_ids))
    return {row["reservation_id"]: _reservation(row) for row in rows}


async def lock_lapsed(tx: Tx, limit: int) -> list[Reservation]:
    """Hold those that are to be put back and that nobody resolves at this moment."""
    return [_reservation(row) for row in await (await driver(tx)).fetch(_LAPSED, limit)]


async def lock_under(tx: Tx, budget_id: UUID, limit: int) -> list[Reservation]:
    """Hold what is set aside at a node."""
    return [_reservation(row) for row in await (await driver(tx)).fetch(_UNDER, budget_id, limit)]


async def get_wall_time(tx: Tx) -> datetime:
    """The database's clock, which reservations end by, also in a sandbox: a saga lives in real time."""
    now: datetime = await (await driver(tx)).fetchval("SELECT clock_timestamp()")
    return now


async def save_reservations(tx: Tx, reservations: Sequence[Reservation]) -> None:
    """Keep what became of held reservations."""
    if not reservations:
        return
    rows = [(each.reservation_id, each.state, each.resolve_time) for each in reservations]
    await (await driver(tx)).execute(_SAVE, *(list(column) for column in zip(*rows, strict=True)))


def _reservation(row: Any) -> Reservation:
    reservation_id, budget_id, nodes, amount, reference, state, *rest = row
    return Reservation(reservation_id, budget_id, tuple(nodes), amount, reference, State(state), *rest)
