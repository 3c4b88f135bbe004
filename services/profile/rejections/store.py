"""Every statement about events that were not stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.rejections.domain import Filter, Rejection
from services.profile.vault import store as vaults
from services.profile.vault.domain import Vault
from services.profile.vault.store import Column

_SHOWN = ", ".join(Rejection._fields)
# In order of digest, so that two batches with the same events wait for each other instead of locking each other out.
_ADD = """
INSERT INTO rejection AS held (rejection_id, source_id, reason, detail, message_id, raw, raw_size, digest, names,
    seen_count, create_time, last_seen_time)
SELECT rejection_id, source_id, reason, detail, message_id, raw, raw_size, digest, names::uuid[], seen_count,
    create_time, last_seen_time
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::uuid[],
    $9::text[], $10::bigint[], $11::timestamptz[], $12::timestamptz[]) WITH ORDINALITY
    AS added (rejection_id, source_id, reason, detail, message_id, raw, raw_size, digest, names, seen_count,
        create_time, last_seen_time, place)
ORDER BY place
ON CONFLICT (digest) DO UPDATE SET
    seen_count = held.seen_count + excluded.seen_count,
    last_seen_time = greatest(held.last_seen_time, excluded.last_seen_time)
"""
_PAGE = f"""
SELECT {_SHOWN} FROM rejection
WHERE rejection_id < $1 AND ($2 = '' OR source_id = $2) AND ($3 = '' OR reason = $3)
  AND create_time >= coalesce($4, '-infinity'::timestamptz) AND create_time < coalesce($5, 'infinity'::timestamptz)
ORDER BY rejection_id DESC LIMIT $6
"""  # noqa: S608 (names of our own)
_FORGET_OLDER = """
DELETE FROM rejection WHERE rejection_id = ANY(ARRAY(
    SELECT rejection_id FROM rejection WHERE last_seen_time < $1 ORDER BY last_seen_time LIMIT $2
))
"""

_RAW = Column("rejection", "rejection_id", "raw", lambda rejection_id: b"r" + rejection_id.bytes)


async def add(tx: Tx, vault: Vault, rejections: Sequence[Rejection]) -> None:
    """Write down what was not stored; what was written down before is counted. What came is sealed."""
    if not rejections:
        return
    columns = {name: [getattr(each, name) for each in rejections] for name in Rejection._fields}
    columns["raw"] = [_seal(vault, each) for each in rejections]
    columns["names"] = [f"{{{','.join(map(str, each.names))}}}" for each in rejections]
    await (await driver(tx)).execute(_ADD, *columns.values())


def _seal(vault: Vault, rejection: Rejection) -> str:
    return vault.seal(rejection.raw, b"r" + rejection.rejection_id.bytes) if rejection.raw else ""


async def page(tx: ReadTx, vault: Vault, wanted: Filter, *, after: UUID, limit: int) -> list[Rejection]:
    """Rejections, those first that came last."""
    rows = await (await driver(tx)).fetch(_PAGE, after, *wanted, limit)
    return [_rejection(vault, row) for row in rows]


def _rejection(vault: Vault, row: Any) -> Rejection:
    rejection = Rejection._make(row)
    return rejection._replace(raw=vault.unseal(rejection.raw, b"r" + rejection.rejection_id.bytes))


async def reseal(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew what came, where an earlier key sealed it. Returns the last that was seen."""
    return await vaults.reseal(tx, vault, _RAW, after, limit=limit)


async def forget(tx: Tx, names: Sequence[UUID]) -> int:
    """Delete what was not stored of people, given by what stands for their identifiers. Returns how many that was."""
    done: str = await (await driver(tx)).execute("DELETE FROM rejection WHERE names && $1::uuid[]", names)
    return int(done.rpartition(" ")[2])


async def forget_older(tx: Tx, before: datetime, *, limit: int) -> int:
    """Delete at most `limit` that came last before an instant. Returns how many that was."""
    done: str = await (await driver(tx)).execute(_FORGET_OLDER, before, limit)
    return int(done.rpartition(" ")[2])
