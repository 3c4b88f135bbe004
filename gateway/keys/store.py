"""Every statement about keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, insert, select, update

from chassis.db import ReadTx, Tx
from gateway.errors import KeyNotFound
from gateway.keys.domain import ApiKey, Trust, WriteKey
from gateway.keys.tables import api_keys, write_keys


async def add_api_key(tx: Tx, key: ApiKey, key_hash: bytes) -> None:
    """Insert a key."""
    await tx.execute(
        insert(api_keys).values(
            key_id=key.key_id,
            hash=key_hash,
            name=key.name,
            scopes=list(key.scopes),
            store_id=key.store_id,
            prefix=key.prefix,
            create_time=key.create_time,
        )
    )


async def add_write_key(tx: Tx, key: WriteKey, key_hash: bytes) -> None:
    """Insert a source."""
    await tx.execute(
        insert(write_keys).values(
            source_id=key.source_id,
            hash=key_hash,
            name=key.name,
            trust=int(key.trust),
            prefix=key.prefix,
            create_time=key.create_time,
        )
    )


async def find_api_key(tx: ReadTx, key_hash: bytes) -> ApiKey | None:
    """The working key with this hash."""
    row = await _find(tx, api_keys, key_hash)
    return None if row is None else _api_key(row)


async def find_write_key(tx: ReadTx, key_hash: bytes) -> WriteKey | None:
    """The working source whose key has this hash."""
    row = await _find(tx, write_keys, key_hash)
    return None if row is None else _write_key(row)


async def _find(tx: ReadTx, table: Table, key_hash: bytes) -> Any:
    query = select(table).where(table.c.hash == key_hash, table.c.revoke_time.is_(None))
    return (await tx.execute(query)).one_or_none()


async def list_api_keys(tx: ReadTx, store_id: UUID | None, after: UUID | None, limit: int) -> list[ApiKey]:
    """Keys in the order they were made; with `store_id` only those that are bound to this store."""
    query = select(api_keys).order_by(api_keys.c.key_id).limit(limit)
    if store_id is not None:
        query = query.where(api_keys.c.store_id == store_id)
    if after is not None:
        query = query.where(api_keys.c.key_id > after)
    return [_api_key(row) for row in await tx.execute(query)]


async def list_write_keys(tx: ReadTx, after: UUID | None, limit: int) -> list[WriteKey]:
    """Sources in the order they were made."""
    query = select(write_keys).order_by(write_keys.c.source_id).limit(limit)
    if after is not None:
        query = query.where(write_keys.c.source_id > after)
    return [_write_key(row) for row in await tx.execute(query)]


async def revoke_api_key(tx: Tx, key_id: UUID, store_id: UUID | None, now: datetime) -> ApiKey:
    """Revoke a key, if it is not yet; with `store_id` only one of this store. Raises `KeyNotFound`."""
    statement = update(api_keys).where(api_keys.c.key_id == key_id)
    if store_id is not None:
        statement = statement.where(api_keys.c.store_id == store_id)
    time = func.coalesce(api_keys.c.revoke_time, now)
    row = (await tx.execute(statement.values(revoke_time=time).returning(api_keys))).one_or_none()
    if row is None:
        raise KeyNotFound(str(key_id))
    return _api_key(row)


async def revoke_write_key(tx: Tx, source_id: UUID, now: datetime) -> WriteKey:
    """Revoke a write key, if it is not yet. Raises `KeyNotFound`."""
    statement = update(write_keys).where(write_keys.c.source_id == source_id)
    time = func.coalesce(write_keys.c.revoke_time, now)
    row = (await tx.execute(statement.values(revoke_time=time).returning(write_keys))).one_or_none()
    if row is None:
        raise KeyNotFound(str(source_id))
    return _write_key(row)


def _api_key(row: Any) -> ApiKey:
    return ApiKey(row.key_id, row.name, tuple(row.scopes), row.store_id, row.prefix, row.create_time, row.revoke_time)


def _write_key(row: Any) -> WriteKey:
    return WriteKey(row.source_id, row.name, Trust(row.trust), row.prefix, row.create_time, row.revoke_time)
