"""Every statement about requests, their parts, and looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.profile.privacy import domain
from services.profile.privacy.domain import Link, Part, Request, Retention, Step
from services.profile.privacy.errors import PrivacyRequestNotFound
from services.profile.vault.domain import Vault

_FIRST_ID = UUID(int=0)
_REQUEST = ", ".join(Request._fields)
_STEP = ", ".join(Step._fields)
_PART = ", ".join(Part._fields)
_ADD_REQUEST = f"INSERT INTO privacy_request ({_REQUEST}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"  # noqa: S608
_ADD_STEPS = "INSERT INTO privacy_step (privacy_request_id, service) SELECT $1, unnest($2::text[])"
_PAGE = f"""
SELECT {_REQUEST} FROM privacy_request
WHERE privacy_request_id < $1 AND (NOT $2 OR state = 1) ORDER BY privacy_request_id DESC LIMIT $3
"""  # noqa: S608 (names of our own)
_DONE = """
UPDATE privacy_step SET counts = $3, proof_hash = $4, done_time = $5
WHERE privacy_request_id = $1 AND service = $2 AND done_time IS NULL
"""
_COMPLETE = """
UPDATE privacy_request SET state = 2, complete_time = $2, token = NULL
WHERE privacy_request_id = $1 AND state = 1
  AND NOT EXISTS (SELECT FROM privacy_step WHERE privacy_request_id = $1 AND done_time IS NULL)
"""
_ADD_PART = f"INSERT INTO bundle_part ({_PART}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"  # noqa: S608
_CANCEL = """
WITH cancelled AS (
    UPDATE privacy_request SET state = CASE WHEN state = 1 THEN 3 ELSE state END
    WHERE profile_id = ANY($1) AND type IN (1, 2) RETURNING privacy_request_id
)
DELETE FROM bundle_part WHERE privacy_request_id IN (SELECT privacy_request_id FROM cancelled)
"""
_LINK = ", ".join(Link._fields)
_ADD_LINK = f"INSERT INTO bundle_link ({_LINK}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608 (names of our own)
_END_LINKS = "UPDATE bundle_link SET end_time = $2 WHERE privacy_request_id = $1 AND end_time IS NULL"
_FORGET_LINKS = """
DELETE FROM bundle_link WHERE privacy_request_id IN (
    SELECT privacy_request_id FROM privacy_request WHERE create_time < $1
)
"""
_EXPIRE = """
DELETE FROM bundle_part WHERE privacy_request_id IN (
    SELECT privacy_request_id FROM privacy_request WHERE create_time < $1
)
"""
_PUT_RETENTION = """
INSERT INTO retention (class, days, actor, update_time) VALUES ($1, $2, $3, $4)
ON CONFLICT (class) DO UPDATE SET days = excluded.days, actor = excluded.actor, update_time = excluded.update_time
"""
_HOLD_RESEALING = "SELECT version, after, is_done, is_keyed FROM resealing WHERE name = $1 FOR UPDATE"
_BEGIN_RESEALING = (
    "INSERT INTO resealing (name, version, after, is_done) VALUES ($1, 0, $2, true) ON CONFLICT DO NOTHING"
)
_SAVE_RESEALING = """
UPDATE resealing SET version = $2, after = coalesce($3, after), is_done = $3 IS NULL,
    is_keyed = is_keyed OR $3 IS NULL WHERE name = $1
"""
_NEXT_BUNDLE = "SELECT min(privacy_request_id::text)::uuid FROM bundle_part WHERE privacy_request_id > $1"
_STALE_PARTS = "SELECT service, number FROM bundle_part WHERE privacy_request_id = $1 AND NOT starts_with(lines, $2)"
_SEALED_PART = """
SELECT lines FROM bundle_part WHERE privacy_request_id = $1 AND service = $2 AND number = $3 FOR UPDATE
"""
_RESEAL_PART = "UPDATE bundle_part SET lines = $4 WHERE privacy_request_id = $1 AND service = $2 AND number = $3"
_SILENT = """
SELECT profile_id FROM profile
WHERE create_time < $1
  AND NOT EXISTS (SELECT FROM redirect WHERE loser_id = profile.profile_id)
  AND NOT EXISTS (SELECT FROM identifier WHERE identifier.profile_id = profile.profile_id AND last_seen_time >= $1)
  AND NOT EXISTS (SELECT FROM event WHERE event.profile_id = profile.profile_id AND timestamp >= $1)
  AND NOT EXISTS (
      SELECT FROM redirect JOIN event ON event.profile_id = redirect.loser_id
      WHERE redirect.survivor_id = profile.profile_id AND timestamp >= $1
  )
  AND EXISTS (SELECT FROM identifier WHERE identifier.profile_id = profile.profile_id)
