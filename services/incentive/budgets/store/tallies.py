"""Tallies of boards: notes on their way, and the sums of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.budgets.domain.tallies import Note, NotedWants, Tallied

_INSERT = """
INSERT INTO budget_note (wants, note_time, held_grants, held_amount, first_purchases)
SELECT wants::jsonb, note_time, held_grants, held_amount, first_purchases
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS noted (wants, note_time, held_grants, held_amount, first_purchases)
"""

_TAKE = """
DELETE FROM budget_note WHERE note_id IN (
    SELECT note_id FROM budget_note ORDER BY note_id LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING wants::text, note_time, held_grants, held_amount, first_purchases
"""

_ADD = """
INSERT INTO budget_tally AS known (budget_id, start_time, held_grants, held_amount, first_purchases)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[]) ORDER BY 1, 2
ON CONFLICT ON CONSTRAINT budget_tally_pkey DO UPDATE SET
    held_grants = known.held_grants + excluded.held_grants,
    held_amount = known.held_amount + excluded.held_amount,
    first_purchases = known.first_purchases + excluded.first_purchases
"""

_FIND = """
SELECT budget_id, held_grants, held_amount, first_purchases
FROM budget_tally JOIN unnest($1::uuid[], $2::timestamptz[]) AS asked (budget_id, start_time)
    USING (budget_id, start_time)
"""


async def insert_notes(tx: Tx, notes: Sequence[Note]) -> None:
    """Write down what is to be added."""
    rows = [(msgspec.json.encode(note.wants).decode(), note.time, *note.added) for note in notes]
    await (await driver(tx)).execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))


async def take_notes(tx: Tx, limit: int) -> list[Note]:
    """The oldest notes that nobody else takes; they are gone with the transaction."""
    rows = await (await driver(tx)).fetch(_TAKE, limit)
    return [Note(msgspec.json.decode(row[0], type=NotedWants), row[1], Tallied(*row[2:])) for row in rows]


async def add_tallies(tx: Tx, sums: Mapping[tuple[UUID, datetime], Tallied]) -> None:
    """Add to tallies, in key order."""
    rows = [(*key, *added) for key, added in sums.items()]
    if rows:
        await (await driver(tx)).execute(_ADD, *(list(column) for column in zip(*rows, strict=True)))


async def find_tallies(tx: ReadTx, keys: Collection[tuple[UUID, datetime]]) -> dict[UUID, Tallied]:
    """The tallies of budgets, by the start of their periods."""
    columns = [[key[index] for key in keys] for index in range(2)]
    found = await (await driver(tx)).fetch(_FIND, *columns)
    return {row[0]: Tallied(*row[1:]) for row in found}
