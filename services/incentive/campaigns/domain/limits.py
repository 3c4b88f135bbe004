"""Caps by entity and period: where they count, and whether they hold.

Counters are shared by all limits of a campaign that count the same thing, so that an edited cap goes on from what was
counted before. Their names are digests: nobody's phone number is kept.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo


class Action(StrEnum):
    """What is counted: rewarded facts, or amounts of assets."""

    GRANTS = "grants"
    AMOUNT = "amount"


class Entity(StrEnum):
    """Whose a cap is."""

    CAMPAIGN = "campaign"
    MEMBER = "member"
    PERSON = "person"
    DEVICE = "device"
    PHONE = "phone"
    STORE = "store"
    SHARER = "sharer"
    CODE = "code"
    SESSION = "session"
    REGION = "region"


class Period(StrEnum):
    """For how long a cap counts."""

    NONE = "none"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Limit:
    """A cap. `rolling_days` are those of `Period.ROLLING`."""

    action: Action
    entity: Entity
    period: Period
    cap: int
    rolling_days: int = 0


def per_person(cap: int) -> Limit:
    """Most rewards that one person may get of a campaign."""
    return Limit(Action.GRANTS, Entity.PERSON, Period.NONE, cap)


Counters = dict[tuple[UUID, UUID], int]
"""What is counted, by campaign and key."""


class Meter(NamedTuple):
    """Where a limit counts an entity for one fact.

    `own` is counted up. No window, the sum of its keys, may come to more than the cap. `held` are the rows of which
    one is the same for all facts that could get into each other's way.
    """

    own: UUID
    held: tuple[UUID, ...]
    windows: tuple[tuple[UUID, ...], ...]


def meter(limit: Limit, own: str, values: Collection[str], time: datetime, zone: str) -> Meter:
    """The counters of an entity known by `values`, of which `own` stands for it, for a fact at `time`."""
    day = time.astimezone(ZoneInfo(zone)).date()
    ids = sorted(values)
    if limit.period != Period.ROLLING:
        bucket = bucket_of(limit.period, day)
        keys = tuple(_key(limit, bucket, value) for value in ids)
        return Meter(_key(limit, bucket, own), keys, (keys,))
    days = [_around(day, offset) for offset in range(1 - limit.rolling_days, limit.rolling_days)]
    by_day = [tuple(_key(limit, str(each), value) for value in ids) for each in days]
    windows = tuple(
        tuple(key for keys in by_day[first : first + limit.rolling_days] for key in keys)
        for first in range(limit.rolling_days)
    )
    anchors = tuple(_key(limit, "rolling", value) for value in ids)
    return Meter(_key(limit, str(day), own), (*anchors, _key(limit, str(day), own)), windows)


def _around(day: date, offset: int) -> date:
    return day + timedelta(days=offset)


def bucket_of(period: Period, day: date) -> str:
    """The span of a period that a local day is in; empty for ever."""
    match period:
        case Period.DAY:
            return str(day)
        case Period.WEEK:
            return "week " + str(day - timedelta(days=day.weekday()))
        case Period.MONTH:
            return f"{day:%Y-%m}"
        case Period.YEAR:
            return f"{day:%Y}"
        case _:
            return ""


def _key(limit: Limit, bucket: str, value: str) -> UUID:
    """A person's rewards for ever are counted under the profile's own id, as they always were."""
    if limit.action == Action.GRANTS and limit.entity == Entity.PERSON and not bucket:
        return UUID(value)
    text = "\0".join((limit.action, limit.entity, bucket, value))
    return UUID(bytes=blake2b(text.encode(), digest_size=16).digest())


def holds(limit: Limit, at: Meter, campaign_id: UUID, counters: Mapping[tuple[UUID, UUID], int], more: int) -> bool:
    """Whether the cap still holds after `more` are counted."""
    highest = max(sum(counters.get((campaign_id, key), 0) for key in window) for window in at.windows)
    return highest + more <= limit.cap


def count(counters: Counters, campaign_id: UUID, uses: Iterable[tuple[UUID, int]]) -> None:
    """Count uses up, or down where negative."""
    for key, amount in uses:
        counters[campaign_id, key] = counters.get((campaign_id, key), 0) + amount
