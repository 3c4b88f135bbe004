"""What is known of each person."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.attributes import domain
from services.profile.attributes.domain import Known

_READ = "SELECT profile_id, facts, version, update_time FROM attribute_set WHERE profile_id = ANY($1)"
_SAVE = """
INSERT INTO attribute_set (profile_id, facts, version, update_time)
SELECT profile_id, facts, version, $4
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS known (profile_id, facts, version)
ON CONFLICT (profile_id) DO UPDATE
SET facts = excluded.facts, version = excluded.version, update_time = excluded.update_time
"""


async def known_of(tx: ReadTx, profile_ids: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of some people. Nothing is known of those who are not in the answer.

    Whoever wants to change it holds the people's rows.
    """
    if not profile_ids:
        return {}
    rows = await (await driver(tx)).fetch(_READ, list(profile_ids))
    return {row["profile_id"]: Known(domain.decode(row["facts"]), row["version"], row["update_time"]) for row in rows}


async def save(tx: Tx, known: Sequence[tuple[UUID, Known]], *, now: datetime) -> None:
    """Write what is known of people whose rows are held."""
    if not known:
        return
    facts = [domain.encode(each.facts) for _, each in known]
    ids, versions = [profile_id for profile_id, _ in known], [each.version for _, each in known]
    await (await driver(tx)).execute(_SAVE, ids, facts, versions, now)


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Delete what is known of people. Returns how many it was something of."""
    done: str = await (await driver(tx)).execute("DELETE FROM attribute_set WHERE profile_id = ANY($1)", profile_ids)
    return int(done.rpartition(" ")[2])
