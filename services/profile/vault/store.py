"""Every statement about keys."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.vault.domain import Vault, Wrapped

_LOCK = 0x7661756C74  # "vault"
_SAVE = """
INSERT INTO vault_key (name, version, wrapping_id, content, active_time)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::bytea[], $5::timestamptz[])
ON CONFLICT (name, version) DO UPDATE SET wrapping_id = excluded.wrapping_id, content = excluded.content
"""


async def hold(tx: Tx) -> None:
    """Be the only one who makes keys until the transaction ends."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def list_keys(tx: ReadTx) -> list[Wrapped]:
    """All keys."""
    rows = await (await driver(tx)).fetch(
        "SELECT name, version, wrapping_id, content, active_time FROM vault_key ORDER BY name, version"
    )
    return [Wrapped(*row) for row in rows]


async def save(tx: Tx, keys: Sequence[Wrapped]) -> None:
    """Write keys, new ones or anew wrapped ones."""
    if keys:
        await (await driver(tx)).execute(_SAVE, *map(list, zip(*keys, strict=True)))


class Column(NamedTuple):
    """A column of sealed text in a table whose rows have a UUID, and what the text of a row is bound to."""

    table: str
    key: str
    name: str
    about: Callable[[UUID], bytes]


async def reseal(tx: Tx, vault: Vault, column: Column, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew what of a column follows a row, where an earlier key sealed it. Returns the last row that was seen."""
    table, key, name, about = column
    connection = await driver(tx)
    rows = await connection.fetch(
        f"SELECT {key}, {name} FROM {table} WHERE {key} > $1 ORDER BY {key} LIMIT $2 FOR UPDATE",  # noqa: S608
        after,
        limit,
    )
    stale = [(row, text) for row, text in rows if text and not vault.is_current(text)]
    if stale:
        sealed = [vault.seal(vault.unseal(text, about(row)), about(row)) for row, text in stale]
        await connection.execute(
            f"UPDATE {table} SET {name} = sealed.text FROM unnest($1::uuid[], $2::text[]) AS sealed (row, text)"  # noqa: S608
            f" WHERE {table}.{key} = sealed.row",
            [row for row, _ in stale],
            sealed,
        )
    return rows[-1][0] if rows else None
