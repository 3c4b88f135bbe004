"""The redirects of merged profiles: one hop, never a chain."""

from collections.abc import Collection, Iterable
from uuid import UUID

from chassis.caller import Caller
from chassis.db import ReadTx, Tx, driver
from chassis.errors import PermissionDenied
from logic.redirects import Edge, roots, tree
from people.erasures import erased_among
from services.incentive.subjects.domain import Lead, Person
from services.incentive.subjects.errors import ProcessingRestricted, ProfileErased

_MERGES = 0x6D657267  # "merg"

_FIND = "SELECT loser_id, survivor_id FROM redirect WHERE loser_id = ANY($1::uuid[])"

_INSERT = """
INSERT INTO merge (merge_id, loser_id, survivor_id, undone) VALUES ($1::uuid, $2::uuid, $3::uuid, false)
ON CONFLICT ON CONSTRAINT merge_pkey DO NOTHING
"""

_UNDO = """
INSERT INTO merge (merge_id, loser_id, survivor_id, undone) VALUES ($1::uuid, $2::uuid, $3::uuid, true)
ON CONFLICT ON CONSTRAINT merge_pkey DO UPDATE SET undone = true WHERE NOT merge.undone
"""

_FREE = "DELETE FROM redirect WHERE loser_id = $1::uuid"

# Of merges that were told before they were noted one by one, only the outcome is known: whom an id leads to.
_UNNOTED = "NOT EXISTS (SELECT FROM merge WHERE merge.loser_id = redirect.loser_id AND NOT undone)"

_LEAD_BACK = f"""
UPDATE redirect SET survivor_id = $1::uuid
WHERE loser_id = ANY($2::uuid[]) AND loser_id <> $1::uuid AND {_UNNOTED}
"""  # noqa: S608 (constants)

_MEMBERS = """
WITH root AS (
    SELECT coalesce(survivor_id, asked.profile_id) AS profile_id
    FROM unnest($1::uuid[]) AS asked (profile_id) LEFT JOIN redirect ON loser_id = asked.profile_id
)
SELECT profile_id::text FROM root
UNION SELECT loser_id::text FROM redirect WHERE survivor_id IN (SELECT profile_id FROM root)
"""

_EDGES = f"""
SELECT merge_id::text, loser_id::text, survivor_id::text FROM merge WHERE loser_id = ANY($1::uuid[]) AND NOT undone
UNION ALL
SELECT merge_id::text, loser_id::text, survivor_id::text FROM redirect WHERE loser_id = ANY($1::uuid[]) AND {_UNNOTED}
"""  # noqa: S608 (constants)

_LEAD = """
INSERT INTO redirect (loser_id, survivor_id, merge_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
ON CONFLICT ON CONSTRAINT redirect_pkey DO UPDATE SET survivor_id = excluded.survivor_id, merge_id = excluded.merge_id
WHERE redirect.survivor_id <> excluded.survivor_id OR redirect.merge_id <> excluded.merge_id
"""

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


async def insert_merge(tx: Tx, merge: Edge) -> bool:
    """Note a merge. Returns False when it is known, or was undone before it was told."""
    return bool(await (await driver(tx)).execute(_INSERT, *merge) == "INSERT 0 1")


async def undo_merge(tx: Tx, merge: Edge, restored_from_ids: Collection[str]) -> bool:
    """Note that a merge is undone, and let its loser stand for itself and for those who were merged into it before.

    Returns False when it was undone before.
    """
    connection = await driver(tx)
    if await connection.execute(_UNDO, *merge) != "INSERT 0 1":
        return False
    await connection.execute(_FREE, merge.loser_id)
    await connection.execute(_LEAD_BACK, merge.loser_id, list(restored_from_ids))
    return True


async def find_leads(tx: ReadTx, profile_ids: Collection[str]) -> list[Lead]:
    """Of all ids of the people who have these: whom they stand for by the merges that hold now."""
    ids, edges = await _find_edges(tx, profile_ids)
    found = {each: each for each in ids} | roots(edges)
    merges = {edge.loser_id: edge.merge_id for edge in sorted(edges)}
    return [Lead(each, root, merges.get(each, "")) for each, root in sorted(found.items())]


async def find_tree(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, Edge]:
    """Of all ids of the people who have these: the merges that hold now, by loser."""
    return tree((await _find_edges(tx, profile_ids))[1])


async def _find_edges(tx: ReadTx, profile_ids: Collection[str]) -> tuple[set[str], list[Edge]]:
    connection = await driver(tx)
    ids, more, edges = set[str](), set(profile_ids), list[Edge]()
    while more:
        ids |= more | {row[0] for row in await connection.fetch(_MEMBERS, list(more))}
        edges = [Edge(*row) for row in await connection.fetch(_EDGES, list(ids))]
        more = {edge.survivor_id for edge in edges} - ids
    return ids, edges


async def save_leads(tx: Tx, leads: Collection[Lead]) -> None:
    """Let ids lead to the people they stand for."""
    connection = await driver(tx)
    free = [lead.profile_id for lead in leads if lead.profile_id == lead.root_id]
    led = [lead for lead in leads if lead.profile_id != lead.root_id]
    await connection.execute("DELETE FROM redirect WHERE loser_id = ANY($1::uuid[])", free)
    columns = [[lead[index] for lead in led] for index in range(len(Lead._fields))]
    await connection.execute(_LEAD, *columns)


async def barred_among(tx: ReadTx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those who were erased, and those who are only stored: nothing is given to them (spec people §5.1, art. 47)."""
    return await erased_among(tx, profile_ids) | await restricted_among(tx, profile_ids)


async def restricted_among(tx: ReadTx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those who are only stored."""
    query = "SELECT profile_id FROM restriction WHERE profile_id = ANY($1) AND is_restricted"
    return {row["profile_id"] for row in await (await driver(tx)).fetch(query, list(profile_ids))}


async def restricted_people(tx: ReadTx, people: Iterable[Person]) -> set[Person]:
    """Those of the people who are only stored, under whatever id."""
    asked = set(people)
    restricted = set(map(str, await restricted_among(tx, {UUID(each) for person in asked for each in person.ids})))
    return {person for person in asked if not restricted.isdisjoint(person.ids)}


async def barred_people(tx: ReadTx, people: Iterable[Person]) -> set[Person]:
    """Those of the people who were erased or are only stored, under whatever id."""
    asked = set(people)
    barred = set(map(str, await barred_among(tx, {UUID(each) for person in asked for each in person.ids})))
    return {person for person in asked if not barred.isdisjoint(person.ids)}


async def check_processing(tx: ReadTx, profile_id: str, ids: Collection[str]) -> None:
    """Raises `ProfileErased`, or `ProcessingRestricted` when who has these ids is only stored."""
    asked = set(map(UUID, ids))
    if await erased_among(tx, asked):
        raise ProfileErased(profile_id)
    if await restricted_among(tx, asked):
        raise ProcessingRestricted(profile_id)
