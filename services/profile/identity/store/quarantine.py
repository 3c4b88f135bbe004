"""Values that name nobody: those seen with too many people, and those an operator blocked."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import ReadTx, Tx, driver
from chassis.ids import new_id
from services.profile.identity.domain import BlockedValue, Quarantined
from services.profile.identity.store import forms
from services.profile.vault.domain import Vault

_LIST = """
SELECT key, type, namespace, value, verified, profile_id, octet_length(touched) / 16, suspect_time FROM identifier
WHERE suspect_time IS NOT NULL AND (suspect_time, key) > ($1, $2) ORDER BY suspect_time, key LIMIT $3
"""
_RELEASE = """
UPDATE identifier SET suspect_time = NULL, touched = '', release_id = $2 WHERE key = $1 AND suspect_time IS NOT NULL
"""
_BLOCK = """
INSERT INTO blocked_value (blocked_value_id, type, value, is_pattern, actor, note, create_time, value_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT blocked_value_value_key_key DO UPDATE SET type = blocked_value.type
RETURNING blocked_value_id, type, value, is_pattern, actor, note, create_time
"""
_UNBLOCK = "DELETE FROM blocked_value WHERE blocked_value_id = $1"
_BLOCKED = """
SELECT blocked_value_id, type, value, is_pattern, actor, note, create_time FROM blocked_value ORDER BY blocked_value_id
"""


async def list_quarantined(
    tx: ReadTx, vault: Vault, *, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UUID, Quarantined]]:
    """Identifiers that were seen with too many, the longest ago first: at most `limit` after a time and key."""
    rows = await (await driver(tx)).fetch(_LIST, *after, limit)
    found = [(row[0], Quarantined(*row[1:])) for row in rows]
    return [(key, each._replace(value=forms.value(vault, key, each.value))) for key, each in found]


async def release(tx: Tx, vault: Vault, key: bytes) -> bool:
    """Let an identifier name somebody again, as if it had been seen with nobody. Returns whether it did not."""
    return str(await (await driver(tx)).execute(_RELEASE, pgproto.UUID(vault.index(key)), new_id())) == "UPDATE 1"


async def block(tx: Tx, vault: Vault, blocked: BlockedValue) -> BlockedValue:
    """Have a value or pattern name nobody. Returns the earlier one if it was blocked before."""
    sealed, stored = forms.seal_blocked(vault, blocked), forms.blocked_key(vault, blocked)
    return forms.blocked(vault, BlockedValue(*await (await driver(tx)).fetchrow(_BLOCK, *sealed, stored)))


async def unblock(tx: Tx, blocked_value_id: UUID) -> bool:
    """Take a blocked value off the list. Returns whether it stood there."""
    return str(await (await driver(tx)).execute(_UNBLOCK, blocked_value_id)) == "DELETE 1"


async def list_blocked(tx: ReadTx) -> Sequence[BlockedValue]:
    """All that operators blocked, sealed as it is kept: whether it changed is asked often. See `open_blocked`."""
    return [BlockedValue(*row) for row in await (await driver(tx)).fetch(_BLOCKED)]


def open_blocked(vault: Vault, sealed: Iterable[BlockedValue]) -> list[BlockedValue]:
    """What was blocked, by type and value."""
    return sorted((forms.blocked(vault, each) for each in sealed), key=lambda each: each[1:4])
