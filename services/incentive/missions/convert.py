"""Messages about missions, from and to what they mean."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import mission_pb2, mission_service_pb2
from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed
from bowen.profile.v1.event_pb2 import TRUST_SERVER
from bowen.profile.v1.events_pb2 import EventRecorded

from chassis.errors import Violation
from chassis.stamps import moment, stamp
from logic.calendar import ZONE_DEFAULT, Period, is_zone
from logic.conditions import compile_condition, read_properties
from logic.trees import TreeFault
from services.incentive.budgets.domain import Budget
from services.incentive.missions.domain import (
    Activation,
    CompletionState,
    Deed,
    Line,
    Measure,
    Metric,
    Mission,
    Purchase,
    Push,
    Recurrence,
    Standing,
    State,
)
from services.incentive.missions.errors import MissionInvalid

NAME_LENGTH_MAX = 200

_pb = mission_pb2.Mission
_metric = mission_pb2.MissionMetric

_STATES = {State.RUNNING: _pb.STATE_RUNNING, State.PAUSED: _pb.STATE_PAUSED}
_PERIODS: dict[Period | None, Any] = {
    None: _pb.PERIOD_UNSPECIFIED,
    Period.DAY: _pb.PERIOD_DAY,
    Period.WEEK: _pb.PERIOD_WEEK,
    Period.MONTH: _pb.PERIOD_MONTH,
    Period.YEAR: _pb.PERIOD_YEAR,
}
_ACTIVATIONS = {
    Activation.USER_ACTION: _pb.ACTIVATION_USER_ACTION,
    Activation.FIXED_SCHEDULE: _pb.ACTIVATION_FIXED_SCHEDULE,
}
_RECURRENCES = {
    Recurrence.NONE: _pb.RECURRENCE_NONE,
    Recurrence.ON_EXPIRATION: _pb.RECURRENCE_ON_EXPIRATION,
    Recurrence.ON_COMPLETION: _pb.RECURRENCE_ON_COMPLETION,
}
_MEASURES = {
    Measure.ORDERS: _metric.ORDER_MEASURE_ORDERS,
    Measure.NET_MINOR: _metric.ORDER_MEASURE_NET_MINOR,
    Measure.PIECES: _metric.ORDER_MEASURE_PIECES,
    Measure.PRODUCTS: _metric.ORDER_MEASURE_PRODUCTS,
}
_COMPLETIONS = {
    CompletionState.REWARDED: mission_pb2.MissionOccurrence.STATE_REWARDED,
    CompletionState.UNPAID: mission_pb2.MissionOccurrence.STATE_UNPAID,
    CompletionState.REVERSED: mission_pb2.MissionOccurrence.STATE_REVERSED,
}


def _key(table: dict[Any, Any], value: Any, default: Any) -> Any:
    return next((key for key, each in table.items() if each == value), default)


def mission_from_proto(
    request: mission_service_pb2.CreateMissionRequest, *, mission_id: UUID, budget_id: UUID, now: datetime
) -> tuple[Mission, Budget]:
    """The mission that is asked for, with its budget. Raises `MissionInvalid` with all that does not fit."""
    if violations := list(_violations(request)):
        raise MissionInvalid(violations)
    mission = Mission(
        mission_id=mission_id,
        name=request.name,
        state=State.RUNNING,
        metric=_metric_from_proto(request.metric),
        target=request.target,
        period=_key(_PERIODS, request.period, None),
        activation=_key(_ACTIVATIONS, request.activation, Activation.USER_ACTION),
        recurrence=_key(_RECURRENCES, request.recurrence, Recurrence.NONE),
        rollback=request.rollback_after_completion,
        when=request.when,
        asset=request.asset,
        amount=request.amount,
        budget_id=budget_id,
        time_zone=request.time_zone or ZONE_DEFAULT,
        start_time=moment(request.start_time),
        end_time=moment(request.end_time),
        create_time=now,
    )
    return mission, Budget(budget_id, request.budget, name=request.name, asset=request.asset)


def _metric_from_proto(metric: mission_pb2.MissionMetric) -> Metric:
    if metric.WhichOneof("of") == "events":
        return Metric(Measure.EVENTS, metric.events.name, metric.events.distinct)
    return Metric(_key(_MEASURES, metric.orders, Measure.ORDERS))


def _violations(request: mission_service_pb2.CreateMissionRequest) -> Iterator[Violation]:
    yield from _metric_violations(request.metric)
    if moment(request.end_time) <= moment(request.start_time):
        yield "end_time", "must be after start_time"
    if request.amount > request.budget:
        yield "budget", "must pay for at least one reward"
    if request.time_zone and not is_zone(request.time_zone):
        yield "time_zone", "must be the name of an IANA time zone"
    if request.activation == _pb.ACTIVATION_FIXED_SCHEDULE and request.recurrence == _pb.RECURRENCE_ON_COMPLETION:
        yield "recurrence", "ON_COMPLETION begins with what members do: it needs activation USER_ACTION"
    if request.recurrence == _pb.RECURRENCE_ON_EXPIRATION and not request.period:
        yield "period", "is required with recurrence ON_EXPIRATION"
    try:
        if request.when:
            compile_condition(request.when)
    except TreeFault as fault:
        yield "when", str(fault)


def _metric_violations(metric: mission_pb2.MissionMetric) -> Iterator[Violation]:
    match metric.WhichOneof("of"):
        case "events":
            if not 0 < len(metric.events.name) <= NAME_LENGTH_MAX:
                yield "metric.events.name", f"must have 1 to {NAME_LENGTH_MAX} characters"
            if len(metric.events.distinct) > NAME_LENGTH_MAX:
                yield "metric.events.distinct", f"must have at most {NAME_LENGTH_MAX} characters"
        case "orders":
            if metric.orders not in _MEASURES.values():
                yield "metric.orders", "must be ORDERS, NET_MINOR, PIECES or PRODUCTS"
        case _:
            yield "metric", "must name events or orders"


def mission_to_proto(mission: Mission, budget: Budget) -> mission_pb2.Mission:
    """A mission with what it spent."""
    return mission_pb2.Mission(
        mission_id=str(mission.mission_id),
        name=mission.name,
        state=_STATES[mission.state],
        metric=_metric_to_proto(mission.metric),
        target=mission.target,
        period=_PERIODS[mission.period],
        activation=_ACTIVATIONS[mission.activation],
        recurrence=_RECURRENCES[mission.recurrence],
        rollback_after_completion=mission.rollback,
        when=mission.when,
        asset=mission.asset,
        amount=mission.amount,
        budget=budget.cap,
        spent=budget.committed,
        time_zone=mission.time_zone,
        start_time=stamp(mission.start_time),
        end_time=stamp(mission.end_time),
        create_time=stamp(mission.create_time),
    )


def _metric_to_proto(metric: Metric) -> mission_pb2.MissionMetric:
    if metric.measure.is_of_orders:
        return mission_pb2.MissionMetric(orders=_MEASURES[metric.measure])
    return mission_pb2.MissionMetric(events=mission_pb2.MissionEvents(name=metric.event_name, distinct=metric.distinct))


def standing_to_proto(standing: Standing, *, now: datetime) -> mission_pb2.MissionOccurrence:
    """Where somebody stands in an occurrence."""
    told = mission_pb2.MissionOccurrence(number=standing.number, state=_state(standing, now))
    if occurrence := standing.occurrence:
        told.progress = occurrence.progress
        told.start_time.CopyFrom(stamp(occurrence.start_time))
        told.end_time.CopyFrom(stamp(occurrence.end_time))
        if occurrence.complete_time is not None:
            told.complete_time.CopyFrom(stamp(occurrence.complete_time))
    return told


def _state(standing: Standing, now: datetime) -> Any:
    if standing.completion is not None:
        return _COMPLETIONS[standing.completion.state]
    if standing.occurrence is not None and now >= standing.occurrence.end_time:
        return mission_pb2.MissionOccurrence.STATE_EXPIRED
    return mission_pb2.MissionOccurrence.STATE_OPEN


def deed_of_event(event: EventRecorded) -> Deed | None:
    """What may count. None for events without a name, and for those of public keys, which anybody can claim."""
    if not event.name or event.trust != TRUST_SERVER:
        return None
    return Deed(
        UUID(event.event_id),
        event.name,
        event.profile_id,
        moment(event.timestamp),
        lambda: {"source_id": event.source_id or None, "properties": read_properties(event.properties)},
    )


def purchase_of_order(order: order_pb2.Order, profile_id: str) -> Purchase | None:
    """An order as it stands. None if nobody knows who bought."""
    if not profile_id:
        return None
    return Purchase(
        UUID(order.order_id),
        profile_id,
        moment(order.pay_time),
        tuple(Line(line.line_no, line.sku, line.quantity, line.net_minor, line.refunded_minor) for line in order.lines),
        lambda: {
            "net_minor": order.net_minor,
            "currency_code": order.currency_code,
            "source": order.source or None,
            "store_id": order.store_id or None,
        },
    )


def push_of_grant(event: RewardGranted) -> Push:
    """Progress that a campaign gave."""
    time = moment(event.grant_time)
    return Push(UUID(event.grant_id), UUID(event.mission_id), event.profile_id, time, event.amount)


def push_of_reversal(event: RewardReversed) -> Push:
    """Progress that a campaign took back, of no less than that."""
    time, total = moment(event.grant_time), event.reversed_amount
    return Push(UUID(event.grant_id), UUID(event.mission_id), event.profile_id, time, total, total)
