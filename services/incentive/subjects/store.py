"""The redirects of merged profiles: one hop, never a chain."""

from collections.abc import Collection

from chassis.caller import Caller
from chassis.db import ReadTx, Tx, driver
from chassis.errors import PermissionDenied

_FIND = "SELECT loser_id, survivor_id FROM redirect WHERE loser_id = ANY($1::uuid[])"

_INSERT = """
INSERT INTO redirect (loser_id, survivor_id, merge_id) VALUES ($1::uuid, $2::uuid, $3::uuid)
ON CONFLICT ON CONSTRAINT redirect_pkey DO UPDATE SET survivor_id = excluded.survivor_id, merge_id = excluded.merge_id
"""

_COMPRESS = "UPDATE redirect SET survivor_id = $2::uuid WHERE survivor_id = $1::uuid"

_SAME = """
SELECT $1::uuid::text UNION SELECT loser_id::text FROM redirect WHERE survivor_id = $1::uuid
"""


async def find_survivors(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, str]:
    """The survivor of each profile that was merged into another; the others are left out."""
    if not profile_ids:
        return {}
    rows = await (await driver(tx)).fetch(_FIND, list(profile_ids))
    return {str(loser): str(survivor) for loser, survivor in rows}


async def resolve(tx: ReadTx, profile_id: str) -> str:
    """The profile that stands for `profile_id` now."""
    return (await find_survivors(tx, [profile_id])).get(profile_id, profile_id)


async def check_own(tx: ReadTx, caller: Caller, profile_id: str) -> None:
    """Raises `PermissionDenied` when a shopper asks for another person. `profile_id` is resolved."""
    if caller.profile_id and await resolve(tx, caller.profile_id) != profile_id:
        raise PermissionDenied("this is another person's")


async def list_ids(tx: ReadTx, profile_id: str) -> list[str]:
    """The profile and all that were merged into it."""
    rows = await (await driver(tx)).fetch(_SAME, profile_id)
    return [row[0] for row in rows]


async def save_merge(tx: Tx, *, loser_id: str, survivor_id: str, merge_id: str) -> None:
    """Redirect the loser, and all that were redirected to it, to the survivor."""
    connection = await driver(tx)
    await connection.execute(_INSERT, loser_id, survivor_id, merge_id)
    await connection.execute(_COMPRESS, loser_id, survivor_id)
