"""What moves the amounts of nodes: spending, putting back, a new period."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from chassis.db import Tx, driver
from services.incentive.budgets.domain import Budget, Move, Tally

SLOT_NOW = "floor(extract(epoch FROM clock_timestamp()) / 10)::bigint"
"""The ten seconds of now, by which those are found that look at what moves."""

# The rows are held, so that the condition cannot fail; it and the table's check say again what must never happen.
_MOVE = f"""
UPDATE budget SET moved_slot = {SLOT_NOW},
    committed = budget.committed + moved.committed, reserved = budget.reserved + moved.reserved,
    leased = budget.leased + moved.leased,
    excess = least(excess, greatest(0, budget.committed + budget.reserved + budget.leased + moved.used - cap))
FROM (
    SELECT *, committed + reserved + leased AS used
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS each (budget_id, committed, reserved, leased)
) AS moved
WHERE budget.budget_id = moved.budget_id AND budget.committed + moved.committed >= 0
    AND (soft OR moved.used <= 0 OR budget.committed + budget.reserved + budget.leased + moved.used <= cap)
"""  # noqa: S608 (constants)

_MOVE_OVER = """
UPDATE budget_bucket AS bucket
SET committed = greatest(0, bucket.committed + moved.committed), reserved = bucket.reserved + moved.reserved,
    leased = bucket.leased + moved.leased,
    excess = least(excess, greatest(0, bucket.committed + bucket.reserved + bucket.leased + moved.used - cap))
FROM (
    SELECT budget_id, start_time, sum(each.committed)::bigint AS committed, sum(each.reserved)::bigint AS reserved,
           sum(each.leased)::bigint AS leased, sum(each.committed + each.reserved + each.leased)::bigint AS used
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
        AS each (budget_id, committed, reserved, leased, time)
    JOIN budget_bucket AS hit USING (budget_id)
    WHERE each.time >= hit.start_time AND each.time < hit.end_time
    GROUP BY budget_id, start_time
) AS moved
WHERE bucket.budget_id = moved.budget_id AND bucket.start_time = moved.start_time
"""

_COUNT = f"""
UPDATE budget SET moved_slot = {SLOT_NOW},
    decisions = budget.decisions + counted.decisions, grants = budget.grants + counted.grants
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS counted (budget_id, decisions, grants)
WHERE budget.budget_id = counted.budget_id
"""  # noqa: S608 (constants)

_ARCHIVE = """
INSERT INTO budget_bucket (budget_id, start_time, end_time, cap, committed, reserved, leased, excess, soft)
SELECT budget_id, bucket_start, bucket_end, cap, committed, reserved, leased, excess, soft
FROM budget WHERE budget_id = $1
"""

_BEGIN = """
UPDATE budget
SET committed = 0, reserved = 0, leased = 0, excess = 0, decisions = 0, grants = 0, bucket_start = $2, bucket_end = $3
WHERE budget_id = $1
"""


class Overspent(AssertionError):
    """A held budget could not pay what it was found to hold."""


async def save_moved(tx: Tx, moves: Sequence[Move]) -> None:
    """Move the amounts of held budgets."""
    current = [move for move in moves if move.time is None]
    if current:
        result = await (await driver(tx)).execute(_MOVE, *_columns(current, 4))
        if int(result.split()[-1]) != len(current):
            raise Overspent(f"{len(current)} budgets to move, {result}")
    over = [move for move in moves if move.time is not None]
    if over:
        await (await driver(tx)).execute(_MOVE_OVER, *_columns(over, 5))


async def count(tx: Tx, tallies: Mapping[UUID, Tally]) -> None:
    """Keep what was decided at held budgets."""
    if tallies:
        counts = [(each, tally.decisions, tally.grants) for each, tally in sorted(tallies.items())]
        await (await driver(tx)).execute(_COUNT, *(list(column) for column in zip(*counts, strict=True)))


async def roll(tx: Tx, budget: Budget) -> None:
    """Begin the period of a held budget that it now has; the one before is kept with what belongs to it."""
    connection = await driver(tx)
    await connection.execute(_ARCHIVE, budget.budget_id)
    await connection.execute(_BEGIN, budget.budget_id, *(budget.bucket or (None, None)))


def _columns(moves: Sequence[Move], count: int) -> list[list[object]]:
    return [[move[index] for move in moves] for index in range(count)]
