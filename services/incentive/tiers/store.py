"""Every statement on tiers. A batch costs one statement per table, whatever its size."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from people.restrictions import RESTRICTED
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
)
from services.incentive.tiers.errors import TierProgrammeNotFound

_COLUMNS = """
programme_id, name, currency_code, asset, levels, months, cycle_month, cycle_day, downgrade, grace_days, time_zone,
create_time
"""

_PROGRAMME = f"SELECT {_COLUMNS} FROM tier_programme"  # noqa: S608 (constants)

_INSERT = f"""
INSERT INTO tier_programme ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""  # noqa: S608 (constants)

# A refund may come before its payment, and tells the whole order: what was withdrawn only grows.
_COUNT = """
INSERT INTO tier_step AS step (programme_id, fact_id, profile_id, value, withdrawn, step_time)
SELECT DISTINCT ON (programme_id, fact_id) *
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::timestamptz[])
    AS told (programme_id, fact_id, profile_id, value, withdrawn, step_time)
ORDER BY programme_id, fact_id, withdrawn DESC
ON CONFLICT ON CONSTRAINT tier_step_pkey DO UPDATE SET withdrawn = excluded.withdrawn
WHERE excluded.withdrawn > step.withdrawn
"""

_GIVE = """
WITH moved AS (
    SELECT programme_id, fact_id, step.profile_id AS from_id, owner.profile_id AS to_id
    FROM tier_step AS step JOIN unnest($1::uuid[], $2::uuid[]) AS owner (fact_id, profile_id) USING (fact_id)
    WHERE step.profile_id <> owner.profile_id FOR UPDATE OF step
)
UPDATE tier_step AS step SET profile_id = moved.to_id FROM moved
WHERE (step.programme_id, step.fact_id) = (moved.programme_id, moved.fact_id)
RETURNING step.programme_id, moved.from_id::text, moved.to_id::text
"""

_OPEN_MEMBERS = """
INSERT INTO member_tier (programme_id, profile_id, level)
SELECT programme_id, profile_id, 0 FROM unnest($1::uuid[], $2::uuid[]) AS wanted (programme_id, profile_id)
ON CONFLICT ON CONSTRAINT member_tier_pkey DO NOTHING
"""

_MEMBERS = """
SELECT programme_id, profile_id::text, level, since_time, keep_time, grace_from FROM member_tier
WHERE (programme_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ORDER BY programme_id, profile_id
"""

_EARNINGS = """
SELECT programme_id, profile_id::text, step_time, value - withdrawn FROM tier_step
WHERE (programme_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""

_SAVE = """
UPDATE member_tier AS member
SET level = new.level, since_time = new.since_time, keep_time = new.keep_time, grace_from = new.grace_from
FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
    AS new (programme_id, profile_id, level, since_time, keep_time, grace_from)
WHERE member.programme_id = new.programme_id AND member.profile_id = new.profile_id
"""

_SAVE_CHANGES = """
INSERT INTO tier_change
    (change_id, programme_id, profile_id, from_level, to_level, reason, change_time, note, document_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::text[], $7::timestamptz[],
                     $8::text[], $9::text[])
