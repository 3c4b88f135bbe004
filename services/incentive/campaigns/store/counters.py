"""What limits count, by campaign and key."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.campaigns.domain import Counters
from services.incentive.campaigns.store.rows import columns

_OPEN = """
INSERT INTO claimant (campaign_id, profile_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS wanted (campaign_id, key) ORDER BY 1, 2
ON CONFLICT ON CONSTRAINT claimant_pkey DO NOTHING
"""

_FIND = """
SELECT campaign_id, profile_id, rewards FROM claimant
WHERE (campaign_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""

_LOCK = f"{_FIND} ORDER BY campaign_id, profile_id FOR NO KEY UPDATE"

_SAVE = """
UPDATE claimant SET rewards = counted.rewards
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS counted (campaign_id, key, rewards)
WHERE claimant.campaign_id = counted.campaign_id AND claimant.profile_id = counted.key
"""

Keys = Collection[tuple[UUID, UUID]]


async def open_counters(tx: Tx, opened: Keys, read: Keys) -> Counters:
    """Hold counters, those of `opened` also if they are new. Returns what they count, and what those of `read` do."""
    if not opened:
        return {}
    await (await driver(tx)).execute(_OPEN, *columns(sorted(opened), 2))
    return await lock_counters(tx, {*opened, *read})


async def lock_counters(tx: Tx, keys: Keys) -> Counters:
    """Hold those counters that there are."""
    return await _fetch(tx, _LOCK, keys)


async def find_counters(tx: ReadTx, keys: Keys) -> Counters:
    """What counters count."""
    return await _fetch(tx, _FIND, keys)


async def _fetch(tx: ReadTx, query: str, keys: Keys) -> Counters:
    if not keys:
        return {}
    rows = await (await driver(tx)).fetch(query, *columns(sorted(keys), 2))
    return {(row["campaign_id"], row["profile_id"]): row["rewards"] for row in rows}


async def save_counters(tx: Tx, counters: Counters) -> None:
    """Keep what held counters count."""
    if counters:
        rows: Iterable[Sequence[object]] = [(*key, counted) for key, counted in counters.items()]
        await (await driver(tx)).execute(_SAVE, *columns(list(rows), 3))
