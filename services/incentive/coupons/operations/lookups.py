"""How many codes a person may look up."""

from datetime import datetime, timedelta

from chassis.db import Tx
from services.incentive.coupons.store import claims as store
from services.incentive.subjects import store as subjects

LOOKUPS_PER_HOUR = 20


async def admit_lookup(tx: Tx, profile_id: str, *, now: datetime, count: int = 1) -> float | None:
    """Count look-ups of codes by a person: 20 an hour. None when they are let through, else seconds to wait."""
    every = timedelta(hours=1) / LOOKUPS_PER_HOUR
    owner_id = await subjects.resolve(tx, profile_id)
    wait = await store.admit_lookup(tx, owner_id, every=every, burst=LOOKUPS_PER_HOUR, now=now, count=count)
    return None if wait is None else wait.total_seconds()
