"""Every statement on merges: which ones hold, and whom everybody leads to by them."""

from collections.abc import Collection, Mapping

from chassis.db import ReadTx, Tx, driver
from logic.redirects import Edge

_MERGES = 0x6D657267  # "merg"

_INSERT = """
INSERT INTO merge (merge_id, loser_id, survivor_id, undone) VALUES ($1::uuid, $2::uuid, $3::uuid, false)
ON CONFLICT ON CONSTRAINT merge_pkey DO NOTHING
"""

_UNDO = """
INSERT INTO merge (merge_id, loser_id, survivor_id, undone) VALUES ($1::uuid, $2::uuid, $3::uuid, true)
ON CONFLICT ON CONSTRAINT merge_pkey DO UPDATE SET undone = true WHERE NOT merge.undone
"""

_FREE = "UPDATE subject SET merged_into = NULL WHERE profile_id = $1"

# Of merges that were told before they were noted one by one, only the outcome is known: whom an id leads to.
_UNNOTED = "NOT EXISTS (SELECT FROM merge WHERE loser_id = subject.profile_id AND NOT undone)"

_LEAD_BACK = f"""
UPDATE subject SET merged_into = $1::uuid
WHERE profile_id = ANY($2::uuid[]) AND profile_id <> $1::uuid AND merged_into IS NOT NULL AND {_UNNOTED}
"""  # noqa: S608 (constants)

_MEMBERS = """
WITH root AS (
    SELECT coalesce(merged_into, profile_id) AS profile_id FROM subject WHERE profile_id = ANY($1::uuid[])
)
SELECT profile_id::text FROM subject WHERE profile_id IN (SELECT profile_id FROM root)
UNION SELECT profile_id::text FROM subject WHERE merged_into IN (SELECT profile_id FROM root)
"""

_EDGES = f"""
SELECT merge_id::text, loser_id::text, survivor_id::text FROM merge WHERE loser_id = ANY($1::uuid[]) AND NOT undone
UNION ALL
SELECT profile_id::text, profile_id::text, merged_into::text FROM subject
WHERE profile_id = ANY($1::uuid[]) AND merged_into IS NOT NULL AND {_UNNOTED}
"""  # noqa: S608 (constants)

_REDIRECT = """
UPDATE subject SET merged_into = nullif(lead.root_id, subject.profile_id),
    due_time = CASE WHEN lead.root_id = subject.profile_id THEN due_time END,
    attributes = CASE WHEN lead.root_id = subject.profile_id THEN attributes ELSE '{}' END
FROM unnest($1::uuid[], $2::uuid[]) AS lead (profile_id, root_id)
WHERE subject.profile_id = lead.profile_id AND coalesce(subject.merged_into, subject.profile_id) <> lead.root_id
"""

_REHOME = """
UPDATE fact SET profile_id = lead.root_id
FROM unnest($1::uuid[], $2::uuid[]) AS lead (profile_id, root_id)
WHERE fact.profile_id = ANY($1::uuid[]) AND fact.origin_id = lead.profile_id AND fact.profile_id <> lead.root_id
"""


async def hold_merges(tx: Tx) -> None:
    """Be the only one who merges and unmerges until the transaction ends."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _MERGES)


async def insert_merge(tx: Tx, merge: Edge) -> bool:
    """Note a merge. Returns False when it is known, or was undone before it was told."""
    return bool(await (await driver(tx)).execute(_INSERT, *merge) == "INSERT 0 1")


async def undo_merge(tx: Tx, merge: Edge, restored_from_ids: Collection[str]) -> bool:
    """Note that a merge is undone, and let its loser stand for those who were merged into it before. Returns False when
    it was undone before."""
    connection = await driver(tx)
    if await connection.execute(_UNDO, *merge) != "INSERT 0 1":
        return False
    await connection.execute(_FREE, merge.loser_id)
    await connection.execute(_LEAD_BACK, merge.loser_id, list(restored_from_ids))
    return True


async def find_merged(tx: ReadTx, profile_ids: Collection[str]) -> tuple[set[str], list[Edge]]:
    """All ids of the people who have these, and the merges that hold between them."""
    connection = await driver(tx)
    ids, more, edges = set[str](), set(profile_ids), list[Edge]()
    while more:
        rows = await connection.fetch(_MEMBERS, list(more))
        ids |= more | {row[0] for row in rows}
        edges = [Edge(*row) for row in await connection.fetch(_EDGES, list(ids))]
        more = {edge.survivor_id for edge in edges} - ids
    return ids, edges


async def save_redirects(tx: Tx, leads: Mapping[str, str]) -> None:
    """Let ids lead to the people they stand for now, and facts be of those of whom they were told."""
    connection = await driver(tx)
    for statement in (_REDIRECT, _REHOME):
        await connection.execute(statement, list(leads), list(leads.values()))
