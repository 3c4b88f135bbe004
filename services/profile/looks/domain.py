"""Looks at people that are noted, and how many look-ups a store's key has."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

REVEAL, BUNDLE, SEARCH, LOOKUP = "REVEAL", "BUNDLE", "SEARCH", "LOOKUP"
"""Looks that are noted."""

WINDOW = timedelta(minutes=1)
LOOKUPS_MAX = 120
"""What a store's key may spend on look-ups in a window: enough for twenty tills on a Saturday."""

MISS_COST = 6
"""What finding nobody costs, where finding somebody costs one: whoever tries numbers out mostly finds nobody."""


class Look(NamedTuple):
    """Somebody saw a person, or personal data as it is. The fields are the columns of the table."""

    audit_id: UUID
    action: str
    profile_id: UUID
    actor: str
    store_id: str
    reason: str
    create_time: datetime


def window_of(now: datetime) -> datetime:
    """The start of the window that an instant is in."""
    return now - timedelta(seconds=now.timestamp() % WINDOW.total_seconds())


def seconds_left(now: datetime) -> float:
    """How long the window that an instant is in goes on."""
    return (window_of(now) + WINDOW - now).total_seconds()
