"""Every statement about consent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.consent.domain import START, Chain, Entry, Flags, Purpose

_COLUMNS = ", ".join(Entry._fields)
_OPEN = """
INSERT INTO consent_chain (profile_id, length, hash) SELECT profile_id, 0, '' FROM unnest($1::uuid[]) AS p (profile_id)
ORDER BY profile_id ON CONFLICT (profile_id) DO NOTHING
"""
_LOCK = """
SELECT profile_id, length, hash FROM consent_chain WHERE profile_id = ANY($1) ORDER BY profile_id FOR UPDATE
"""
_EXTEND = """
UPDATE consent_chain SET length = ended.length, hash = ended.hash
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS ended (profile_id, length, hash)
WHERE consent_chain.profile_id = ended.profile_id
"""
_ENTRIES = f"""
SELECT {_COLUMNS} FROM consent WHERE profile_id = ANY($1) AND ($2::timestamptz IS NULL OR consent_time <= $2)
ORDER BY profile_id, sequence
"""  # noqa: S608 (names of our own)
_PAGE = f"""
SELECT {_COLUMNS} FROM consent WHERE profile_id = ANY($1) AND consent_id < $2 ORDER BY consent_id DESC LIMIT $3
"""  # noqa: S608 (names of our own)
_LATEST = f"""
SELECT DISTINCT ON (profile_id, purpose) {_COLUMNS} FROM consent
WHERE profile_id = ANY($1) AND channel = '' AND address_hash = ''
ORDER BY profile_id, purpose, consent_time DESC, sequence DESC
"""  # noqa: S608 (names of our own)
_PUT_PURPOSE = """
INSERT INTO consent_purpose (purpose, kind, description, assessment, update_time) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (purpose) DO UPDATE SET kind = excluded.kind, description = excluded.description,
    assessment = excluded.assessment, update_time = excluded.update_time
"""
_SAVE_FLAGS = """
INSERT INTO processing (profile_id, version, is_restricted, is_personalization_off) VALUES ($1, 1, $2, $3)
ON CONFLICT (profile_id) DO UPDATE SET version = processing.version + 1, is_restricted = excluded.is_restricted,
    is_personalization_off = excluded.is_personalization_off
RETURNING version
"""

_SAVE_GATES = """
INSERT INTO processing (profile_id, version, is_restricted, is_personalization_off, sensitive, guardian)
VALUES ($1, 0, false, false, $2, $3)
ON CONFLICT (profile_id) DO UPDATE SET sensitive = excluded.sensitive, guardian = excluded.guardian
"""


async def lock_chains(tx: Tx, profile_ids: Collection[UUID]) -> dict[UUID, Chain]:
    """The ends of profiles' ledgers, held in order of id."""
    connection, ids = await driver(tx), list(profile_ids)
    await connection.execute(_OPEN, ids)
    return {row["profile_id"]: Chain(row["length"], row["hash"]) for row in await connection.fetch(_LOCK, ids)}


async def append(tx: Tx, entries: Sequence[Entry], chains: Mapping[UUID, Chain]) -> None:
    """Write entries, and where the ledgers end now."""
    connection = await driver(tx)
    await connection.copy_records_to_table("consent", records=entries, columns=Entry._fields)
    ended = [list(chains), [chain.length for chain in chains.values()], [chain.hash for chain in chains.values()]]
    await connection.execute(_EXTEND, *ended)


async def list_entries(tx: ReadTx, profile_ids: Collection[UUID], *, as_of: datetime | None = None) -> list[Entry]:
    """What was said under any of the ids, by id and in order, up to an instant."""
    rows = await (await driver(tx)).fetch(_ENTRIES, list(profile_ids), as_of)
    return [Entry._make(row) for row in rows]


async def page(tx: ReadTx, profile_ids: Collection[UUID], *, after: UUID, limit: int) -> list[Entry]:
    """What was said under any of the ids, the latest first."""
    return [Entry._make(row) for row in await (await driver(tx)).fetch(_PAGE, list(profile_ids), after, limit)]


async def latest(tx: ReadTx, profile_ids: Collection[UUID]) -> dict[tuple[UUID, str], Entry]:
    """Per profile and purpose the last word on every channel."""
    rows = await (await driver(tx)).fetch(_LATEST, list(profile_ids))
    return {(row["profile_id"], row["purpose"]): Entry._make(row) for row in rows}


async def chains_of(tx: ReadTx, profile_ids: Collection[UUID]) -> dict[UUID, Chain]:
    """Where the ledgers of profiles end."""
    rows = await (await driver(tx)).fetch(
        "SELECT profile_id, length, hash FROM consent_chain WHERE profile_id = ANY($1)", list(profile_ids)
    )
    ends = {row["profile_id"]: Chain(row["length"], row["hash"]) for row in rows}
    return {profile_id: ends.get(profile_id, START) for profile_id in profile_ids}


async def put_purpose(tx: Tx, purpose: Purpose) -> None:
    """Write what a purpose is."""
    await (await driver(tx)).execute(_PUT_PURPOSE, *purpose)


async def kind_of(tx: ReadTx, purpose: str) -> int:
    """Whether the service can do without a purpose; 0 when nobody described it."""
    kind: int | None = await (await driver(tx)).fetchval("SELECT kind FROM consent_purpose WHERE purpose = $1", purpose)
    return kind or 0


async def list_purposes(tx: ReadTx) -> list[Purpose]:
    """All purposes, by name."""
    columns = ", ".join(Purpose._fields)
    rows = await (await driver(tx)).fetch(f"SELECT {columns} FROM consent_purpose ORDER BY purpose")  # noqa: S608
    return [Purpose._make(row) for row in rows]


async def flags_of(tx: ReadTx, profile_ids: Collection[UUID]) -> dict[UUID, Flags]:
    """How profiles may be processed, as each one's own ledger says."""
    rows = await (await driver(tx)).fetch(
        "SELECT profile_id, is_restricted, is_personalization_off FROM processing WHERE profile_id = ANY($1)",
        list(profile_ids),
    )
    return {row[0]: Flags(row[1], row[2]) for row in rows}


async def save_gates(tx: Tx, profile_id: UUID, gates: Sequence[int]) -> None:
    """Write what a profile says of sensitive attributes and of a guardian."""
    await (await driver(tx)).execute(_SAVE_GATES, profile_id, *gates)


async def save_flags(tx: Tx, profile_id: UUID, flags: Flags) -> int:
    """Write how a profile may be processed. Returns the version."""
    version: int = await (await driver(tx)).fetchval(_SAVE_FLAGS, profile_id, *flags)
    return version


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Empty the network addresses of what people said; that they said it stays. Returns how many entries stay."""
    connection = await driver(tx)
    await connection.execute("DELETE FROM processing WHERE profile_id = ANY($1)", profile_ids)
    await connection.execute("UPDATE consent SET ip = '' WHERE profile_id = ANY($1) AND ip <> ''", profile_ids)
    kept: int = await connection.fetchval("SELECT count(*) FROM consent WHERE profile_id = ANY($1)", profile_ids)
    return kept
