"""Merges that were undone, and what did not come back."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from chassis.db import ReadTx, Tx, driver
from services.incentive.ledger.domain.brought import Brought, Part
from services.incentive.ledger.domain.unmerging import Shortfall, Unmerge, keys_of

_INSERT = """
INSERT INTO ledger_unmerge (merge_id, restored_id, remaining_id, unmerge_time)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4) ON CONFLICT ON CONSTRAINT ledger_unmerge_pkey DO NOTHING
"""

_ADD_CARRIED = """
INSERT INTO merge_carried (merge_id, asset, kind, amount)
SELECT $1::uuid, * FROM unnest($2::text[], $3::text[], $4::bigint[])
ON CONFLICT ON CONSTRAINT merge_carried_pkey DO UPDATE SET amount = merge_carried.amount + excluded.amount
"""

_SAVE = """
INSERT INTO unrecoverable (merge_id, asset, amount) SELECT $1::uuid, * FROM unnest($2::text[], $3::bigint[])
"""


async def insert_unmerge(tx: Tx, unmerge: Unmerge) -> bool:
    """Note that a merge is undone. Returns False when it was undone before."""
    done = await (await driver(tx)).execute(
        _INSERT, unmerge.merge_id, unmerge.restored_id, unmerge.remaining_id, unmerge.now
    )
    return bool(done == "INSERT 0 1")


async def find_brought(tx: ReadTx, merge_ids: Collection[str], assets: Collection[str]) -> Brought:
    """What merges brought of assets: what they moved without what they carried on of others."""
    connection = await driver(tx)
    keys = keys_of(merge_ids, assets)
    found: dict[str, Counter[Part]] = defaultdict(Counter)
    query = "SELECT transfer_key, amount FROM transfer WHERE transfer_key = ANY($1::uuid[])"
    for key, amount in await connection.fetch(query, list(keys)):
        merge_id, *part = keys[key]
        found[merge_id][part[0], part[1]] += amount
    query = "SELECT merge_id::text, asset, kind, amount FROM merge_carried WHERE merge_id = ANY($1::uuid[])"
    for merge_id, asset, kind, amount in await connection.fetch(query, list(merge_ids)):
        found[merge_id][asset, kind] -= amount
    return found


async def add_carried(tx: Tx, merge_id: str, amounts: Mapping[Part, int]) -> None:
    """Have a merge have carried on more of others than was known, or less."""
    told = [(asset, kind, amount) for (asset, kind), amount in amounts.items() if amount]
    columns = [[each[index] for each in told] for index in range(3)]
    await (await driver(tx)).execute(_ADD_CARRIED, merge_id, *columns)


async def save_shortfalls(tx: Tx, unmerge: Unmerge, missing: Sequence[Shortfall]) -> None:
    """Keep what did not come back."""
    columns = [item.asset for item in missing], [item.amount for item in missing]
    await (await driver(tx)).execute(_SAVE, unmerge.merge_id, *columns)
