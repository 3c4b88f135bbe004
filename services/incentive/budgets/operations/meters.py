"""Looking at budgets: rates, the controllers of the paced ones, alarms. One replica at a time does it for all."""

from datetime import datetime

from chassis.db import Tx
from services.incentive.budgets import events, store
from services.incentive.budgets.domain import Budget, meters, pacing
from services.incentive.budgets.domain.meters import Alarm, Meter


async def look(tx: Tx) -> None:
    """Look at all budgets that move, and tell what alarms."""
    if not await store.try_look(tx):
        return
    now = await store.get_time(tx)
    budgets = [budget.at(now) for budget in await store.find_active(tx, now)]
    before = await store.find_meters(tx, [budget.budget_id for budget in budgets])
    after: list[Meter] = []
    alarms: list[Alarm] = []
    slots: list[store.Slot] = []
    for budget in budgets:
        meter = await _current(tx, budget, before.get(budget.budget_id), now)
        read, raised = meters.read(meter, budget, now)
        after.append(read)
        alarms += raised
        if budget.paced and read.decisions > meter.decisions:
            moved = read.decisions - meter.decisions, read.used - meter.used
            slots.append((budget.budget_id, pacing.slot_start(now), *moved))
    await store.save_meters(tx, after)
    await store.add_slots(tx, slots)
    await events.alarms_raised(tx, alarms, now)


async def _current(tx: Tx, budget: Budget, meter: Meter | None, now: datetime) -> Meter:
    """The meter that goes on: a new one where there was none, or where a period is new."""
    start = budget.span.start if budget.span else None
    if meter and meter.start == start:
        return meter
    history = await store.find_history(tx, budget.budget_id, now) if budget.paced else {}
    return meters.begun(budget, meter, pacing.weights_of(history, budget.time_zone), now)
