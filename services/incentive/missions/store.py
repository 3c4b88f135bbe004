"""Every statement on missions. A batch costs one statement per table, whatever its size."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from logic.calendar import Period
from services.incentive.missions.domain import (
    Activation,
    Completion,
    CompletionState,
    Measure,
    Metric,
    Mission,
    Recurrence,
    State,
    Step,
)
from services.incentive.missions.errors import MissionNotFound

_COLUMNS = """
mission_id, name, state, measure, event_name, distinct_property, target, period, activation, recurrence, rollback,
"when", asset, amount, budget_id, time_zone, start_time, end_time, create_time
"""

_MISSION = f"SELECT {_COLUMNS} FROM mission"  # noqa: S608 (constants)

_INSERT = f"""
INSERT INTO mission ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
"""  # noqa: S608 (constants)

# Whoever counts holds the running missions, so that none is paused under it.
_COUNTING = f"""
{_MISSION} WHERE state = 'running' AND event_name = ANY($1::text[]) ORDER BY mission_id FOR SHARE
"""

_ADD = """
INSERT INTO mission_step (mission_id, fact_id, part, profile_id, item, value, withdrawn, step_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::timestamptz[])
ON CONFLICT ON CONSTRAINT mission_step_pkey DO NOTHING RETURNING mission_id, profile_id::text
"""

_WITHDRAW = """
UPDATE mission_step AS step SET withdrawn = least(step.value, told.withdrawn)
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[]) AS told (fact_id, measure, part, withdrawn),
     mission
WHERE step.fact_id = told.fact_id AND step.part = told.part AND step.mission_id = mission.mission_id
  AND mission.measure = told.measure AND step.withdrawn < least(step.value, told.withdrawn)
RETURNING step.mission_id, step.profile_id::text
"""

_GIVE = """
WITH moved AS (
    SELECT fact_id, mission_id, part, step.profile_id AS from_id, owner.profile_id AS to_id
    FROM mission_step AS step JOIN unnest($1::uuid[], $2::uuid[]) AS owner (fact_id, profile_id) USING (fact_id)
    WHERE step.profile_id <> owner.profile_id FOR UPDATE OF step
)
UPDATE mission_step AS step SET profile_id = moved.to_id FROM moved
WHERE (step.fact_id, step.mission_id, step.part) = (moved.fact_id, moved.mission_id, moved.part)
RETURNING step.mission_id, moved.from_id::text, moved.to_id::text
"""

# Whichever of giving and taking back is told first, and however often: the larger amounts stand.
_PUSH = """
INSERT INTO mission_step (mission_id, fact_id, part, profile_id, item, value, withdrawn, step_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::timestamptz[])
ON CONFLICT ON CONSTRAINT mission_step_pkey DO UPDATE
SET value = greatest(mission_step.value, excluded.value),
    withdrawn = greatest(mission_step.withdrawn, excluded.withdrawn)
