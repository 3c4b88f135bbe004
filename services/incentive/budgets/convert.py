"""Messages about budgets, from and to what they mean."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from bowen.incentive.v1 import budget_pb2, budget_service_pb2

from chassis.errors import Violation
from chassis.stamps import moment, stamp
from logic.calendar import ZONE_DEFAULT, is_zone
from services.incentive.budgets.domain import Bucket, Budget, Kind, Period, Scope, Want
from services.incentive.budgets.domain.meters import Meter, exhaust_time, plan_of
from services.incentive.budgets.domain.pacing import HORIZON, ratio
from services.incentive.budgets.domain.reservations import TTL_DEFAULT, Order, Reservation
from services.incentive.budgets.domain.tallies import Tallied
from services.incentive.budgets.errors import BudgetInvalid

RATIO_BP_MAX = 2**31 - 1
PLAN_MAX = timedelta(days=732)

_KINDS = {budget_pb2.Budget.Kind.Value(f"KIND_{kind.upper()}"): kind for kind in Kind}

_PERIODS = {
    budget_pb2.Budget.PERIOD_UNSPECIFIED: Period.NONE,
    budget_pb2.Budget.PERIOD_DAY: Period.DAY,
    budget_pb2.Budget.PERIOD_WEEK: Period.WEEK,
    budget_pb2.Budget.PERIOD_MONTH: Period.MONTH,
}
_PERIODS_TO_PROTO = {period: number for number, period in _PERIODS.items()}


def budget_from_proto(request: budget_service_pb2.CreateBudgetRequest, *, budget_id: UUID) -> Budget:
    """The budget that is asked for, not yet below its parent. Raises `BudgetInvalid` with all that does not fit."""
    if violations := list(_violations(request)):
        raise BudgetInvalid(violations)
    return Budget(
        budget_id=budget_id,
        cap=request.cap,
        kind=_KINDS[request.kind],
        scope=request.scope,
        name=request.name,
        asset=request.asset,
        period=_PERIODS[request.period],
        time_zone=request.time_zone or ZONE_DEFAULT,
        soft=request.soft,
        paced=request.HasField("pacing"),
        planned=_planned(request.pacing),
    )


def _planned(pacing: budget_pb2.Pacing) -> Bucket | None:
    if not pacing.HasField("start_time"):
        return None
    return Bucket(moment(pacing.start_time), moment(pacing.end_time))


def _violations(request: budget_service_pb2.CreateBudgetRequest) -> Iterator[Violation]:
    kind = _KINDS.get(request.kind)
    if kind is None:
        yield "kind", "must be one of the kinds"
    elif kind.is_scoped:
        yield from _part_violations(request)
    elif request.scope:
        yield "scope", "must be empty for a tenant, programme or campaign"
    if request.period not in _PERIODS:
        yield "period", "must be one of the periods"
    if not request.parent_id and not request.asset:
        yield "asset", "is required for a root"
    if request.time_zone and not is_zone(request.time_zone):
        yield "time_zone", f"{request.time_zone} is not an IANA time zone"
    if request.HasField("pacing"):
        yield from _pacing_violations(request)


def _pacing_violations(request: budget_service_pb2.CreateBudgetRequest) -> Iterator[Violation]:
    times = [name for name in ("start_time", "end_time") if request.pacing.HasField(name)]
    if request.period:
        yield from ((f"pacing.{name}", "must not be set with a period") for name in times)
    elif len(times) < 2:
        yield "pacing", "needs start_time and end_time without a period"
    elif moment(request.pacing.end_time) - moment(request.pacing.start_time) < HORIZON:
        yield "pacing.end_time", "must be at least ten minutes after start_time"
    elif moment(request.pacing.end_time) - moment(request.pacing.start_time) > PLAN_MAX:
        yield "pacing.end_time", f"must be at most {PLAN_MAX.days} days after start_time"


def _part_violations(request: budget_service_pb2.CreateBudgetRequest) -> Iterator[Violation]:
    if not request.scope:
        yield "scope", "must name the store, region, ring or arm"
    if not request.parent_id:
        yield "parent_id", "is required for a store, region, ring or arm"


def budget_to_proto(budget: Budget, *, stopped: bool) -> budget_pb2.Budget:
    """A budget as it stands. `stopped`: its own kill switch is on, or one above."""
    start, end = budget.bucket or (None, None)
    return budget_pb2.Budget(
        budget_id=str(budget.budget_id),
        parent_id=str(budget.parent_id or ""),
        kind=budget_pb2.Budget.Kind.Value(f"KIND_{budget.kind.upper()}"),
        scope=budget.scope,
        name=budget.name,
        asset=budget.asset,
        cap=budget.cap,
        committed=budget.committed,
        reserved=budget.reserved,
        period=_PERIODS_TO_PROTO[budget.period],
        time_zone=budget.time_zone,
        soft=budget.soft,
        status=budget_pb2.Budget.Status.Value(f"STATUS_{budget.status(stopped=stopped).upper()}"),
        killed=budget.killed,
        period_start_time=stamp(start) if start else None,
        period_end_time=stamp(end) if end else None,
        create_time=stamp(budget.create_time) if budget.create_time else None,
        pacing=_pacing_to_proto(budget) if budget.paced else None,
    )


def _pacing_to_proto(budget: Budget) -> budget_pb2.Pacing:
    start, end = budget.planned or (None, None)
    return budget_pb2.Pacing(start_time=stamp(start) if start else None, end_time=stamp(end) if end else None)


def line_to_proto(
    budget: budget_pb2.Budget, stands: Budget, meter: Meter | None, tallied: Tallied, now: datetime
) -> budget_pb2.BudgetLine:
    """How a budget is being spent."""
    stage = budget_pb2.BudgetLine.Stage.Value(f"STAGE_{stands.stage.upper()}")
    line = budget_pb2.BudgetLine(
        budget=budget,
        stage=stage,
        held_grants=max(0, tallied.held_grants),
        held_amount=max(0, tallied.held_amount),
        hold_rate_bp=_share_bp(tallied.held_grants, stands.grants),
        hold_amount_rate_bp=_share_bp(tallied.held_amount, stands.committed),
        first_purchases=max(0, tallied.first_purchases),
    )
    if tallied.first_purchases > 0:
        line.cost_per_first_purchase = round(stands.committed / tallied.first_purchases)
    if plan := plan_of(stands, meter.weights if meter else ()):
        line.planned = round(stands.cap * plan.share(now))
        line.pace_ratio_bp = min(round(ratio(plan, stands.cap, stands.used, now) * 10_000), RATIO_BP_MAX)
        line.pass_through_bp = round(stands.p * 10_000)
    if meter:
        line.grants_per_kilosecond = round(meter.grants_rate * 1_000)
        line.spend_per_hour = round(meter.used_rate * 3_600)
        line.alarm_bp = meter.alarm_bp
        line.observe_time.CopyFrom(stamp(meter.time))
        if exhausted := exhaust_time(stands, meter, now):
            line.exhaust_time.CopyFrom(stamp(exhausted))
    return line


def _share_bp(part: int, whole: int) -> int:
    """A share; tallies are a moment behind what they are a part of."""
    return min(10_000, max(0, part) * 10_000 // whole) if whole > 0 else 0


def order_from_proto(request: budget_service_pb2.ReserveBudgetRequest, *, principal: str) -> Order:
    """The reservation that a caller asks for. Raises `BudgetInvalid`."""
    scope: Scope = tuple((_KINDS[part.kind], part.scope) for part in request.parts if part.kind in _KINDS)
    if len(scope) < len(request.parts) or not all(kind.is_scoped and value for kind, value in scope):
        raise BudgetInvalid([("parts", "must each name a store, region, ring or arm")])
    return Order(
        request_id=request.request_id,
        request_key=hashlib.sha256(f"{principal}\0{request.request_id}".encode()).digest(),
        fingerprint=hashlib.sha256(request.SerializeToString(deterministic=True)).digest(),
        want=Want(UUID(request.budget_id), request.amount, scope, member=request.profile_id),
        ttl=timedelta(seconds=request.ttl_seconds) or TTL_DEFAULT,
        reference=request.reference,
    )


def reservation_to_proto(reservation: Reservation) -> budget_pb2.Reservation:
    """A reservation as it stands."""
    return budget_pb2.Reservation(
        reservation_id=str(reservation.reservation_id),
        budget_id=str(reservation.budget_id),
        amount=reservation.amount,
        reference=reservation.reference,
        state=budget_pb2.Reservation.State.Value(f"STATE_{reservation.state.upper()}"),
        reserve_time=stamp(reservation.reserve_time),
        expire_time=stamp(reservation.expire_time),
        resolve_time=stamp(reservation.resolve_time) if reservation.resolve_time else None,
    )
