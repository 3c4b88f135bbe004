"""Meters: what was observed of budgets, and the history of their traffic."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.budgets.domain import Stage
from services.incentive.budgets.domain.meters import Meter
from services.incentive.budgets.domain.pacing import HISTORY, Pace

_LOOK = 0x6D65746572  # "meter"

_COLUMNS = """
budget_id, meter_time, start_time, cap, used, decisions, grants, used_rate, grants_rate, alarm_bp, stage, ahead_time,
p, integral, smoothed, step_time, step_decisions, weights
"""

_FIND = f"SELECT {_COLUMNS} FROM budget_meter WHERE budget_id = ANY($1::uuid[])"  # noqa: S608 (constants)

_SAVE = f"""
INSERT INTO budget_meter ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT ON CONSTRAINT budget_meter_pkey DO UPDATE SET
    meter_time = excluded.meter_time, start_time = excluded.start_time, cap = excluded.cap, used = excluded.used,
    decisions = excluded.decisions, grants = excluded.grants, used_rate = excluded.used_rate,
    grants_rate = excluded.grants_rate, alarm_bp = excluded.alarm_bp, stage = excluded.stage,
    ahead_time = excluded.ahead_time, p = excluded.p, integral = excluded.integral, smoothed = excluded.smoothed,
    step_time = excluded.step_time, step_decisions = excluded.step_decisions, weights = excluded.weights
"""  # noqa: S608 (constants)

_ADD = """
INSERT INTO budget_slot (budget_id, slot_time, decisions, used)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[])
ON CONFLICT ON CONSTRAINT budget_slot_pkey
DO UPDATE SET decisions = budget_slot.decisions + excluded.decisions, used = budget_slot.used + excluded.used
"""

Slot = tuple[UUID, datetime, int, int]
"""A budget, the start of five minutes, and the wants and amounts that are to be added there."""


async def try_look(tx: Tx) -> bool:
    """Be the only one who looks at budgets until the transaction ends. False when another replica does."""
    return bool(await (await driver(tx)).fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOOK))


async def find_meters(tx: ReadTx, budget_ids: Collection[UUID]) -> dict[UUID, Meter]:
    """The meters of budgets, of those that were looked at."""
    rows = await (await driver(tx)).fetch(_FIND, list(budget_ids))
    return {row["budget_id"]: _meter(row) for row in rows}


async def save_meters(tx: Tx, meters: Sequence[Meter]) -> None:
    """Keep what was observed."""
    rows = [
        (
            *(each.budget_id, each.time, each.start, each.cap, each.used, each.decisions, each.grants),
            *(each.used_rate, each.grants_rate, each.alarm_bp, each.stage, each.ahead_time),
            *(each.pace.p, each.pace.integral, each.pace.smoothed, each.step_time, each.step_decisions),
            list(each.weights),
        )
        for each in meters
    ]
    await (await driver(tx)).executemany(_SAVE, rows)  # arrays of arrays of different lengths cannot be unnested


async def add_slots(tx: Tx, slots: Sequence[Slot]) -> None:
    """Add to the history."""
    if slots:
        await (await driver(tx)).execute(_ADD, *(list(column) for column in zip(*slots, strict=True)))


async def find_history(tx: Tx, budget_id: UUID, now: datetime) -> Mapping[datetime, int]:
    """The wants of a budget in the five minutes of the last four weeks. What is older is forgotten."""
    connection = await driver(tx)
    forget = "DELETE FROM budget_slot WHERE budget_id = $1 AND slot_time < $2"
    await connection.execute(forget, budget_id, now - HISTORY)
    rows = await connection.fetch("SELECT slot_time, decisions FROM budget_slot WHERE budget_id = $1", budget_id)
    return {row["slot_time"]: row["decisions"] for row in rows}


def _meter(row: Any) -> Meter:
    budget_id, time, start, cap, used, decisions, grants, used_rate, grants_rate, alarm_bp, *rest = row
    stage, ahead_time, p, integral, smoothed, step_time, step_decisions, weights = rest
    return Meter(
        budget_id=budget_id,
        time=time,
        start=start,
        cap=cap,
        used=used,
        decisions=decisions,
        grants=grants,
        used_rate=used_rate,
        grants_rate=grants_rate,
        alarm_bp=alarm_bp,
        stage=Stage(stage),
        ahead_time=ahead_time,
        pace=Pace(p, integral, smoothed),
        step_time=step_time,
        step_decisions=step_decisions,
        weights=tuple(weights),
    )