WHERE mission_step.value < excluded.value OR mission_step.withdrawn < excluded.withdrawn
RETURNING mission_id, profile_id::text
"""

_RUNNING = f"{_MISSION} WHERE mission_id = ANY($1::uuid[]) AND state = 'running' ORDER BY mission_id FOR SHARE"

_OPEN_MEMBERS = """
INSERT INTO mission_member (mission_id, profile_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT ON CONSTRAINT mission_member_pkey DO NOTHING
"""

_LOCK_MEMBERS = """
SELECT 1 FROM mission_member WHERE (mission_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ORDER BY mission_id, profile_id FOR UPDATE
"""

_STEPS = """
SELECT mission_id, fact_id, part, profile_id::text, item, value, withdrawn, step_time FROM mission_step
WHERE (mission_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""

_COMPLETIONS = """
SELECT mission_id, profile_id::text, number, round, state, complete_time FROM mission_completion
WHERE (mission_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""

_SAVE_COMPLETIONS = """
INSERT INTO mission_completion (mission_id, profile_id, number, round, state, complete_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[], $6::timestamptz[])
ON CONFLICT ON CONSTRAINT mission_completion_pkey
DO UPDATE SET round = excluded.round, state = excluded.state, complete_time = excluded.complete_time
"""

Member = tuple[UUID, str]
"""A mission and a profile in it."""


class Record(NamedTuple):
    """All that is known of profiles in missions."""

    steps: Mapping[Member, list[Step]]
    completions: Mapping[Member, list[Completion]]

    def of(self, members: Iterable[Member]) -> tuple[list[Step], list[Completion]]:
        """What those together did and have completed."""
        members = list(members)
        steps = [step for member in members for step in self.steps[member]]
        return steps, [each for member in members for each in self.completions[member]]


async def insert_mission(tx: Tx, mission: Mission) -> None:
    """Add a mission."""
    await (await driver(tx)).execute(
        _INSERT,
        mission.mission_id,
        mission.name,
        mission.state,
        *mission.metric,
        mission.target,
        mission.period,
        mission.activation,
        mission.recurrence,
        mission.rollback,
        mission.when,
        mission.asset,
        mission.amount,
        mission.budget_id,
        mission.time_zone,
        mission.start_time,
        mission.end_time,
        mission.create_time,
    )


async def save_state(tx: Tx, mission: Mission) -> None:
    """Keep whether a locked mission counts."""
    query = "UPDATE mission SET state = $2 WHERE mission_id = $1"
    await (await driver(tx)).execute(query, mission.mission_id, mission.state)


async def get_mission(tx: ReadTx, mission_id: UUID) -> Mission:
    """A mission. Raises `MissionNotFound`."""
    return _found(mission_id, await (await driver(tx)).fetchrow(f"{_MISSION} WHERE mission_id = $1", mission_id))


async def lock_mission(tx: Tx, mission_id: UUID) -> Mission:
    """Hold a mission while nobody counts for it. Raises `MissionNotFound`."""
    query = f"{_MISSION} WHERE mission_id = $1 FOR UPDATE"
    return _found(mission_id, await (await driver(tx)).fetchrow(query, mission_id))


def _found(mission_id: UUID, row: Any) -> Mission:
    if row is None:
        raise MissionNotFound(mission_id)
    return _mission(row)


async def list_missions(tx: ReadTx, *, after: UUID, limit: int) -> list[Mission]:
    """Missions, oldest first."""
    query = f"{_MISSION} WHERE mission_id > $1 ORDER BY mission_id LIMIT $2"
    return [_mission(row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def find_missions(tx: ReadTx, mission_ids: Collection[UUID]) -> dict[UUID, Mission]:
    """The missions of these ids."""
    rows = await (await driver(tx)).fetch(f"{_MISSION} WHERE mission_id = ANY($1::uuid[])", list(mission_ids))
    return {row["mission_id"]: _mission(row) for row in rows}


async def hold_counting(tx: Tx, event_names: Collection[str]) -> list[Mission]:
    """The running missions that count events of these names, or orders where the name is empty; held."""
    return [_mission(row) for row in await (await driver(tx)).fetch(_COUNTING, list(event_names))]


async def hold_running(tx: Tx, mission_ids: Collection[UUID]) -> dict[UUID, Mission]:
    """Those of these missions that run, held."""
    rows = await (await driver(tx)).fetch(_RUNNING, list(mission_ids))
    return {row["mission_id"]: _mission(row) for row in rows}


def _mission(row: Any) -> Mission:
    mission_id, name, state, measure, event_name, distinct, target, period, activation, recurrence, *rest = row
    return Mission(
        mission_id,
        name,
        State(state),
        Metric(Measure(measure), event_name, distinct),
        target,
        Period(period) if period else None,
        Activation(activation),
        Recurrence(recurrence),
        *rest,
    )


async def add_steps(tx: Tx, steps: Sequence[Step]) -> set[Member]:
    """Have facts count, each once for ever. Returns for whom something new does."""
    if not steps:
        return set()
    return {(row[0], row[1]) for row in await (await driver(tx)).fetch(_ADD, *_columns(steps))}


async def give_steps(tx: Tx, owners: Mapping[UUID, str]) -> set[Member]:
    """Let facts count for who they are of. Returns for whom something changed."""
    rows = await (await driver(tx)).fetch(_GIVE, list(owners.keys()), list(owners.values()))
    return {(mission_id, each) for mission_id, *both in map(tuple, rows) for each in both}


async def push_steps(tx: Tx, steps: Sequence[Step]) -> set[Member]:
    """Have what campaigns give and take back count. Returns for whom something changed."""
    if not steps:
        return set()
    return {(row[0], row[1]) for row in await (await driver(tx)).fetch(_PUSH, *_columns(steps))}


async def withdraw(tx: Tx, withdrawals: Sequence[tuple[UUID, Measure, int, int]]) -> set[Member]:
    """Raise what refunds took of steps. Returns for whom something changed."""
    if not withdrawals:
        return set()
    return {(row[0], row[1]) for row in await (await driver(tx)).fetch(_WITHDRAW, *_columns(withdrawals))}


async def lock_members(tx: Tx, members: Iterable[Member]) -> None:
    """Be the only one who settles what these have completed."""
    columns = _columns(sorted(members))
    connection = await driver(tx)
    await connection.execute(_OPEN_MEMBERS, *columns)
    await connection.execute(_LOCK_MEMBERS, *columns)


async def read_record(tx: ReadTx, members: Collection[Member]) -> Record:
    """What profiles did, and what they have completed."""
    columns = _columns(list(members))
    connection = await driver(tx)
    steps: dict[Member, list[Step]] = {member: [] for member in members}
    completions: dict[Member, list[Completion]] = {member: [] for member in members}
    for row in await connection.fetch(_STEPS, *columns):
        steps[row["mission_id"], row["profile_id"]].append(Step(*row))
    for mission_id, profile_id, number, count, state, time in await connection.fetch(_COMPLETIONS, *columns):
        completion = Completion(profile_id, number, count, CompletionState(state), time)
        completions[mission_id, profile_id].append(completion)
    return Record(steps, completions)


async def save_completions(tx: Tx, completions: Sequence[tuple[UUID, Completion]]) -> None:
    """Keep what became of completed occurrences of held members."""
    if completions:
        rows = [(mission_id, *completion) for mission_id, completion in completions]
        await (await driver(tx)).execute(_SAVE_COMPLETIONS, *_columns(rows))


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
