"""Sealing anew what an earlier key sealed, and sealing and keying what was written before there was one.

Whoever calls is the only one who settles who is who. Each function looks at some rows after one, and returns the last.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from chassis.db import Tx, driver
from services.profile.identity.domain import BlockedValue, key_of
from services.profile.identity.store import forms
from services.profile.identity.store.writes import execute
from services.profile.vault.domain import Vault

_IDENTIFIERS = "SELECT key, type, namespace, value FROM identifier WHERE key > $1 ORDER BY key LIMIT $2 FOR UPDATE"
_RESEAL_IDENTIFIERS = """
UPDATE identifier SET key = sealed.key, value = sealed.value
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS sealed (was, key, value) WHERE identifier.key = sealed.was
"""
_CONFLICTS = """
SELECT profile_id, key, rule, type, namespace, value FROM conflict WHERE profile_id IN (
    SELECT DISTINCT profile_id FROM conflict WHERE profile_id > $1 ORDER BY profile_id LIMIT $2
)
ORDER BY profile_id FOR UPDATE
"""
_RESEAL_CONFLICTS = """
UPDATE conflict SET key = sealed.key, value = sealed.value
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[]) AS sealed (profile_id, was, rule, key, value)
WHERE (conflict.profile_id, conflict.key, conflict.rule) = (sealed.profile_id, sealed.was, sealed.rule)
"""
_MOVES = """
SELECT move_id, key, type, namespace, value FROM identifier_move WHERE move_id > $1 ORDER BY move_id LIMIT $2 FOR UPDATE
"""
_RESEAL_MOVES = """
UPDATE identifier_move SET key = sealed.key, value = sealed.value
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS sealed (move_id, key, value)
WHERE identifier_move.move_id = sealed.move_id
"""
_MERGES = "SELECT merge_id, identifiers, before FROM merge WHERE merge_id > $1 ORDER BY merge_id LIMIT $2 FOR UPDATE"
_RESEAL_MERGES = """
UPDATE merge SET identifiers = sealed.identifiers, before = sealed.before
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS sealed (merge_id, identifiers, before)
WHERE merge.merge_id = sealed.merge_id
"""
_BLOCKED = """
SELECT blocked_value_id, type, value, is_pattern, actor, note, create_time, value_key FROM blocked_value
WHERE blocked_value_id > $1 ORDER BY blocked_value_id LIMIT $2 FOR UPDATE
"""
# What was blocked again by who did not know the keyed one yet is there twice.
_DROP_TWICE_BLOCKED = """
DELETE FROM blocked_value USING unnest($1::uuid[], $2::uuid[]) AS sealed (blocked_value_id, value_key)
WHERE blocked_value.blocked_value_id = sealed.blocked_value_id
  AND EXISTS (
      SELECT FROM blocked_value AS held
      WHERE held.value_key = sealed.value_key AND held.blocked_value_id <> sealed.blocked_value_id
  )
"""
_RESEAL_BLOCKED = """
UPDATE blocked_value SET value_key = sealed.value_key, value = sealed.value
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS sealed (blocked_value_id, value_key, value)
WHERE blocked_value.blocked_value_id = sealed.blocked_value_id
"""


async def reseal_identifiers(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Identifiers, by what stands for them."""
    rows = await (await driver(tx)).fetch(_IDENTIFIERS, after, limit)
    sealed = []
    for was, *named, text in _stale(vault, rows):
        key, value = _opened(vault, was, named, text, b"i" + was.bytes)
        sealed.append((was, key, forms.seal_value(vault, key, value)))
    await execute(tx, _RESEAL_IDENTIFIERS, sealed)
    return _last(rows)


async def reseal_conflicts(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """What was not believed, by person."""
    rows = await (await driver(tx)).fetch(_CONFLICTS, after, limit)
    sealed = []
    for profile_id, was, rule, *named, text in _stale(vault, rows):
        key, value = _opened(vault, was, named, text, forms.refused_about(profile_id, was, rule))
        sealed.append((profile_id, was, rule, key, forms.seal_refused(vault, profile_id, key, rule, value)))
    await execute(tx, _RESEAL_CONFLICTS, sealed)
    return _last(rows)


async def reseal_moves(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Identifiers that left somebody, by move."""
    rows = await (await driver(tx)).fetch(_MOVES, after, limit)
    sealed = []
    for move_id, was, *named, text in _stale(vault, rows):
        about = b"v" + move_id.bytes
        key, value = _opened(vault, was, named, text, about)
        sealed.append((move_id, key, vault.seal(value, about)))
    await execute(tx, _RESEAL_MOVES, sealed)
    return _last(rows)


async def reseal_merges(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Records of merges."""
    rows = await (await driver(tx)).fetch(_MERGES, after, limit)
    sealed = []
    for merge_id, named, before in _stale(vault, rows):
        names, stood = forms.named(vault, merge_id, named), forms.before(vault, merge_id, before)
        sealed.append((merge_id, forms.seal_named(vault, merge_id, names), forms.seal_before(vault, merge_id, stood)))
    await execute(tx, _RESEAL_MERGES, sealed)
    return _last(rows)


async def reseal_blocked(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """What operators blocked."""
    connection = await driver(tx)
    rows = await connection.fetch(_BLOCKED, after, limit)
    sealed = []
    for *columns, stored in rows:
        held = BlockedValue(*columns)
        if stored is None or not vault.is_current(held.value):
            blocked = held if stored is None else forms.blocked(vault, held)
            key = forms.blocked_key(vault, blocked)
            sealed.append((held.blocked_value_id, key, forms.seal_blocked(vault, blocked).value))
    if sealed:
        ids, keys, _ = map(list, zip(*sealed, strict=True))
        await connection.execute(_DROP_TWICE_BLOCKED, ids, keys)
        await execute(tx, _RESEAL_BLOCKED, sealed)
    return _last(rows)


def _stale(vault: Vault, rows: Sequence[Any]) -> Iterator[Any]:
    """Rows whose last column is not sealed with the newest key."""
    return (row for row in rows if not vault.is_current(row[-1]))


def _opened(vault: Vault, was: UUID, named: Sequence[str], text: str, about: bytes) -> tuple[UUID, str]:
    """What stands for an identifier, and its value. A row whose key fits its text was never sealed."""
    type_name, namespace = named
    key = key_of(type_name, namespace, text)
    if key == was.bytes:
        return UUID(bytes=vault.index(key)), text
    return was, vault.unseal(text, about)


def _last(rows: Sequence[Any]) -> UUID | None:
    last: UUID | None = rows[-1][0] if rows else None
    return last
