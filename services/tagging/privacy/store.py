"""Every statement that forgets people, or tells what is held of them. It knows the tables of all capabilities: what
is held of a person is seen in one place."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver

_ERASING = 0x6572617365  # "erase"
_HELD = (
    (
        "attributes",
        "SELECT profile_id, attributes, version FROM subject WHERE profile_id = ANY($1) AND merged_into IS NULL",
    ),
    (
        "tag",
        "SELECT tag.key, tag.name, profile_tag.rule_id, profile_tag.operator, profile_tag.add_time,"
        " profile_tag.expire_time FROM profile_tag JOIN tag USING (tag_id)"
        " WHERE profile_id = ANY($1) AND NOT displaced ORDER BY tag.key",
    ),
    (
        "segment",
        "SELECT segment.name, segment_member.enter_time FROM segment_member JOIN segment USING (segment_id)"
        " WHERE profile_id = ANY($1) ORDER BY segment.name",
    ),
    (
        "merged_tag",
        "SELECT tag.key, merged_tag.rule_id, merged_tag.operator, merged_tag.add_time, merged_tag.expire_time"
        " FROM merged_tag JOIN tag USING (tag_id) WHERE profile_id = ANY($1) ORDER BY merge_id, tag.key",
    ),
    (
        "merged_stay",
        "SELECT segment.name, merged_stay.enter_time FROM merged_stay JOIN segment USING (segment_id)"
        " WHERE profile_id = ANY($1) ORDER BY merge_id, segment.name",
    ),
    ("processing", "SELECT * FROM processing WHERE profile_id = ANY($1)"),
    ("fact", "SELECT name, fact_time, properties FROM fact WHERE profile_id = ANY($1) ORDER BY fact_time, event_id"),
)
"""What is held of a person, by kind. `$1` are all ids of the person."""

_FORGET = (
    ("tags", "DELETE FROM profile_tag WHERE profile_id = ANY($1)"),
    ("segments", "DELETE FROM segment_member WHERE profile_id = ANY($1)"),
    ("facts", "DELETE FROM fact WHERE profile_id = ANY($1) OR origin_id = ANY($1)"),
    ("merged_tags", "DELETE FROM merged_tag WHERE profile_id = ANY($1)"),
    ("merged_stays", "DELETE FROM merged_stay WHERE profile_id = ANY($1)"),
    ("merges", "DELETE FROM merge WHERE loser_id = ANY($1) OR survivor_id = ANY($1)"),
    ("processing", "DELETE FROM processing WHERE profile_id = ANY($1)"),
    ("subjects", "DELETE FROM subject WHERE profile_id = ANY($1) OR merged_into = ANY($1)"),
)
"""What is done, by what its count is called, in this order. `$1` are all ids of the person."""

_NOTE = "INSERT INTO erased (profile_id, erase_time) SELECT unnest($1::uuid[]), $2 ON CONFLICT DO NOTHING"


async def erased_among(tx: ReadTx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those who were erased. Nobody is erased until the transaction ends."""
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _ERASING)
    rows = await connection.fetch("SELECT profile_id FROM erased WHERE profile_id = ANY($1)", list(profile_ids))
    return {row["profile_id"] for row in rows}


async def forget(tx: Tx, profile_ids: Sequence[UUID], token: UUID, *, now: datetime) -> dict[str, int]:
    """Forget a person who had these ids. Returns how many rows of each kind that was, or stay.

    Waits for all who are taking in facts about people, and lets them wait.
    """
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ERASING)
    counts: dict[str, int] = {}
    for kind, statement in _FORGET:
        done: str = await connection.execute(statement, profile_ids)
        counts[kind] = counts.get(kind, 0) + int(done.rpartition(" ")[2])
    await connection.execute(_NOTE, [*profile_ids, token], now)
    return counts


async def lines_of(tx: ReadTx, profile_ids: Sequence[UUID]) -> list[str]:
    """What is held of a person, as JSON objects."""
    connection = await driver(tx)
    lines: list[str] = []
    for kind, query in _HELD:
        told = f"SELECT (jsonb_build_object('kind', $2::text) || to_jsonb(held))::text FROM ({query}) AS held"  # noqa: S608
        lines += [row[0] for row in await connection.fetch(told, profile_ids, kind)]
    return lines