"""

_CHANGE = "SELECT from_level, to_level, reason, change_time, note, document_id FROM tier_change"

_CHANGES = """
SELECT change_id, from_level, to_level, reason, change_time, note, document_id FROM tier_change
WHERE programme_id = $1 AND profile_id = ANY($2::uuid[]) AND change_id < $3 ORDER BY change_id DESC LIMIT $4
"""

_AS_OF = f"""
{_CHANGE} WHERE programme_id = $1 AND profile_id = ANY($2::uuid[]) AND change_time <= $3
ORDER BY change_time DESC, change_id DESC LIMIT 1
"""

_JOINED = """
SELECT programme_id, profile_id::text FROM member_tier
WHERE (programme_id, profile_id) IN (SELECT programme_id, each FROM tier_programme, unnest($1::uuid[]) AS each)
"""

_DUE = f"""
SELECT programme_id, profile_id::text FROM member_tier
WHERE keep_time <= $1 AND profile_id NOT IN ({RESTRICTED})
ORDER BY keep_time LIMIT $2
"""  # noqa: S608 (constants)

Member = tuple[UUID, str]
"""A programme and a profile in it."""


async def insert_programme(tx: Tx, programme: Programme) -> None:
    """Add a programme."""
    month, day = programme.window.cycle_start or (None, None)
    await (await driver(tx)).execute(
        _INSERT,
        programme.programme_id,
        programme.name,
        *programme.metric,
        json.dumps(programme.levels),
        programme.window.months,
        month,
        day,
        programme.downgrade,
        programme.grace_days,
        programme.time_zone,
        programme.create_time,
    )


async def get_programme(tx: ReadTx, programme_id: UUID) -> Programme:
    """A programme. Raises `TierProgrammeNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_PROGRAMME} WHERE programme_id = $1", programme_id)
    if row is None:
        raise TierProgrammeNotFound(programme_id)
    return _programme(row)


async def list_programmes(tx: ReadTx, *, after: UUID, limit: int) -> list[Programme]:
    """Programmes, oldest first."""
    query = f"{_PROGRAMME} WHERE programme_id > $1 ORDER BY programme_id LIMIT $2"
    return [_programme(row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def find_programmes(tx: ReadTx, programme_ids: Collection[UUID]) -> dict[UUID, Programme]:
    """The programmes of these ids."""
    rows = await (await driver(tx)).fetch(f"{_PROGRAMME} WHERE programme_id = ANY($1::uuid[])", list(programme_ids))
    return {row["programme_id"]: _programme(row) for row in rows}


async def find_counting(
    tx: ReadTx, *, currency_codes: Collection[str] = (), assets: Collection[str] = ()
) -> list[Programme]:
    """The programmes in which orders in these currencies, or these assets, count."""
    query = f"{_PROGRAMME} WHERE currency_code = ANY($1::text[]) OR asset = ANY($2::text[]) ORDER BY programme_id"
    rows = await (await driver(tx)).fetch(query, list(currency_codes), list(assets))
    return [_programme(row) for row in rows]


def _programme(row: Any) -> Programme:
    programme_id, name, currency_code, asset, levels, months, month, day, downgrade, *rest = row
    return Programme(
        programme_id,
        name,
        Metric(currency_code or "", asset or ""),
        tuple(Level(*level) for level in json.loads(levels)),
        Window(months, (month, day) if month else None),
        Downgrade(downgrade),
        *rest,
    )


async def give_steps(tx: Tx, owners: Mapping[UUID, str]) -> set[Member]:
    """Let orders count for who they are of. Returns for whom something changed."""
    rows = await (await driver(tx)).fetch(_GIVE, list(owners.keys()), list(owners.values()))
    return {(programme_id, each) for programme_id, *both in map(tuple, rows) for each in both}


async def count(tx: Tx, steps: Sequence[Step]) -> None:
    """Have orders count, each once for ever."""
    if steps:
        await (await driver(tx)).execute(_COUNT, *_columns(steps))


async def lock_members(tx: Tx, members: Iterable[Member]) -> dict[Member, Standing]:
    """Be the only one who decides where these stand. Opens them where nobody did."""
    columns = _columns(sorted(members))
    connection = await driver(tx)
    await connection.execute(_OPEN_MEMBERS, *columns)
    return _standings(await connection.fetch(f"{_MEMBERS} FOR UPDATE", *columns))


async def find_members(tx: ReadTx, members: Collection[Member]) -> dict[Member, Standing]:
    """Where these stand; those who are not members are left out."""
    return _standings(await (await driver(tx)).fetch(_MEMBERS, *_columns(list(members))))


def _standings(rows: Iterable[Any]) -> dict[Member, Standing]:
    return {(row[0], row[1]): Standing(*row[2:]) for row in rows}


async def list_earnings(tx: ReadTx, members: Collection[Member]) -> dict[Member, list[Earning]]:
    """What orders counted for these."""
    earnings: dict[Member, list[Earning]] = {member: [] for member in members}
    for programme_id, profile_id, time, amount in await (await driver(tx)).fetch(_EARNINGS, *_columns(list(members))):
        earnings[programme_id, profile_id].append(Earning(time, amount))
    return earnings


async def save_members(tx: Tx, standings: Mapping[Member, Standing]) -> None:
    """Keep where held members stand."""
    if standings:
        rows = [(*member, *standing) for member, standing in standings.items()]
        await (await driver(tx)).execute(_SAVE, *_columns(rows))


async def save_changes(tx: Tx, changes: Sequence[tuple[UUID, UUID, str, Change]]) -> None:
    """Write changes down: their id, programme, profile and what changed."""
    if changes:
        rows = [(*where, *change) for *where, change in changes]
        await (await driver(tx)).execute(_SAVE_CHANGES, *_columns(rows))


async def list_changes(
    tx: ReadTx, programme_id: UUID, profile_ids: Collection[str], *, before: UUID, limit: int
) -> list[tuple[UUID, Change]]:
    """A person's changes under any of their ids, newest first, with their ids."""
    rows = await (await driver(tx)).fetch(_CHANGES, programme_id, list(profile_ids), before, limit)
    return [(row[0], _change(row[1:])) for row in rows]


async def find_change(tx: ReadTx, programme_id: UUID, profile_ids: Collection[str], as_of: datetime) -> Change | None:
    """The last change of a person until an instant."""
    row = await (await driver(tx)).fetchrow(_AS_OF, programme_id, list(profile_ids), as_of)
    return _change(row) if row else None


def _change(row: Any) -> Change:
    from_level, to_level, reason, *rest = row
    return Change(from_level, to_level, Reason(reason), *rest)


async def find_joined(tx: ReadTx, profile_ids: Collection[str]) -> set[Member]:
    """The programmes that profiles are members of."""
    return {(row[0], row[1]) for row in await (await driver(tx)).fetch(_JOINED, list(profile_ids))}


async def find_due(tx: ReadTx, now: datetime, limit: int) -> set[Member]:
    """Some of those whose time at a level is over, and who are not only stored."""
    return {(row[0], row[1]) for row in await (await driver(tx)).fetch(_DUE, now, limit)}


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
