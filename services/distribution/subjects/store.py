"""Every statement about redirects."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver

_MERGE_LOCK = 0x6D657267  # "merg"


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


async def merge(tx: Tx, merges: Sequence[tuple[UUID, UUID]]) -> None:
    """Redirect losers to survivors, given as pairs (loser, survivor), in any order; redirects stay one step long."""
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _MERGE_LOCK)
    for loser_id, survivor_id in merges:
        now = await survivors(tx, [loser_id, survivor_id])
        loser, survivor = now[loser_id], now[survivor_id]
        if loser == survivor:
            continue
        await connection.execute("UPDATE redirect SET survivor_id = $2 WHERE survivor_id = $1", loser, survivor)
        await connection.execute("INSERT INTO redirect (loser_id, survivor_id) VALUES ($1, $2)", loser, survivor)
