"""The redirects of merged profiles: one hop, never a chain."""

from collections.abc import Collection

from chassis.caller import Caller
from chassis.db import ReadTx, Tx, driver
from chassis.errors import PermissionDenied
from services.incentive.subjects.domain import Person

_MERGES = 0x6D657267  # "merg"

_FIND = "SELECT loser_id, survivor_id FROM redirect WHERE loser_id = ANY($1::uuid[])"

_INSERT = """
INSERT INTO redirect (loser_id, survivor_id, merge_id) VALUES ($1::uuid, $2::uuid, $3::uuid)
ON CONFLICT ON CONSTRAINT redirect_pkey DO UPDATE SET survivor_id = excluded.survivor_id, merge_id = excluded.merge_id
"""

_COMPRESS = "UPDATE redirect SET survivor_id = $2::uuid WHERE survivor_id = $1::uuid"

_SAME = """
SELECT $1::uuid::text UNION SELECT loser_id::text FROM redirect WHERE survivor_id = $1::uuid
"""

_PEOPLE = """
WITH wanted AS (
    SELECT asked.profile_id, coalesce(redirect.survivor_id, asked.profile_id) AS survivor_id
    FROM unnest($1::uuid[]) AS asked (profile_id) LEFT JOIN redirect ON redirect.loser_id = asked.profile_id
)
SELECT wanted.profile_id::text, wanted.survivor_id::text, array_remove(array_agg(redirect.loser_id::text), NULL)
FROM wanted LEFT JOIN redirect ON redirect.survivor_id = wanted.survivor_id
GROUP BY wanted.profile_id, wanted.survivor_id
"""


async def find_people(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, Person]:
    """The person behind each profile."""
    rows = await (await driver(tx)).fetch(_PEOPLE, list(profile_ids))
    return {asked: Person(survivor, frozenset((survivor, *losers))) for asked, survivor, losers in rows}


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


def check_brand(caller: Caller) -> None:
    """Raises `PermissionDenied` for a caller that is bound to a store: what is asked for is not the store's own."""
    if caller.store_id:
        raise PermissionDenied("this is not the store's own")


async def list_ids(tx: ReadTx, profile_id: str) -> list[str]:
    """The profile and all that were merged into it."""
    rows = await (await driver(tx)).fetch(_SAME, profile_id)
    return [row[0] for row in rows]


async def hold_merges(tx: Tx) -> None:
    """Be the only one who merges until the transaction ends: of two merges at once that share a person, neither would
    see the other, and their redirects would make a chain."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _MERGES)


async def save_merge(tx: Tx, *, loser_id: str, survivor_id: str, merge_id: str) -> None:
    """Redirect the loser, and all that were redirected to it, to the survivor."""
    connection = await driver(tx)
    await connection.execute(_INSERT, loser_id, survivor_id, merge_id)
    await connection.execute(_COMPRESS, loser_id, survivor_id)
