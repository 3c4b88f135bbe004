"""What claims are decided by: who has how many, tallies of limits, bonds between people; and look-ups of codes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.coupons.domain.claims import Owned, TallyKey

CLUSTER_MAX = 1_000

_OWNED = """
SELECT template_id, profile_id::text, count(*) FILTER (WHERE NOT restocked)::integer, max(number)
FROM coupon WHERE (template_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) GROUP BY 1, 2
"""

_TALLIES = """
SELECT tally.template_id, tally.scope, tally.begin_day, tally.subject, tally.coupons
FROM coupon_tally AS tally JOIN unnest($1::uuid[], $2::text[], $3::date[], $4::text[])
    AS wanted (template_id, scope, begin_day, subject) USING (template_id, scope, begin_day, subject)
"""

_MOVE_TALLIES = """
INSERT INTO coupon_tally (template_id, scope, begin_day, subject, coupons)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::integer[])
ON CONFLICT ON CONSTRAINT coupon_tally_pkey DO UPDATE SET coupons = coupon_tally.coupons + excluded.coupons
"""

_GIVE_BACK = """
UPDATE coupon_tally AS tally SET coupons = tally.coupons - back.coupons
FROM unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::integer[])
    AS back (template_id, scope, begin_day, subject, coupons)
WHERE (tally.template_id, tally.scope, tally.begin_day, tally.subject)
    = (back.template_id, back.scope, back.begin_day, back.subject)
"""

_BIND = """
INSERT INTO coupon_bond (template_id, bond, profile_id) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[])
ON CONFLICT ON CONSTRAINT coupon_bond_pkey DO NOTHING
"""

# Everybody whom a chain of bonds connects, merged profiles included.
_CLUSTER = """
WITH RECURSIVE cluster (profile_id) AS (
    SELECT unnest($2::uuid[])
    UNION
    SELECT other.profile_id
    FROM cluster JOIN coupon_bond AS mine ON mine.template_id = $1 AND mine.profile_id = cluster.profile_id
    JOIN coupon_bond AS other ON other.template_id = $1 AND other.bond = mine.bond
)
SELECT profile_id::text FROM cluster LIMIT $3
"""

# The generic cell rate algorithm in one statement: a row per person, and no row comes back for one who must wait.
_LOOK_UP = """
INSERT INTO coupon_lookup AS seen (profile_id, due_time) VALUES ($1::uuid, $2::timestamptz + $3::interval)
ON CONFLICT ON CONSTRAINT coupon_lookup_pkey DO UPDATE SET due_time = greatest(seen.due_time, $2) + $3
WHERE seen.due_time - $2 <= $4::interval
RETURNING due_time
"""

_DUE = "SELECT due_time FROM coupon_lookup WHERE profile_id = $1::uuid"


async def find_owned(tx: ReadTx, pairs: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], Owned]:
    """What profiles have of templates."""
    templates, profiles = [list(column) for column in zip(*pairs, strict=True)] if pairs else ([], [])
    rows = await (await driver(tx)).fetch(_OWNED, templates, profiles)
    return {(row[0], row[1]): Owned(row[2], row[3]) for row in rows}


async def find_tallies(tx: ReadTx, keys: Collection[TallyKey]) -> dict[TallyKey, int]:
    """The tallies of these keys that are not zero."""
    if not keys:
        return {}
    rows = await (await driver(tx)).fetch(_TALLIES, *(list(column) for column in zip(*keys, strict=True)))
    return {TallyKey(*tuple(row)[:4]): row[4] for row in rows}


async def add_tallies(tx: Tx, gained: Mapping[TallyKey, int]) -> None:
    """Count what was given out. The templates are held."""
    if gained:
        rows = [(*key, count) for key, count in sorted(gained.items())]
        await (await driver(tx)).execute(_MOVE_TALLIES, *(list(column) for column in zip(*rows, strict=True)))


async def give_tallies_back(tx: Tx, back: Mapping[TallyKey, int]) -> None:
    """Count what was taken back. The templates are held."""
    if back:
        rows = [(*key, count) for key, count in sorted(back.items())]
        await (await driver(tx)).execute(_GIVE_BACK, *(list(column) for column in zip(*rows, strict=True)))


async def bind(tx: Tx, rows: Sequence[tuple[UUID, bytes, str]]) -> None:
    """Remember which bonds profiles have, by template."""
    if rows:
        await (await driver(tx)).execute(_BIND, *(list(column) for column in zip(*sorted(rows), strict=True)))


async def find_cluster(tx: ReadTx, template_id: UUID, profile_ids: Collection[str]) -> list[str]:
    """The profiles of everybody who is bound to these, themselves included."""
    rows = await (await driver(tx)).fetch(_CLUSTER, template_id, list(profile_ids), CLUSTER_MAX)
    return [row[0] for row in rows]


async def admit_lookup(
    tx: Tx, profile_id: str, *, every: timedelta, burst: int, now: datetime, count: int = 1
) -> timedelta | None:
    """Count look-ups of a person's; None when they are let through, else for how long to wait."""
    connection = await driver(tx)
    tolerance = every * (burst - count)
    if await connection.fetchval(_LOOK_UP, profile_id, now, every * count, tolerance) is not None:
        return None
    due: datetime = await connection.fetchval(_DUE, profile_id)
    return max(timedelta(), due - now - tolerance)
