"""Which rows of imports have had their effect."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx, driver

_READ = "SELECT key, fingerprint, profile_id FROM import_row WHERE key = ANY($1)"
_SAVE = """
INSERT INTO import_row (key, fingerprint, profile_id, import_time)
SELECT key, fingerprint, profile_id, $4 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
       AS row (key, fingerprint, profile_id) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET fingerprint = excluded.fingerprint, profile_id = excluded.profile_id, import_time = excluded.import_time
"""


class Imported(NamedTuple):
    """A row that has had its effect: a hash of its content, and whom it was about."""

    fingerprint: UUID
    profile_id: UUID


async def imported(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, Imported]:
    """Those of the rows that have had their effect, by key."""
    rows = await (await driver(tx)).fetch(_READ, list(keys))
    return {row["key"]: Imported(row["fingerprint"], row["profile_id"]) for row in rows}


async def save_imported(tx: Tx, rows: Mapping[UUID, Imported], *, now: datetime) -> None:
    """Note that rows have had their effect."""
    if rows:
        columns = list(rows), [row.fingerprint for row in rows.values()], [row.profile_id for row in rows.values()]
        await (await driver(tx)).execute(_SAVE, *columns, now)
