"""Merges that were undone, and what did not come back."""

from collections.abc import Sequence

from chassis.db import Tx, driver
from services.incentive.ledger.domain.unmerging import Shortfall, Unmerge

_INSERT = """
INSERT INTO ledger_unmerge (merge_id, restored_id, remaining_id, unmerge_time)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4) ON CONFLICT ON CONSTRAINT ledger_unmerge_pkey DO NOTHING
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


async def save_shortfalls(tx: Tx, unmerge: Unmerge, missing: Sequence[Shortfall]) -> None:
    """Keep what did not come back."""
    columns = [item.asset for item in missing], [item.amount for item in missing]
    await (await driver(tx)).execute(_SAVE, unmerge.merge_id, *columns)
