"""What was not believed, who lost a contact, and which values name nobody."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import Tx, driver
from services.profile.identity.domain import Conflict, Origin

_SAVE = """
INSERT INTO conflict (profile_id, key, rule, type, namespace, value, owner_id, event_id, source_id, count, first_time,
                      last_time)
SELECT *, $11, $11
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::text[],
            $10::bigint[])
ON CONFLICT (profile_id, key, rule) DO UPDATE
SET count = conflict.count + excluded.count, last_time = excluded.last_time
RETURNING profile_id, key, rule, count
"""

Refusal = tuple[Conflict, Origin]


async def save_conflicts(tx: Tx, conflicts: Sequence[Refusal], *, now: datetime) -> list[Refusal]:
    """Note what was not believed: one row per person, identifier and rule, with a count. Returns those that are new."""
    if not conflicts:
        return []
    counts = Counter(map(_key, conflicts))
    latest = {_key(each): each for each in conflicts}
    rows = [_row(latest[key], counts[key]) for key in sorted(latest)]
    found = await (await driver(tx)).fetch(_SAVE, *map(list, zip(*rows, strict=True)), now)
    stored = {(row["profile_id"], row["key"].bytes, row["rule"]): row["count"] for row in found}
    return [latest[key] for key in sorted(latest) if stored[key] == counts[key]]


def _key(refusal: Refusal) -> tuple[UUID, bytes, str]:
    conflict = refusal[0]
    return conflict.profile_id, conflict.claim.key, conflict.rule


def _row(refusal: Refusal, count: int) -> tuple[object, ...]:
    conflict, origin = refusal
    claim = conflict.claim
    return (
        conflict.profile_id,
        pgproto.UUID(claim.key),
        conflict.rule,
        claim.kind.name,
        claim.namespace,
        claim.value,
        conflict.owner_id,
        origin.event_id,
        origin.source_id,
        count,
    )
