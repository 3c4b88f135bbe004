"""What was not believed, who lost a contact, and which values name nobody."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import Tx, driver
from services.profile.identity.domain import Conflict, Origin
from services.profile.identity.store import forms
from services.profile.vault.domain import Vault

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


async def save_conflicts(tx: Tx, vault: Vault, conflicts: Sequence[Refusal], *, now: datetime) -> list[Refusal]:
    """Note what was not believed: one row per person, identifier and rule, with a count. Returns those that are new."""
    if not conflicts:
        return []
    keyed = [(_key(vault, each), each) for each in conflicts]
    counts, latest = Counter(key for key, _ in keyed), dict(keyed)
    rows = [_row(vault, latest[key], counts[key]) for key in sorted(latest)]
    found = await (await driver(tx)).fetch(_SAVE, *map(list, zip(*rows, strict=True)), now)
    stored = {(row["profile_id"], row["key"].bytes, row["rule"]): row["count"] for row in found}
    return [latest[key] for key in sorted(latest) if stored[key] == counts[key]]


def _key(vault: Vault, refusal: Refusal) -> tuple[UUID, bytes, str]:
    conflict = refusal[0]
    return conflict.profile_id, vault.index(conflict.claim.key), conflict.rule


def _row(vault: Vault, refusal: Refusal, count: int) -> tuple[object, ...]:
    conflict, origin = refusal
    claim, stored = conflict.claim, pgproto.UUID(vault.index(conflict.claim.key))
    return (
        conflict.profile_id,
        stored,
        conflict.rule,
        claim.kind.name,
        claim.namespace,
        forms.seal_refused(vault, conflict.profile_id, stored, conflict.rule, claim.value),
        conflict.owner_id,
        origin.event_id,
        origin.source_id,
        count,
    )
