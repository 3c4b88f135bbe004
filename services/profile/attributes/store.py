"""What is known of each person."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.attributes import domain
from services.profile.attributes.domain import Known
from services.profile.vault.domain import Vault

_READ = "SELECT profile_id, facts, version, update_time FROM attribute_set WHERE profile_id = ANY($1)"
_AFTER = """
SELECT profile_id FROM attribute_set
WHERE profile_id > $1 AND NOT EXISTS (SELECT FROM redirect WHERE loser_id = profile_id) ORDER BY profile_id LIMIT $2
"""
_SAVE = """
INSERT INTO attribute_set (profile_id, facts, version, update_time)
SELECT profile_id, facts, version, $4
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS known (profile_id, facts, version)
ON CONFLICT (profile_id) DO UPDATE
SET facts = excluded.facts, version = excluded.version, update_time = excluded.update_time
"""


async def known_of(tx: ReadTx, vault: Vault, profile_ids: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of some people. Nothing is known of those who are not in the answer.

    Whoever wants to change it holds the people's rows.
    """
    if not profile_ids:
        return {}
    rows = await (await driver(tx)).fetch(_READ, list(profile_ids))
    return {row["profile_id"]: _known(vault, row) for row in rows}


def _known(vault: Vault, row: Any) -> Known:
    facts = vault.unseal(row["facts"], row["profile_id"].bytes)
    return Known(domain.decode(facts), row["version"], row["update_time"])


async def save(tx: Tx, vault: Vault, known: Sequence[tuple[UUID, Known]], *, now: datetime) -> None:
    """Write what is known of people whose rows are held. It is sealed."""
    if not known:
        return
    facts = [vault.seal(domain.encode(each.facts), profile_id.bytes) for profile_id, each in known]
    ids, versions = [profile_id for profile_id, _ in known], [each.version for _, each in known]
    await (await driver(tx)).execute(_SAVE, ids, facts, versions, now)


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Delete what is known of people. Returns how many it was something of."""
    done: str = await (await driver(tx)).execute("DELETE FROM attribute_set WHERE profile_id = ANY($1)", profile_ids)
    return int(done.rpartition(" ")[2])


async def list_after(tx: ReadTx, after: UUID, *, limit: int) -> list[UUID]:
    """People who are not merged into others and of whom something is known, in order of id."""
    rows = await (await driver(tx)).fetch(_AFTER, after, limit)
    return [row["profile_id"] for row in rows]
