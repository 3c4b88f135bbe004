"""Every statement about review items."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.profile.identity.store import forms
from services.profile.reviews.domain import (
    ConflictPlace,
    ConflictRecord,
    ConflictState,
    Doubt,
    Filter,
    Item,
    Source,
    State,
    Weight,
)
from services.profile.reviews.errors import ReviewItemNotFound
from services.profile.vault.domain import Vault

_COLUMNS = ", ".join(Item._fields)
# Two replicas take different conflicts, and none waits for the other.
_TAKE_DOUBTS = """
WITH unqueued AS (
    SELECT profile_id, key, rule FROM conflict WHERE NOT queued ORDER BY profile_id, key, rule LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE conflict SET queued = true FROM unqueued
WHERE (conflict.profile_id, conflict.key, conflict.rule) = (unqueued.profile_id, unqueued.key, unqueued.rule)
RETURNING conflict.profile_id, conflict.owner_id, conflict.rule, conflict.type, conflict.event_id
"""
_ADD = f"""
INSERT INTO review_item ({_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
                     $8::uuid[], $9::int[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::timestamptz[],
                     $15::timestamptz[]) AS item ({_COLUMNS})
WHERE low_id IN (SELECT profile_id FROM profile) AND high_id IN (SELECT profile_id FROM profile)
ORDER BY low_id, high_id
ON CONFLICT ON CONSTRAINT review_item_pair_key DO UPDATE
SET probability_bp = excluded.probability_bp, weights = excluded.weights
WHERE review_item.state = 1 AND review_item.source = 2
"""  # noqa: S608 (names of our own)
_GET = f"SELECT {_COLUMNS} FROM review_item WHERE review_item_id = $1"  # noqa: S608 (names of our own)
_LIST = f"""
SELECT {_COLUMNS} FROM review_item
WHERE ($1 = 0 OR state = $1) AND ($2 = 0 OR source = $2)
  AND ($3::uuid[] IS NULL OR low_id = ANY($3) OR high_id = ANY($3))
  AND probability_bp >= $4 AND review_item_id < $5
ORDER BY review_item_id DESC LIMIT $6
"""  # noqa: S608 (names of our own)
_RESOLVE = """
UPDATE review_item SET state = $2, actor = $3, note = $4, merge_id = $5, resolve_time = $6 WHERE review_item_id = $1
"""
# Open pairs with whom each leads to now.
_OPEN = """
SELECT review_item_id, create_time, coalesce(low.survivor_id, low_id) AS one,
       coalesce(high.survivor_id, high_id) AS other
FROM review_item
LEFT JOIN redirect AS low ON low.loser_id = low_id LEFT JOIN redirect AS high ON high.loser_id = high_id
WHERE state = 1
"""
_CLOSE_MERGED = f"""
UPDATE review_item SET state = 2, resolve_time = $1
FROM ({_OPEN}) AS open WHERE review_item.review_item_id = open.review_item_id AND one = other
"""  # noqa: S608 (names of our own)
_CLOSE_SEPARATED = f"""
UPDATE review_item SET state = 3, resolve_time = $1
FROM ({_OPEN}) AS open
JOIN (
    SELECT coalesce(a.survivor_id, separation.low_id) AS one, coalesce(b.survivor_id, separation.high_id) AS other,
           separation.create_time
    FROM separation LEFT JOIN redirect AS a ON a.loser_id = separation.low_id
    LEFT JOIN redirect AS b ON b.loser_id = separation.high_id
) AS apart ON least(apart.one, apart.other) = least(open.one, open.other)
          AND greatest(apart.one, apart.other) = greatest(open.one, open.other)
WHERE review_item.review_item_id = open.review_item_id AND review_item.state = 1
  AND apart.create_time > open.create_time
"""  # noqa: S608 (names of our own)

# Where two lead to one person they were merged, whatever was decided first. Undoing a merge tells its two apart.
_CONFLICTS = """
SELECT profile_id, key, rule, type, namespace, value, owner_id, event_id, source_id, count, first_time, last_time,
       became, review_item_id
FROM (
    SELECT conflict.*, coalesce(claimant.survivor_id, profile_id) AS one,
           coalesce(holder.survivor_id, owner_id) AS other
    FROM (
        SELECT * FROM conflict
        WHERE ($1::uuid[] IS NULL OR profile_id = ANY($1) OR owner_id = ANY($1))
          AND (first_time, profile_id, key, rule) < ($3, $4, $5, $6)
        ORDER BY first_time DESC, profile_id DESC, key DESC, rule DESC LIMIT $8
    ) AS conflict LEFT JOIN redirect AS claimant ON claimant.loser_id = profile_id
    LEFT JOIN redirect AS holder ON holder.loser_id = owner_id
) AS said
LEFT JOIN (SELECT review_item_id, low_id, high_id, state FROM review_item WHERE source = 1) AS item
  ON low_id = least(profile_id, owner_id) AND high_id = greatest(profile_id, owner_id)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN owner_id <> profile_id AND one = other THEN 2
        WHEN EXISTS (SELECT FROM identifier WHERE identifier.key = said.key AND identifier.profile_id = one) THEN 5
        WHEN owner_id IS NULL OR owner_id = profile_id THEN 6
        WHEN state = 2 THEN 3
        ELSE coalesce(state, 1)
    END AS became
) AS judged
WHERE $2 = 0 OR became = $2
ORDER BY first_time DESC, profile_id DESC, key DESC, rule DESC LIMIT $7
"""

# Where the search for a state, which is judged row by row, ended without reaching the end of the list.
_CONFLICTS_SEARCHED = """
SELECT first_time, profile_id, key, rule FROM conflict
WHERE ($1::uuid[] IS NULL OR profile_id = ANY($1) OR owner_id = ANY($1))
  AND (first_time, profile_id, key, rule) < ($2, $3, $4, $5)
ORDER BY first_time DESC, profile_id DESC, key DESC, rule DESC LIMIT 1 OFFSET $6
"""
CONFLICTS_SEARCHED_MAX = 10_000

_weights = msgspec.json.Decoder(list[Weight])


async def take_doubts(tx: Tx, *, limit: int) -> tuple[int, list[Doubt]]:
    """Take conflicts that were not put into the queue yet. Returns how many, and what they say."""
    rows = await (await driver(tx)).fetch(_TAKE_DOUBTS, limit)
    return len(rows), [Doubt(*row) for row in rows]


async def add(tx: Tx, items: Sequence[Item]) -> None:
    """Put pairs into the queue, but those that came up before and the erased. An open suggestion is made anew."""
    if items:
        rows = list(map(_row, items))
        await (await driver(tx)).execute(_ADD, *map(list, zip(*rows, strict=True)))


async def get(tx: ReadTx, review_item_id: UUID) -> Item:
    """Read an item. Raises `ReviewItemNotFound`."""
    return await _one(tx, review_item_id, _GET)


async def lock(tx: Tx, review_item_id: UUID) -> Item:
    """Read an item and hold it until the transaction ends. Raises `ReviewItemNotFound`."""
    return await _one(tx, review_item_id, f"{_GET} FOR UPDATE")


async def _one(tx: ReadTx, review_item_id: UUID, query: str) -> Item:
    row = await (await driver(tx)).fetchrow(query, review_item_id)
    if row is None:
        raise ReviewItemNotFound(review_item_id)
    return _item(row)


async def page(tx: ReadTx, wanted: Filter, *, after: UUID, limit: int) -> list[Item]:
    """Items, the newest first."""
    return [_item(row) for row in await (await driver(tx)).fetch(_LIST, *wanted, after, limit)]


async def conflicts(
    tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID] | None, state: int, *, after: ConflictPlace, limit: int
) -> list[ConflictRecord]:
    """Claims that were not believed, the newest first: about some ids or about anybody, in a state or in any (0).

    At most `CONFLICTS_SEARCHED_MAX` are looked at: what became of a claim stands in no index.
    """
    rows = await (await driver(tx)).fetch(_CONFLICTS, profile_ids, state, *after, limit, CONFLICTS_SEARCHED_MAX)
    return [_conflict(vault, row) for row in rows]


async def conflicts_searched(
    tx: ReadTx, profile_ids: Sequence[UUID] | None, *, after: ConflictPlace
) -> ConflictPlace | None:
    """The last place that `conflicts` looks at; None where it reaches the end."""
    last = CONFLICTS_SEARCHED_MAX - 1
    row = await (await driver(tx)).fetchrow(_CONFLICTS_SEARCHED, profile_ids, *after, last)
    return ConflictPlace(*row) if row else None


def _conflict(vault: Vault, row: Any) -> ConflictRecord:
    record = ConflictRecord(*row)
    value = forms.refused(vault, record.profile_id, record.key, record.rule, record.value)
    return record._replace(value=value, state=ConflictState(record.state))


async def save_resolved(tx: Tx, item: Item) -> None:
    """Write what was decided about an item that is held."""
    decided = item.actor, item.note, item.merge_id, item.resolve_time
    await (await driver(tx)).execute(_RESOLVE, item.review_item_id, item.state, *decided)


async def close_settled(tx: Tx, *, now: datetime) -> None:
    """Close open items whose people were merged, or told apart since, elsewhere."""
    connection = await driver(tx)
    await connection.execute(_CLOSE_MERGED, now)
    await connection.execute(_CLOSE_SEPARATED, now)


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Delete the items about people. Returns how many."""
    done: str = await (await driver(tx)).execute(
        "DELETE FROM review_item WHERE low_id = ANY($1) OR high_id = ANY($1)", profile_ids
    )
    return int(done.rpartition(" ")[2])


def _row(item: Item) -> tuple[Any, ...]:
    return tuple({**item._asdict(), "weights": msgspec.json.encode(item.weights).decode()}.values())


def _item(row: Any) -> Item:
    item = Item._make(row)
    return item._replace(source=Source(item.source), state=State(item.state), weights=_weights.decode(row["weights"]))
