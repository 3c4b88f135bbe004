"""Lots: loaded for the owners that a batch touches, written with the moves that it makes of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from chassis.ids import new_id
from services.incentive.ledger.domain import Account
from services.incentive.ledger.domain.lots import Happening, Lot, Move
from services.incentive.ledger.domain.programmes import Programme
from services.incentive.ledger.domain.shelf import Shelf
from services.incentive.ledger.errors import LotNotFound

TOLD_DAYS = 90
"""For how many days a spending that only expired points would have covered is told so."""

_COLUMNS = """
lot_id, root_id, restored_from, profile_id::text, asset, source_key, amount, pending, available, held, expired,
earn_time, mature_time, expire_time, last_day, time_zone, fair_value
"""

_LEFT = f"""
SELECT {_COLUMNS} FROM lot
WHERE (profile_id, asset) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))
  AND (pending > 0 OR available > 0 OR held > 0)
"""  # noqa: S608 (constants)

# A member has one lot of a root: what is handed over goes to the one that was used up.
_TWINS = f"""
SELECT {_COLUMNS} FROM lot
WHERE profile_id = ANY($1::uuid[]) AND root_id = ANY($2::uuid[]) AND pending = 0 AND available = 0 AND held = 0
"""  # noqa: S608 (constants)

# Those that an earlier transfer opened or moved, and their twins of other members, used up or not.
_OF_PRECEDENTS = f"""
SELECT {_COLUMNS} FROM lot WHERE root_id IN (
    SELECT root_id FROM lot WHERE source_key = ANY($1::uuid[])
    UNION
    SELECT lot.root_id FROM lot_move JOIN lot USING (lot_id)
    WHERE lot_move.transfer_key = ANY($1::uuid[]) OR lot_move.precedent = ANY($1::uuid[])
)
"""  # noqa: S608 (constants)

_MOVES = """
SELECT lot_move.transfer_key, position, lot_id, quantity, source, target, precedent
FROM lot_move JOIN transfer ON transfer.transfer_key = lot_move.transfer_key
WHERE lot_move.transfer_key = ANY($1::uuid[]) OR precedent = ANY($1::uuid[])
ORDER BY post_time, lot_move.transfer_key, position
"""

_EXPIRED = """
SELECT profile_id::text, asset, sum(expired)::bigint FROM lot
WHERE (profile_id, asset) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) AND expired > 0 AND expire_time > $3
GROUP BY profile_id, asset
"""

_SAVE = """
INSERT INTO lot (lot_id, root_id, restored_from, profile_id, asset, source_key, amount, pending, available, held,
                 expired, earn_time, mature_time, expire_time, last_day, time_zone, fair_value)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[],
                     $9::bigint[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::timestamptz[],
                     $14::timestamptz[], $15::date[], $16::text[], $17::bigint[])
ON CONFLICT ON CONSTRAINT lot_pkey DO UPDATE SET
    amount = excluded.amount, pending = excluded.pending, available = excluded.available, held = excluded.held,
    expired = excluded.expired
"""

_SAVE_MOVES = """
INSERT INTO lot_move (transfer_key, position, lot_id, quantity, source, target, precedent)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[])
"""

# What a person earned is counted over all profiles that the person ever had, as it was when it was earned.
_EARNED = """
SELECT wanted.profile_id::text, wanted.asset,
       coalesce(sum(amount) FILTER (WHERE earn_time >= day_start), 0)::bigint,
       coalesce(sum(amount), 0)::bigint
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[])
         AS wanted (profile_id, each_id, asset, day_start, year_start)
JOIN lot ON lot.profile_id = each_id AND lot.asset = wanted.asset AND earn_time >= year_start
WHERE source_key IS NOT NULL AND lot_id = root_id AND restored_from IS NULL
GROUP BY wanted.profile_id, wanted.asset
"""

# Each part stops early: at the end of a month a million lots are over at once, and are settled some at a time.
_DUE = """
(SELECT profile_id::text, asset FROM lot WHERE pending > 0 AND mature_time <= $1 ORDER BY mature_time LIMIT 10 * $2)
UNION
(SELECT profile_id::text, asset FROM lot WHERE (pending > 0 OR available > 0) AND expire_time <= $1
 ORDER BY expire_time LIMIT 10 * $2)