LIMIT 1
"""

_counts = msgspec.json.Decoder(dict[str, int])


async def add_request(tx: Tx, request: Request, services: Sequence[str]) -> None:
    """Write a request, with a step for each service."""
    connection = await driver(tx)
    await connection.execute(_ADD_REQUEST, *request)
    await connection.execute(_ADD_STEPS, request.privacy_request_id, list(services))


async def get_request(tx: ReadTx, privacy_request_id: UUID) -> Request:
    """Read a request. Raises `PrivacyRequestNotFound`."""
    return await _request(tx, privacy_request_id, "")


async def lock_request(tx: Tx, privacy_request_id: UUID) -> Request:
    """Read a request and hold it until the transaction ends. Raises `PrivacyRequestNotFound`."""
    return await _request(tx, privacy_request_id, "FOR UPDATE")


async def _request(tx: ReadTx, privacy_request_id: UUID, lock: str) -> Request:
    query = f"SELECT {_REQUEST} FROM privacy_request WHERE privacy_request_id = $1 {lock}"  # noqa: S608
    row = await (await driver(tx)).fetchrow(query, privacy_request_id)
    if row is None:
        raise PrivacyRequestNotFound(privacy_request_id)
    return Request._make(row)


async def page(tx: ReadTx, *, after: UUID, open_only: bool, limit: int) -> list[Request]:
    """Requests, the latest first."""
    return [Request._make(row) for row in await (await driver(tx)).fetch(_PAGE, after, open_only, limit)]


async def steps_of(tx: ReadTx, privacy_request_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    """The steps of requests, by service."""
    rows = await (await driver(tx)).fetch(
        f"SELECT {_STEP} FROM privacy_step WHERE privacy_request_id = ANY($1) ORDER BY service",  # noqa: S608
        privacy_request_ids,
    )
    found: dict[UUID, list[Step]] = {each: [] for each in privacy_request_ids}
    for row in rows:
        found[row["privacy_request_id"]].append(Step._make(row)._replace(counts=_counts.decode(row["counts"])))
    return found


async def save_done(
    tx: Tx,
    privacy_request_id: UUID,
    service: str,
    counts: Mapping[str, int],
    proof_hash: str,
    *,
    done: datetime | None = None,
    now: datetime,
) -> None:
    """Note that a service did its part, at `done` or else now; the request is complete with the last one."""
    connection, told = await driver(tx), msgspec.json.encode(counts).decode()
    await connection.execute(_DONE, privacy_request_id, service, told, proof_hash, done or now)
    await connection.execute(_COMPLETE, privacy_request_id, now)


async def add_part(tx: Tx, part: Part) -> int:
    """Write a part of a bundle, once. Returns how many parts of its service there are."""
    connection = await driver(tx)
    await connection.execute(_ADD_PART, *part)
    count: int = await connection.fetchval(
        "SELECT count(*) FROM bundle_part WHERE privacy_request_id = $1 AND service = $2",
        part.privacy_request_id,
        part.service,
    )
    return count


async def list_parts(tx: ReadTx, privacy_request_id: UUID) -> list[Part]:
    """The parts of a bundle, without their lines."""
    rows = await (await driver(tx)).fetch(
        f"SELECT {_PART.removesuffix(', lines')}, '' AS lines FROM bundle_part"  # noqa: S608
        " WHERE privacy_request_id = $1 ORDER BY service, number",
        privacy_request_id,
    )
    return [Part._make(row) for row in rows]


async def get_part(tx: ReadTx, privacy_request_id: UUID, service: str, number: int) -> Part:
    """A part of a bundle. Raises `PrivacyRequestNotFound`."""
    row = await (await driver(tx)).fetchrow(
        f"SELECT {_PART} FROM bundle_part WHERE privacy_request_id = $1 AND service = $2 AND number = $3",  # noqa: S608
        privacy_request_id,
        service,
        number,
    )
    if row is None:
        raise PrivacyRequestNotFound(privacy_request_id)
    return Part._make(row)


async def cancel_bundles(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Drop the bundles of erased people. Returns how many parts that was."""
    done: str = await (await driver(tx)).execute(_CANCEL, profile_ids)
    return int(done.rpartition(" ")[2])


