"""Every statement on who was erased: ids that are forgotten for good, and that nothing late brings back (ADR 0014)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver

Statements = Sequence[tuple[str, str]]
"""Statements in their order, each with the name of what it is about. `$1` are all ids of a person."""

_ERASING = 0x6572617365  # "erase"
"""Held by whoever erases, and shared by whoever writes down what people did."""

_NOTE = "INSERT INTO erased (profile_id, erase_time) SELECT unnest($1::uuid[]), $2 ON CONFLICT DO NOTHING"


async def hold_erasures(tx: ReadTx) -> None:
    """Nobody is erased until the transaction ends. Before rows are held."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock_shared($1)", _ERASING)


async def erased_among(tx: ReadTx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those who were erased. Nobody is erased until the transaction ends."""
    await hold_erasures(tx)
    query = "SELECT profile_id FROM erased WHERE profile_id = ANY($1)"
    return {row["profile_id"] for row in await (await driver(tx)).fetch(query, list(profile_ids))}


async def erase(
    tx: Tx, statements: Statements, profile_ids: Sequence[UUID], token: UUID, *, now: datetime
) -> dict[str, int]:
    """Forget a person who had these ids. Returns how many rows of each kind that was, or stay.

    A statement that takes `$2` is given the token, which stands for the person from now on. Waits for all who are
    taking in facts about people, and lets them wait.
    """
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ERASING)
    counts: dict[str, int] = {}
    for kind, statement in statements:
        done: str = await connection.execute(statement, profile_ids, *([token] if "$2" in statement else []))
        counts[kind] = counts.get(kind, 0) + int(done.rpartition(" ")[2])
    await connection.execute(_NOTE, [*profile_ids, token], now)
    return counts


async def lines_of(tx: ReadTx, queries: Statements, profile_ids: Sequence[UUID]) -> list[str]:
    """What is held of a person, as JSON objects."""
    connection = await driver(tx)
    lines: list[str] = []
    for kind, query in queries:
        told = f"SELECT (jsonb_build_object('kind', $2::text) || to_jsonb(held))::text FROM ({query}) AS held"  # noqa: S608
        lines += [row[0] for row in await connection.fetch(told, profile_ids, kind)]
    return lines
