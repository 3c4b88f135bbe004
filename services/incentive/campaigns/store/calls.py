"""What webhooks are to be called for, and when."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx, driver
from services.incentive.campaigns.domain import Grant
from services.incentive.campaigns.store.rows import columns

_QUEUE = """
INSERT INTO webhook_call (grant_id, mature_time) SELECT * FROM unnest($1::uuid[], $2::timestamptz[])
"""

# Another replica's are left to it.
_TAKE = """
DELETE FROM webhook_call WHERE grant_id IN (
    SELECT grant_id FROM webhook_call WHERE mature_time <= $1 ORDER BY mature_time LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING grant_id, mature_time
"""


async def queue_calls(tx: Tx, grants: Sequence[Grant]) -> None:
    """Have webhooks called for these grants when they mature."""
    if grants:
        rows = [(grant.grant_id, grant.mature_time) for grant in grants]
        await (await driver(tx)).execute(_QUEUE, *columns(rows, 2))


async def take_matured(tx: Tx, now: datetime, limit: int) -> dict[UUID, datetime]:
    """Take what is to be called by now out of the queue: the grants, and when each matured."""
    return {row[0]: row[1] for row in await (await driver(tx)).fetch(_TAKE, now, limit)}