async def expire_bundles(tx: Tx, before: datetime) -> None:
    """Drop the bundles of requests that were made before an instant."""
    connection = await driver(tx)
    await connection.execute(_EXPIRE, before)
    await connection.execute(_FORGET_LINKS, before)


async def add_link(tx: Tx, link: Link) -> None:
    """Write a link; earlier ones of its request end."""
    connection = await driver(tx)
    await connection.execute(_END_LINKS, link.privacy_request_id, link.create_time)
    await connection.execute(_ADD_LINK, *link)


async def lock_link(tx: Tx, token_hash: bytes) -> Link | None:
    """Read a link and hold it until the transaction ends."""
    query = f"SELECT {_LINK} FROM bundle_link WHERE token_hash = $1 FOR UPDATE"  # noqa: S608 (names of our own)
    row = await (await driver(tx)).fetchrow(query, token_hash)
    return Link._make(row) if row else None


async def save_attempt(tx: Tx, token_hash: bytes, attempt: int) -> None:
    """Note which download of a link is running."""
    await (await driver(tx)).execute("UPDATE bundle_link SET attempt = $2 WHERE token_hash = $1", token_hash, attempt)


async def end_link(tx: Tx, token_hash: bytes, now: datetime) -> None:
    """Note that a link was used."""
    await (await driver(tx)).execute("UPDATE bundle_link SET end_time = $2 WHERE token_hash = $1", token_hash, now)


async def put_retention(tx: Tx, retention: Retention) -> None:
    """Write how long a class of things is kept."""
    await (await driver(tx)).execute(_PUT_RETENTION, *retention)


async def list_retentions(tx: ReadTx) -> list[Retention]:
    """How long what is kept, by class."""
    rows = await (await driver(tx)).fetch("SELECT class, days, actor, update_time FROM retention ORDER BY class")
    return [Retention._make(row) for row in rows]


async def find_silent(tx: ReadTx, before: datetime) -> UUID | None:
    """Somebody of whom nothing was heard since an instant, under no id; None when there is nobody."""
    found: UUID | None = await (await driver(tx)).fetchval(_SILENT, before)
    return found


async def reseal_parts(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew the next bundle, where an earlier key did, part by part, as one may be large. Returns its request."""
    connection = await driver(tx)
    request_id: UUID | None = await connection.fetchval(_NEXT_BUNDLE, after)
    if request_id is None:
        return None
    for part in await connection.fetch(_STALE_PARTS, request_id, vault.mark):
        lines = await connection.fetchval(_SEALED_PART, request_id, *part)
        if lines is not None:
            about = domain.about(request_id, *part)
            await connection.execute(_RESEAL_PART, request_id, *part, vault.seal(vault.unseal(lines, about), about))
    return request_id


async def hold_resealing(tx: Tx, name: str, version: int, *, unkeyed_only: bool) -> UUID | None:
    """Be the only one who seals a table anew until the transaction ends.

    Returns after which row to go on; None if all of it is sealed with this version of the key, or a later one.
    `unkeyed_only`: or once was sealed at all.
    """
    connection = await driver(tx)
    await connection.execute(_BEGIN_RESEALING, name, _FIRST_ID)
    reached, after, is_done, is_keyed = await connection.fetchrow(_HOLD_RESEALING, name)
    if (unkeyed_only and is_keyed) or reached > version or (reached == version and is_done):
        return None
    return after if reached == version else _FIRST_ID


async def save_resealing(tx: Tx, name: str, version: int, last: UUID | None) -> None:
    """Note that a table is sealed up to a row, or all of it."""
    await (await driver(tx)).execute(_SAVE_RESEALING, name, version, last)
