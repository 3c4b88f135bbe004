"""Every statement about merges and redirects, and about who is only stored."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from logic.redirects import Edge, roots
from people.restrictions import RESTRICTED

_MERGE_LOCK = 0x6D657267  # "merg"

_INSERT = """
INSERT INTO merge (merge_id, loser_id, survivor_id, undone) VALUES ($1::uuid, $2::uuid, $3::uuid, false)
ON CONFLICT ON CONSTRAINT merge_pkey DO NOTHING
"""
_UNDO = """
INSERT INTO merge (merge_id, loser_id, survivor_id, undone) VALUES ($1::uuid, $2::uuid, $3::uuid, true)
ON CONFLICT ON CONSTRAINT merge_pkey DO UPDATE SET undone = true WHERE NOT merge.undone
"""
# Of merges that were told before they were noted one by one, only the outcome is known: whom an id leads to.
_UNNOTED = "NOT EXISTS (SELECT FROM merge WHERE merge.loser_id = redirect.loser_id AND NOT undone)"
_LEAD_BACK = f"""
UPDATE redirect SET survivor_id = $1::uuid WHERE loser_id = ANY($2::uuid[]) AND loser_id <> $1::uuid AND {_UNNOTED}
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
SELECT loser_id::text, loser_id::text, survivor_id::text FROM redirect WHERE loser_id = ANY($1::uuid[]) AND {_UNNOTED}
"""  # noqa: S608 (constants)
_LEAD = """
INSERT INTO redirect (loser_id, survivor_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])
ON CONFLICT ON CONSTRAINT redirect_pkey DO UPDATE SET survivor_id = excluded.survivor_id
WHERE redirect.survivor_id <> excluded.survivor_id
"""


async def survivors(tx: ReadTx, profile_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Who each of the people is after merges. One who was not merged away is himself."""
    ids = set(profile_ids)
    rows = await (await driver(tx)).fetch(
        "SELECT loser_id, survivor_id FROM redirect WHERE loser_id = ANY($1)", list(ids)
    )
    return {id_: id_ for id_ in ids} | {row["loser_id"]: row["survivor_id"] for row in rows}


async def one_person(tx: ReadTx, profile_id: UUID) -> list[UUID]:
    """All ids that a person ever had, the surviving one first."""
    survivor = (await survivors(tx, [profile_id]))[profile_id]
    rows = await (await driver(tx)).fetch("SELECT loser_id FROM redirect WHERE survivor_id = $1", survivor)
    return [survivor, *(row["loser_id"] for row in rows)]


async def everybody(tx: ReadTx, profile_ids: Iterable[str]) -> list[UUID]:
    """All ids of the people who have these, in order."""
    return sorted(UUID(row[0]) for row in await (await driver(tx)).fetch(_MEMBERS, sorted(set(profile_ids))))


async def hold_people(tx: Tx) -> None:
    """Have nobody merge or unmerge until the transaction ends; others may do this too. Held before any row."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock_shared($1)", _MERGE_LOCK)


async def hold_merges(tx: Tx) -> None:
    """Be the only one who merges and unmerges until the transaction ends."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _MERGE_LOCK)


async def merge(tx: Tx, edge: Edge) -> None:
    """Have a merge hold, unless it is known, or was undone before it was told. Merges are held."""
    if await (await driver(tx)).execute(_INSERT, *edge) == "INSERT 0 1":
        await _save(tx, await _leads(tx, (edge.loser_id, edge.survivor_id)))


async def unmerge(tx: Tx, edge: Edge, restored_from_ids: Collection[str]) -> None:
    """Have a merge hold no more, told before or not: its loser stands for itself and for those who were merged into it
    before. Merges are held."""
    connection = await driver(tx)
    if await connection.execute(_UNDO, *edge) != "INSERT 0 1":
        return
    await connection.execute("DELETE FROM redirect WHERE loser_id = $1::uuid", edge.loser_id)
    await connection.execute(_LEAD_BACK, edge.loser_id, list(restored_from_ids))
    await _save(tx, await _leads(tx, (edge.loser_id, edge.survivor_id, *restored_from_ids)))


async def _leads(tx: ReadTx, profile_ids: Collection[str]) -> dict[str, str]:
    """Of all ids of the people who have these: whom they stand for by the merges that hold now."""
    connection = await driver(tx)
    ids, more, edges = set[str](), set(profile_ids), list[Edge]()
    while more:
        ids |= more | {row[0] for row in await connection.fetch(_MEMBERS, list(more))}
        edges = [Edge(*row) for row in await connection.fetch(_EDGES, list(ids))]
        more = {edge.survivor_id for edge in edges} - ids
    return {each: each for each in ids} | roots(edges)


async def _save(tx: Tx, leads: Mapping[str, str]) -> None:
    """Redirects stay one step long."""
    connection = await driver(tx)
    free = [each for each, root_id in leads.items() if each == root_id]
    led = sorted(item for item in leads.items() if item[0] != item[1])
    await connection.execute("DELETE FROM redirect WHERE loser_id = ANY($1::uuid[])", free)
    await connection.execute(_LEAD, [each for each, _ in led], [root_id for _, root_id in led])


async def is_restricted(tx: ReadTx, profile_id: UUID) -> bool:
    """Whether a person is only stored, under whatever id."""
    return bool(await (await driver(tx)).fetchval(f"SELECT $1::uuid IN ({RESTRICTED})", profile_id))
