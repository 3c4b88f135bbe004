"""Every statement about keys."""

from collections.abc import Sequence

from chassis.db import ReadTx, Tx, driver
from services.profile.vault.domain import Wrapped

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
