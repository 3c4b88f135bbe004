"""Where a member stands, and what time and earnings make of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.tiers.domain.programme import Downgrade, Programme


class Step(NamedTuple):
    """What a paid order counts in a programme: `value`, of which `withdrawn` was refunded."""

    programme_id: UUID
    fact_id: UUID
    profile_id: str
    value: int
    withdrawn: int
    time: datetime


class Earning(NamedTuple):
    """An amount that was earned at an instant; below zero for what was taken back."""

    time: datetime
    amount: int


class Standing(NamedTuple):
    """A level, since when, and until when it is kept; `grace_from` is when its time was over, in a soft landing."""

    level: int = 0
    since_time: datetime | None = None
    keep_time: datetime | None = None
    grace_from: datetime | None = None


class Reason(StrEnum):
    """Why a level changed."""

    EARNED = "earned"
    EXPIRED = "expired"
    PLACED = "placed"


class Change(NamedTuple):
    """A step up or down."""

    from_level: int
    to_level: int
    reason: Reason
    time: datetime
    note: str = ""
    document_id: str = ""


def earned_between(earnings: Iterable[Earning], start: datetime, end: datetime | None = None) -> int:
    """What was earned in `[start, end)`."""
    return sum(each.amount for each in earnings if each.time >= start and (end is None or each.time < end))


def evaluated(
    programme: Programme, standing: Standing, earnings: Sequence[Earning], now: datetime
) -> tuple[Standing, list[Change]]:
    """Where a member stands now, and the steps that led there.

    What is due is decided as of the instant at which it was due, however late it is looked at; then what was earned
    since counts at once.
    """
    changes: list[Change] = []
    while standing.keep_time is not None and standing.keep_time <= now:
        after = _expired(programme, standing, earnings, standing.keep_time)
        if after.level != standing.level:
            changes.append(Change(standing.level, after.level, Reason.EXPIRED, standing.keep_time))
        standing = after
    reached = programme.earned_level(earned_between(earnings, programme.window_start(now)))
    if reached > standing.level:
        changes.append(Change(standing.level, reached, Reason.EARNED, now))
        standing = Standing(reached, now, programme.keep_time(reached, now))
    return standing, changes


def _expired(programme: Programme, standing: Standing, earnings: Sequence[Earning], due: datetime) -> Standing:
    """What becomes of a level whose time is over at `due`."""
    start = programme.window_start(standing.grace_from or due)
    reached = programme.earned_level(earned_between(earnings, start, due))
    if reached >= standing.level:
        return standing._replace(keep_time=programme.keep_time(standing.level, due), grace_from=None)
    if programme.grace_days and standing.grace_from is None:
        return standing._replace(keep_time=programme.grace_time(due), grace_from=due)
    level = standing.level - 1 if programme.downgrade is Downgrade.ONE_DOWN else reached
    return Standing(level, due, programme.keep_time(level, due))


def placed(
    programme: Programme, standing: Standing, level: int, note: str, document_id: str, now: datetime
) -> tuple[Standing, Change]:
    """Put a member at a level."""
    change = Change(standing.level, level, Reason.PLACED, now, note, document_id)
    return Standing(level, now, programme.keep_time(level, now)), change


def parted(programme: Programme, standing: Standing, last: Change | None) -> Standing:
    """Where a person stands who was taken for another: a level that no step of their own led to was the other one's,
    and one that it hid is theirs again."""
    level = last.to_level if last else 0
    if level == standing.level:
        return standing
    return Standing(level, last.time, programme.keep_time(level, last.time)) if last and level else Standing()


def highest(standings: Iterable[Standing]) -> Standing:
    """Where a person stands of whom several profiles have a level: the best of them, kept longest."""

    def rank(standing: Standing) -> tuple[int, bool, float]:
        keep = standing.keep_time
        return standing.level, keep is None, keep.timestamp() if keep else 0.0

    return max(standings, key=rank, default=Standing())
