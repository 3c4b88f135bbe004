"""Contacts that left a person without a merge: who took them away, or which event did, and why."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import ReadTx, Tx, driver
from chassis.pagination import LAST_ID
from services.profile.identity.domain import MoveRecord
from services.profile.identity.store import forms
from services.profile.identity.store.writes import execute
from services.profile.vault.domain import Vault

_COLUMNS = (
    "move_id, type, namespace, value, verified, from_profile_id, to_profile_id, reason, source_id, event_id, actor,"
    " note, move_time"
)
_SAVE = f"""
INSERT INTO identifier_move (key, {_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::uuid[], $8::uuid[],
                     $9::smallint[], $10::text[], $11::uuid[], $12::text[], $13::text[], $14::timestamptz[])
"""  # noqa: S608 (names of our own)
_LIST = f"""
SELECT {_COLUMNS} FROM identifier_move
WHERE (from_profile_id = ANY($1) OR to_profile_id = ANY($1)) AND move_id < $2 ORDER BY move_id DESC LIMIT $3
"""  # noqa: S608 (names of our own)
# Handed over (4) is what nobody had proven: a delivery phone of a household is still everybody's who said so.
_LEFT = """
SELECT max(move_time) FROM (
    SELECT move_time FROM identifier_move WHERE from_profile_id = ANY($1) AND key = $2 AND reason IN (1, 2, 3)
    UNION ALL SELECT move_time FROM identifier_departure WHERE profile_id = ANY($1) AND key = $2
) AS moved
WHERE NOT EXISTS (SELECT FROM identifier WHERE key = $2 AND profile_id = ANY($1))
"""
_TAKE = "DELETE FROM identifier WHERE key = $1"


async def save_moves(tx: Tx, vault: Vault, moves: Sequence[tuple[bytes, MoveRecord]]) -> None:
    """Write down which identifiers, given by their keys, left whom."""
    await execute(
        tx, _SAVE, [(pgproto.UUID(vault.index(key)), *forms.seal_move(vault, record)) for key, record in moves]
    )


async def list_moves(
    tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID], *, after: UUID | None, limit: int
) -> list[MoveRecord]:
    """Moves from or to any of the ids, newest first, at most `limit` that come after the move `after`."""
    return [
        forms.move(vault, row) for row in await (await driver(tx)).fetch(_LIST, profile_ids, after or LAST_ID, limit)
    ]


async def left_time(tx: ReadTx, vault: Vault, key: bytes, profile_ids: Sequence[UUID]) -> datetime | None:
    """When an identifier left a person of all these ids, for who proved it or by hand. None while they hold it."""
    moved: datetime | None = await (await driver(tx)).fetchval(_LEFT, profile_ids, pgproto.UUID(vault.index(key)))
    return moved


async def remove_identifier(tx: Tx, vault: Vault, key: bytes) -> None:
    """Let an identifier name nobody."""
    await (await driver(tx)).execute(_TAKE, pgproto.UUID(vault.index(key)))
