"""Leases: taken, drawn on, closed and folded. Whoever holds nodes and leases holds the nodes first."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import Tx, driver
from services.incentive.budgets.domain import TTL, Lease, Tally
from services.incentive.budgets.errors import LeaseGone

_LEASE = "SELECT lease_id, nodes, amount, spent, decisions, grants, unfolded, lease_time FROM budget_lease"

_GOOD = "open AND expire_time > clock_timestamp()"

_OWN = f"{_LEASE} WHERE session = pg_backend_pid() AND {_GOOD}"

_LOCK = f"{_LEASE} WHERE lease_id = ANY($1::uuid[]) AND {_GOOD} ORDER BY lease_id FOR UPDATE"

# `$2` are nodes of which every lease is to come back, open or not.
_OVER = f"""
{_LEASE} WHERE unfolded && $1::uuid[] AND (NOT ({_GOOD}) OR unfolded && $2::uuid[] OR lease_id = ANY($3::uuid[]))
ORDER BY lease_id FOR UPDATE
"""

_ANY_OVER = f"SELECT unfolded FROM budget_lease WHERE NOT ({_GOOD}) ORDER BY lease_id LIMIT $1"  # noqa: S608 (constants)

_INSERT = """
INSERT INTO budget_lease (lease_id, session, nodes, unfolded, amount, lease_time, expire_time)
VALUES ($1, pg_backend_pid(), $2, $2, $3, clock_timestamp(), least(clock_timestamp() + $4::interval, $5))
"""

_DRAW = """
UPDATE budget_lease AS lease
SET spent = lease.spent + drawn.spent, decisions = lease.decisions + drawn.decisions,
    grants = lease.grants + drawn.grants
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS drawn (lease_id, spent, decisions, grants)
WHERE lease.lease_id = drawn.lease_id AND lease.spent + drawn.spent <= lease.amount
"""

# Arrays are small: a node and those above it.
_FOLD = """
UPDATE budget_lease
SET open = false, unfolded = ARRAY(SELECT node FROM unnest(unfolded) AS node WHERE node <> ALL ($2::uuid[]))
WHERE lease_id = ANY($1::uuid[])
"""

_DROP = "DELETE FROM budget_lease WHERE lease_id = ANY($1::uuid[]) AND unfolded = '{}'"


class Overdrawn(AssertionError):
    """A held lease could not pay what it was found to hold."""


async def find_own(tx: Tx) -> list[Lease]:
    """The leases of this session, not held. A session does one transaction at a time: nobody else draws on them."""
    return [_lease(row) for row in await (await driver(tx)).fetch(_OWN)]


async def lock_leases(tx: Tx, lease_ids: Collection[UUID]) -> list[Lease]:
    """Hold leases: until the transaction ends nobody closes them. Raises `LeaseGone` if one is over."""
    if not lease_ids:
        return []
    leases = [_lease(row) for row in await (await driver(tx)).fetch(_LOCK, list(lease_ids))]
    if len(leases) != len(lease_ids):
        raise LeaseGone
    return leases


async def lock_over(
    tx: Tx, held: Collection[UUID], *, recalled: Collection[UUID] = (), own: Collection[UUID] = ()
) -> list[Lease]:
    """Hold the leases on held nodes that are over, the `own` ones, and all on `recalled` nodes.

    Those that are merely over are passed by while somebody still draws on them; for recalled ones it is waited.
    """
    query = _OVER if recalled else f"{_OVER} SKIP LOCKED"
    return [_lease(row) for row in await (await driver(tx)).fetch(query, list(held), list(recalled), list(own))]


async def find_over(tx: Tx, limit: int) -> set[UUID]:
    """Nodes at which leases that are over still count."""
    return {node for row in await (await driver(tx)).fetch(_ANY_OVER, limit) for node in row[0]}


async def insert_lease(tx: Tx, lease: Lease, end: datetime | None) -> None:
    """Take a lease for this session; over at the latest when the first of its nodes begins a new period."""
    await (await driver(tx)).execute(_INSERT, lease.lease_id, list(lease.nodes), lease.amount, TTL, end)


async def save_drawn(tx: Tx, drawn: Mapping[UUID, Tally]) -> None:
    """Give from held leases."""
    if not drawn:
        return
    rows = [(each, tally.spent, tally.decisions, tally.grants) for each, tally in sorted(drawn.items())]
    result = await (await driver(tx)).execute(_DRAW, *(list(column) for column in zip(*rows, strict=True)))
    if int(result.split()[-1]) != len(rows):
        raise Overdrawn(f"{len(rows)} leases to draw on, {result}")


async def save_folded(tx: Tx, leases: Sequence[Lease], nodes: Collection[UUID]) -> None:
    """Close held leases and count them no more at held nodes."""
    connection, ids = await driver(tx), [lease.lease_id for lease in leases]
    await connection.execute(_FOLD, ids, list(nodes))
    await connection.execute(_DROP, ids)


def _lease(row: Any) -> Lease:
    lease_id, nodes, amount, spent, decisions, grants, unfolded, lease_time = row
    return Lease(lease_id, tuple(nodes), amount, spent, decisions, grants, tuple(unfolded), lease_time)
