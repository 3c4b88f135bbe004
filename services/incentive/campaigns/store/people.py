"""Shares that people followed, and who registered by them: what the reward tree is made of."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.campaigns.domain.invitations import Registration, Signup, Touch
from services.incentive.campaigns.store.rows import columns

_TREE = 0x74726565  # "tree"

_SAVE_TOUCHES = """
INSERT INTO share_touch (touch_id, visitor_id, profile_id, sharer_id, touch_time)
SELECT touch_id, visitor_id, nullif(profile_id, '')::uuid, sharer_id, touch_time
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
    AS touch (touch_id, visitor_id, profile_id, sharer_id, touch_time)
ON CONFLICT ON CONSTRAINT share_touch_pkey DO NOTHING
"""

_FORGET_TOUCHES = """
DELETE FROM share_touch WHERE touch_id IN (SELECT touch_id FROM share_touch WHERE touch_time < $1 LIMIT $2)
"""

# Oldest first, of each signup those of its device and those of its person.
_TOUCHES = """
SELECT signup.cause, touch.touch_id, touch.visitor_id, coalesce(touch.profile_id::text, ''), touch.sharer_id::text,
       touch.touch_time
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS signup (cause, visitor_id, time)
CROSS JOIN LATERAL (
    SELECT * FROM share_touch WHERE visitor_id = signup.visitor_id AND signup.visitor_id <> ''
        AND touch_time <= signup.time
    UNION
    SELECT share_touch.* FROM share_touch
    JOIN unnest($4::uuid[], $5::uuid[]) AS known (cause, profile_id) USING (profile_id)
    WHERE known.cause = signup.cause AND touch_time <= signup.time
) AS touch
ORDER BY touch.touch_time, touch.touch_id
"""

_REGISTRATION = """
SELECT profile_id::text, cause, register_time, coalesce(first_inviter_id::text, ''),
       coalesce(last_inviter_id::text, ''), first_touch_id, last_touch_id
FROM registration
"""

_FIND_REGISTRATIONS = f"{_REGISTRATION} WHERE profile_id = ANY($1::uuid[])"

_SAVE_REGISTRATIONS = """
INSERT INTO registration (profile_id, cause, register_time, first_inviter_id, last_inviter_id, first_touch_id,
                          last_touch_id)
SELECT profile_id, cause, register_time, nullif(first_id, '')::uuid, nullif(last_id, '')::uuid, first_touch, last_touch
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[], $7::uuid[])
    AS signup (profile_id, cause, register_time, first_id, last_id, first_touch, last_touch)
ON CONFLICT ON CONSTRAINT registration_pkey DO NOTHING
"""


async def save_touches(tx: Tx, touches: Sequence[Touch]) -> None:
    """Remember visits, each once."""
    if touches:
        await (await driver(tx)).execute(_SAVE_TOUCHES, *columns(touches, 5))


async def forget_touches(tx: Tx, before: datetime, limit: int) -> int:
    """Forget visits that are too old to make an inviter, no more than `limit`. Returns how many."""
    result: str = await (await driver(tx)).execute(_FORGET_TOUCHES, before, limit)
    return int(result.rpartition(" ")[2])


async def find_touches(
    tx: ReadTx, signups: Sequence[Signup], ids: Mapping[str, Collection[str]]
) -> dict[UUID, list[Touch]]:
    """The visits of each signup's device and person, oldest first. `ids` are all of a person's."""
    known = [(signup.cause, each) for signup in signups for each in sorted(ids[signup.profile_id])]
    asked = [(signup.cause, signup.visitor_id, signup.time) for signup in signups]
    touches: dict[UUID, list[Touch]] = {}
    for cause, *touch in await (await driver(tx)).fetch(_TOUCHES, *columns(asked, 3), *columns(known, 2)):
        touches.setdefault(cause, []).append(Touch(*touch))
    return touches


async def hold_tree(tx: Tx) -> None:
    """Be the only one who adds to the reward tree until the transaction ends.

    Locks on both ends of an edge would not do: four edges of which no two meet can close a circle.
    """
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _TREE)


async def find_registrations(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, Registration]:
    """The registrations of profiles, by profile."""
    if not profile_ids:
        return {}
    rows: Sequence[Any] = await (await driver(tx)).fetch(_FIND_REGISTRATIONS, list(profile_ids))
    return {row[0]: Registration(*row) for row in rows}


async def save_registrations(tx: Tx, registrations: Sequence[Registration]) -> None:
    """Write registrations down. The first of a profile stands."""
    rows = [
        (r.profile_id, r.cause, r.time, r.first_inviter_id, r.last_inviter_id, r.first_touch_id, r.last_touch_id)
        for r in registrations
    ]
    await (await driver(tx)).execute(_SAVE_REGISTRATIONS, *columns(rows, 7))
