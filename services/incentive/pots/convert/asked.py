"""The pot that is asked for, and whether its fields fit together."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from bowen.incentive.v1 import pot_pb2, pot_service_pb2

from chassis.errors import Violation
from chassis.stamps import moment
from logic.conditions import compile_condition
from logic.trees import TreeFault
from services.incentive.pots.domain import Metric, Pot, PrizeRules, State
from services.incentive.pots.domain.prizes import (
    CHANCE_VALUE_MAX,
    Level,
    Levels,
    Lottery,
    LotteryPrize,
    Plan,
    Prizes,
    RandomSplit,
    ThinPool,
)
from services.incentive.pots.errors import PotInvalid

GRACE_HOURS_DEFAULT = 24
CURRENCY_DEFAULT = "CNY"
CASH = "cash."

Request = pot_service_pb2.CreatePotRequest

_METRICS = {
    pot_pb2.Pot.METRIC_UNSPECIFIED: Metric.EVENTS,
    pot_pb2.Pot.METRIC_EVENTS: Metric.EVENTS,
    pot_pb2.Pot.METRIC_ORDERS: Metric.ORDERS,
    pot_pb2.Pot.METRIC_ITEMS: Metric.ITEMS,
    pot_pb2.Pot.METRIC_NET: Metric.NET,
}


def pot_from_proto(request: Request, *, pot_id: UUID, budget_id: UUID, seed: bytes, now: datetime) -> Pot:
    """The pot that is asked for; `seed` is for one of chance. Raises `PotInvalid` with all that does not fit."""
    plan = _plan(request)
    if violations := [*_violations(request), *_plan_violations(request, plan), *_rules_violations(request, plan)]:
        raise PotInvalid(violations)
    end_time = moment(request.end_time)
    chance = _is_chance(plan)
    return Pot(
        pot_id=pot_id,
        name=request.name,
        state=State.OPEN,
        event_name=request.event_name,
        score_min=request.score_min,
        asset=request.asset,
        prizes=plan,
        start_time=moment(request.start_time),
        end_time=end_time,
        freeze_time=end_time + timedelta(hours=request.grace_hours or GRACE_HOURS_DEFAULT),
        create_time=now,
        budget_id=budget_id,
        metric=_METRICS[request.metric],
        currency_code=_currency(request),
        rules=_rules(request.rules) if chance else None,
        seed=seed if chance else b"",
        carry_over_pot_id=UUID(request.carry_over_pot_id) if request.carry_over_pot_id else None,
        when=request.when,
    )


def _currency(request: Request) -> str:
    return (request.currency_code or CURRENCY_DEFAULT) if _METRICS[request.metric] == Metric.NET else ""


def _plan(request: Request) -> Plan:
    match request.WhichOneof("prizes"):
        case "random":
            asked = request.random
            return RandomSplit(asked.packet_count, asked.pool, asked.packet_min, asked.packet_max)
        case "lottery":
            prizes = [LotteryPrize(p.name, p.amount, p.quantity, p.value_minor) for p in request.lottery.prizes]
            return Lottery(tuple(prizes), per_point=request.lottery.tickets == pot_pb2.Lottery.TICKETS_PER_POINT)
        case "levels":
            levels = [Level(level.score_min, level.amount) for level in request.levels.levels]
            return Levels(tuple(levels), request.levels.budget)
        case _:
            first = request.thin_pool == pot_pb2.Pot.THIN_POOL_FIRST
            thin_pool = ThinPool.FIRST if first else ThinPool.VOID
            return Prizes(request.top_count, request.top_amount, request.shared_pool, thin_pool)


def _is_chance(plan: Plan) -> bool:
    return isinstance(plan, RandomSplit | Lottery)


def _rules(rules: pot_pb2.PrizeRules) -> PrizeRules:
    return PrizeRules(rules.conditions, rules.method, rules.redemption_terms, rules.organiser)


def _violations(request: Request) -> Iterator[Violation]:
    if moment(request.end_time) <= moment(request.start_time):
        yield "end_time", "must be after start_time"
    by_events = _METRICS[request.metric] == Metric.EVENTS
    if by_events and not request.event_name:
        yield "event_name", "is required when events score"
    if not by_events and request.event_name:
        yield "event_name", "must be absent when orders score"
    if request.currency_code and _METRICS[request.metric] != Metric.NET:
        yield "currency_code", "must be absent unless net amounts score"
    try:
        if request.when:
            compile_condition(request.when)
    except TreeFault as fault:
        yield "when", str(fault)


def _plan_violations(request: Request, plan: Plan) -> Iterator[Violation]:
    match plan:
        case Prizes():
            yield from _ranked_violations(request)
        case RandomSplit():
            yield from _random_violations(request, plan)
        case Lottery():
            yield from _lottery_violations(request, plan)
        case Levels():
            yield from _levels_violations(request, plan)
    if not isinstance(plan, Prizes):
        for field in ("top_count", "top_amount", "shared_pool", "thin_pool"):
            if getattr(request, field):
                yield field, f"must be absent beside {request.WhichOneof('prizes')}"


def _ranked_violations(request: Request) -> Iterator[Violation]:
    if (request.top_count > 0) != (request.top_amount > 0):
        yield "top_amount", "must be given together with top_count"
    if not request.top_count and not request.shared_pool:
        yield "shared_pool", "must be at least 1 when there is no prize for the best"


def _random_violations(request: Request, plan: RandomSplit) -> Iterator[Violation]:
    if not plan.is_possible:
        least, most = plan.packet_count * plan.packet_min, plan.packet_count * plan.packet_max
        yield "random.pool", f"must be from {least} to {most}: {plan.packet_count} parts within their bounds"
    if request.asset.startswith(CASH) and plan.packet_max > CHANCE_VALUE_MAX:
        yield "random.packet_max", f"must be at most {CHANCE_VALUE_MAX}: a prize of chance"


def _lottery_violations(request: Request, plan: Lottery) -> Iterator[Violation]:
    for number, prize in enumerate(plan.prizes):
        if request.asset.startswith(CASH) and prize.value_minor != prize.amount:
            yield f"lottery.prizes[{number}].value_minor", "must be the amount: the prize is cash"


def _levels_violations(request: Request, plan: Levels) -> Iterator[Violation]:
    before = request.score_min - 1
    for number, level in enumerate(plan.levels):
        if level.score_min <= before:
            yield f"levels.levels[{number}].score_min", f"must be above {before}"
        before = level.score_min
    if plan.budget < min(level.amount for level in plan.levels):
        yield "levels.budget", "must pay for at least one level"


def _rules_violations(request: Request, plan: Plan) -> Iterator[Violation]:
    if _is_chance(plan) and not request.HasField("rules"):
        yield "rules", "must be published for prizes that are due to chance"
    if not _is_chance(plan) and request.HasField("rules"):
        yield "rules", "must be absent: nothing is due to chance"
