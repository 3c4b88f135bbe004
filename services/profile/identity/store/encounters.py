"""What is kept of who named whom, so that it can be decided again: evidence without events, and encounters."""

from collections.abc import Collection, Sequence
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import Tx, driver
from chassis.ids import new_id
from services.profile.identity.domain import Evidence
from services.profile.identity.store.writes import execute
from services.profile.vault.domain import Vault

_MEET = """
INSERT INTO encounter (key, profile_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING
"""
_COLUMNS = "evidence_id", "profile_id", "source_id", "trust", "identifiers", "proven", "time"


async def save_encounters(tx: Tx, vault: Vault, met: Collection[tuple[bytes, UUID]]) -> None:
    """Note by which identifiers people were named that are not theirs."""
    keyed = {(vault.index(key), profile_id) for key, profile_id in met}
    await execute(tx, _MEET, [(pgproto.UUID(key), profile_id) for key, profile_id in sorted(keyed)])


async def save_evidence(tx: Tx, vault: Vault, said: Sequence[tuple[Evidence, UUID]]) -> None:
    """Write down what was said without an event, with who it was about."""
    rows = [_row(vault, evidence, profile_id) for evidence, profile_id in said]
    if rows:
        await (await driver(tx)).copy_records_to_table("evidence", records=rows, columns=_COLUMNS)


def _row(vault: Vault, evidence: Evidence, profile_id: UUID) -> tuple[object, ...]:
    keys = b"".join(vault.index(claim.key) for claim in evidence.claims)
    origin = evidence.origin
    return new_id(), profile_id, origin.source_id, origin.trust, keys, evidence.proven(), origin.time
