"""Publishing transfers, and noting estimates."""

from datetime import datetime

from chassis.db import Tx
from services.incentive.audits import events, store

SPAN_MAX = 200
"""From how many transactions transfers are published at once."""

FEED = "transfers"


async def publish_some(tx: Tx, now: datetime) -> bool:
    """Publish the next transfers that are final. Returns whether there may be more."""
    first = await store.lock_cursor(tx, FEED)
    if first is None:
        return False
    horizon = await store.find_horizon(tx)
    end = min(horizon, first + SPAN_MAX)
    if end <= first:
        return False
    await events.transfers_posted(tx, await store.list_posted(tx, first, end), now=now)
    await store.move_cursor(tx, FEED, end)
    return end < horizon


async def estimate(tx: Tx, asset: str, month: str, effective_month: str, expected: int) -> None:
    """Note how many points of a month will be redeemed in the end."""
    await store.save_estimate(tx, asset, month, effective_month, expected)
