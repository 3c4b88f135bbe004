"""What others are told about budgets."""

from collections.abc import Sequence
from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.budgets.domain.meters import Alarm, AlarmKind


async def alarms_raised(tx: Tx, alarms: Sequence[Alarm], now: datetime) -> None:
    """Budgets run out, or ahead of their plans."""
    await append(tx, [Fact(_raised(alarm, now), now) for alarm in alarms])


def _raised(alarm: Alarm, now: datetime) -> events_pb2.BudgetAlarmRaised:
    budget = alarm.budget
    return events_pb2.BudgetAlarmRaised(
        budget_id=str(budget.budget_id),
        name=budget.name,
        kind=events_pb2.BudgetAlarmRaised.Kind.Value(f"KIND_{alarm.kind.upper()}"),
        threshold_bp=alarm.level_bp if alarm.kind == AlarmKind.SPENT else 0,
        pace_ratio_bp=alarm.level_bp if alarm.kind == AlarmKind.PACE else 0,
        cap=budget.cap,
        committed=budget.committed,
        reserved=budget.reserved,
        stage=alarm.stage,
        raise_time=stamp(now),
    )