LIMIT $2
"""

_LIST = f"""
SELECT {_COLUMNS} FROM lot
WHERE profile_id = ANY($1::uuid[]) AND ($2 = '' OR asset = $2) AND lot_id < $3 ORDER BY lot_id DESC LIMIT $4
"""  # noqa: S608 (constants)

_GET = f"SELECT {_COLUMNS} FROM lot WHERE lot_id = $1"  # noqa: S608 (constants)

_STORY = """
SELECT transfer_id, quantity, source, target, debit_account, credit_account, post_time
FROM lot_move JOIN transfer USING (transfer_key) WHERE lot_id = $1
ORDER BY post_time, debit_position, position LIMIT $2
"""


async def open_shelf(
    tx: ReadTx,
    owners: Collection[Account],
    precedents: Collection[UUID],
    programmes: Mapping[str, Programme],
    *,
    now: datetime,
    handing_over: bool = False,
) -> Shelf:
    """The lots behind accounts, and what earlier transfers did to lots.

    Who is `handing_over` lots from one of these owners to another knows those of the same roots that were used up, too.
    """
    connection, shelf = await driver(tx), Shelf(programmes, now, new_id)
    pairs = sorted({(account.member_id, account.asset) for account in owners})
    columns = [profile_id for profile_id, _ in pairs], [asset for _, asset in pairs]
    rows = await connection.fetch(_LEFT, *columns)
    if handing_over:
        rows += await connection.fetch(_TWINS, columns[0], list({row["root_id"] for row in rows}))
    if precedents:
        rows += await connection.fetch(_OF_PRECEDENTS, list(precedents))
        shelf.remember([Move(*row) for row in await connection.fetch(_MOVES, list(precedents))])
    for row in rows:
        shelf.add(Lot(*row))
    for profile_id, asset, amount in await connection.fetch(_EXPIRED, *columns, now - timedelta(days=TOLD_DAYS)):
        shelf.expired[Account(f"member/{profile_id}/available", asset)] = amount
    return shelf


async def save_shelf(tx: Tx, shelf: Shelf) -> None:
    """Write down the lots that changed, and why."""
    connection = await driver(tx)
    if shelf.changed:
        await connection.execute(_SAVE, *_columns([shelf.lots[each] for each in sorted(shelf.changed)]))
    if shelf.moves:
        await connection.execute(_SAVE_MOVES, *_columns(shelf.moves))


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def find_earned(
    tx: ReadTx, wanted: Collection[tuple[str, str, str, datetime, datetime]]
) -> dict[tuple[str, str], tuple[int, int]]:
    """What people earned since the start of a day, and of a year.

    `wanted`: the person, one of the person's profiles, the asset, both starts.
    """
    rows = await (await driver(tx)).fetch(_EARNED, *_columns(list(wanted)))
    return {(profile_id, asset): (today, this_year) for profile_id, asset, today, this_year in rows}


async def find_due(tx: ReadTx, now: datetime, limit: int) -> list[Account]:
    """Members' accounts of which something has matured or is over."""
    rows = await (await driver(tx)).fetch(_DUE, now, limit)
    return [Account(f"member/{profile_id}/available", asset) for profile_id, asset in rows]


async def list_lots(tx: ReadTx, profile_ids: Collection[str], asset: str, *, before: UUID, limit: int) -> list[Lot]:
    """Lots of a person, newest first."""
    rows = await (await driver(tx)).fetch(_LIST, list(profile_ids), asset, before, limit)
    return [Lot(*row) for row in rows]


async def get_lot(tx: ReadTx, lot_id: UUID, *, moves_max: int) -> tuple[Lot, list[Happening]]:
    """A lot and what was done to it, oldest first. Raises `LotNotFound`."""
    connection = await driver(tx)
    row: Any = await connection.fetchrow(_GET, lot_id)
    if row is None:
        raise LotNotFound(lot_id)
    return Lot(*row), [Happening(*each) for each in await connection.fetch(_STORY, lot_id, moves_max)]
