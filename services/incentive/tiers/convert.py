"""Messages about tiers, from and to what they mean."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from uuid import UUID

from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import tier_pb2, tier_service_pb2

from chassis.errors import Violation
from chassis.stamps import moment, stamp
from logic.calendar import ZONE_DEFAULT, is_zone
from services.incentive.tiers.domain import (
    Change,
    Downgrade,
    Earning,
    Level,
    Metric,
    Programme,
    Reason,
    Standing,
    Step,
    Window,
    earned_between,
)
from services.incentive.tiers.errors import TierProgrammeInvalid

LEVELS_MAX = 20
MONTHS_MAX = 60
LEAP_YEAR = 2024
_NAME_LENGTH_MAX = 100
_ASSET = re.compile(r"[a-z][a-zA-Z0-9._]{0,31}")
_CURRENCY = re.compile(r"[A-Z]{3}")

_DOWNGRADES = {
    Downgrade.ONE_DOWN: tier_pb2.TierProgramme.DOWNGRADE_ONE_DOWN,
    Downgrade.BALANCE_BASED: tier_pb2.TierProgramme.DOWNGRADE_BALANCE_BASED,
}
_REASONS = {
    Reason.EARNED: tier_pb2.TierChange.REASON_EARNED,
    Reason.EXPIRED: tier_pb2.TierChange.REASON_EXPIRED,
    Reason.PLACED: tier_pb2.TierChange.REASON_PLACED,
}


def programme_from_proto(
    request: tier_service_pb2.CreateTierProgrammeRequest, *, programme_id: UUID, now: datetime
) -> Programme:
    """The programme that is asked for. Raises `TierProgrammeInvalid` with all that does not fit."""
    if violations := list(_violations(request)):
        raise TierProgrammeInvalid(violations)
    based = request.downgrade == tier_pb2.TierProgramme.DOWNGRADE_BALANCE_BASED
    return Programme(
        programme_id=programme_id,
        name=request.name,
        metric=Metric(request.metric.orders.currency_code, request.metric.asset_earned),
        levels=tuple(Level(level.name, level.threshold, level.by_application) for level in request.levels),
        window=Window(request.window.rolling_months, _cycle_start(request.window)),
        downgrade=Downgrade.BALANCE_BASED if based else Downgrade.ONE_DOWN,
        grace_days=request.grace_days,
        time_zone=request.time_zone or ZONE_DEFAULT,
        create_time=now,
    )


def _cycle_start(window: tier_pb2.TierWindow) -> tuple[int, int] | None:
    """Month and day of the start of a cycle; None for another window. Raises `ValueError` for no such day."""
    if window.WhichOneof("of") != "cycle_start":
        return None
    if not re.fullmatch(r"\d\d-\d\d", window.cycle_start):
        raise ValueError(window.cycle_start)
    day = date.fromisoformat(f"{LEAP_YEAR}-{window.cycle_start}")
    return day.month, day.day


def _violations(request: tier_service_pb2.CreateTierProgrammeRequest) -> Iterator[Violation]:
    yield from _metric_violations(request.metric)
    yield from _level_violations(request.levels)
    yield from _window_violations(request.window)
    if request.time_zone and not is_zone(request.time_zone):
        yield "time_zone", "must be the name of an IANA time zone"


def _metric_violations(metric: tier_pb2.TierMetric) -> Iterator[Violation]:
    match metric.WhichOneof("of"):
        case "orders":
            if not _CURRENCY.fullmatch(metric.orders.currency_code):
                yield "metric.orders.currency_code", "must be an ISO 4217 code"
        case "asset_earned":
            if not _ASSET.fullmatch(metric.asset_earned):
                yield (
                    "metric.asset_earned",
                    "must be an asset code: a small letter, then letters, digits, dots or underscores",
                )
        case _:
            yield "metric", "must name orders or asset_earned"


def _level_violations(levels: Sequence[tier_pb2.TierLevel]) -> Iterator[Violation]:
    if not 1 <= len(levels) <= LEVELS_MAX:
        yield "levels", f"must have 1 to {LEVELS_MAX} items"
    for number, level in enumerate(levels):
        if not 0 < len(level.name) <= _NAME_LENGTH_MAX:
            yield f"levels[{number}].name", f"must have 1 to {_NAME_LENGTH_MAX} characters"
        if level.by_application and level.threshold:
            yield f"levels[{number}].threshold", "must not be given for a level by application"
    earned = [level.threshold for level in levels if not level.by_application]
    if any(threshold < 0 for threshold in earned) or any(b <= a for a, b in pairwise(earned)):
        yield "levels", "must have rising thresholds of at least 0"
    if any(low.by_application and not high.by_application for low, high in pairwise(levels)):
        yield "levels", "must have those by application above all others"


def _window_violations(window: tier_pb2.TierWindow) -> Iterator[Violation]:
    match window.WhichOneof("of"):
        case "rolling_months":
            if not 1 <= window.rolling_months <= MONTHS_MAX:
                yield "window.rolling_months", f"must be from 1 to {MONTHS_MAX}"
        case "cycle_start":
            try:
                _cycle_start(window)
            except ValueError:
                yield "window.cycle_start", "must be a day of the year, MM-DD"
        case _:
            yield "window", "must name rolling_months or cycle_start"


def programme_to_proto(programme: Programme) -> tier_pb2.TierProgramme:
    """A programme."""
    return tier_pb2.TierProgramme(
        programme_id=str(programme.programme_id),
        name=programme.name,
        metric=_metric_to_proto(programme.metric),
        levels=[
            tier_pb2.TierLevel(name=level.name, threshold=level.threshold, by_application=level.by_application)
            for level in programme.levels
        ],
        window=_window_to_proto(programme.window),
        downgrade=_DOWNGRADES[programme.downgrade],
        grace_days=programme.grace_days,
        time_zone=programme.time_zone,
        create_time=stamp(programme.create_time),
    )


def _metric_to_proto(metric: Metric) -> tier_pb2.TierMetric:
    if metric.asset:
        return tier_pb2.TierMetric(asset_earned=metric.asset)
    return tier_pb2.TierMetric(orders=tier_pb2.TierOrders(currency_code=metric.currency_code))


def _window_to_proto(window: Window) -> tier_pb2.TierWindow:
    if window.cycle_start is None:
        return tier_pb2.TierWindow(rolling_months=window.months)
    month, day = window.cycle_start
    return tier_pb2.TierWindow(cycle_start=f"{month:02}-{day:02}")


def member_to_proto(
    programme: Programme, profile_id: str, standing: Standing, earnings: Sequence[Earning], now: datetime
) -> tier_pb2.MemberTier:
    """Where a person stands."""
    earned = earned_between(earnings, programme.window_start(now))
    following = programme.next_level(standing.level)
    return tier_pb2.MemberTier(
        programme_id=str(programme.programme_id),
        profile_id=profile_id,
        level=standing.level,
        level_name=programme.name_of(standing.level),
        since_time=stamp(standing.since_time) if standing.since_time else None,
        keep_time=stamp(standing.keep_time) if standing.keep_time else None,
        in_grace=standing.grace_from is not None,
        earned=earned,
        next_level_name=following.name if following else "",
        missing=max(following.threshold - earned, 0) if following else 0,
    )


def past_to_proto(programme: Programme, profile_id: str, change: Change | None) -> tier_pb2.MemberTier:
    """Where a person stood after their last change until then."""
    told = tier_pb2.MemberTier(programme_id=str(programme.programme_id), profile_id=profile_id)
    if change is not None:
        told.level, told.level_name = change.to_level, programme.name_of(change.to_level)
        told.since_time.CopyFrom(stamp(change.time))
    return told


def change_to_proto(change: Change) -> tier_pb2.TierChange:
    """A step up or down."""
    return tier_pb2.TierChange(
        from_level=change.from_level,
        to_level=change.to_level,
        reason=_REASONS[change.reason],
        note=change.note,
        document_id=change.document_id,
        change_time=stamp(change.time),
    )


def steps_of(orders: Iterable[tuple[order_pb2.Order, str]], programmes: Iterable[Programme]) -> list[Step]:
    """What orders of people count in the programmes of their currency. Orders of nobody known count nowhere."""
    by_currency: dict[str, list[Programme]] = {}
    for programme in programmes:
        by_currency.setdefault(programme.metric.currency_code, []).append(programme)
    return [
        Step(
            programme.programme_id,
            UUID(order.order_id),
            profile_id,
            order.net_minor,
            order.refunded_minor,
            moment(order.pay_time),
        )
        for order, profile_id in orders
        if profile_id
        for programme in by_currency.get(order.currency_code, ())
    ]
