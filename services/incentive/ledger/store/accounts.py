"""Balance rows: opened at first use and held in one order."""

import zlib
from collections.abc import Sequence
from typing import Any

from chassis.db import Tx, driver
from services.incentive.ledger.domain import Account, Standing

_OPENINGS = 0x6F70656E  # "open"
_BUCKETS = 256

_OPEN = """
INSERT INTO account (account, asset)
SELECT * FROM unnest($1::text[], $2::text[]) AS wanted (account, asset)
ON CONFLICT ON CONSTRAINT account_pkey DO NOTHING
"""

# Account rows that are being opened are invisible to a merge, and a merge that is being made is to who opens them: both
# meet at a lock of the member's, one of a few, of which openings hold any number and a merge holds its own alone.
_HOLD_OPENINGS = """
SELECT pg_advisory_xact_lock_shared($1, bucket) FROM unnest($2::integer[]) AS held (bucket) ORDER BY bucket
"""

_LOCK = """
SELECT account, asset, balance, sequence FROM account
WHERE (account, asset) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY account, asset FOR UPDATE
"""


async def lock_accounts(tx: Tx, accounts: Sequence[Account]) -> dict[Account, Standing]:
    """Open the accounts that are not there, and hold all of them. `accounts` are in locking order."""
    if not accounts:
        return {}
    names = [account.name for account in accounts], [account.asset for account in accounts]
    connection = await driver(tx)
    held = await _lock(connection, names)
    if len(held) < len(accounts):
        opened = {_bucket(account.member_id) for account in accounts if account not in held and account.member_id}
        await connection.execute(_HOLD_OPENINGS, _OPENINGS, sorted(opened))
        await connection.execute(_OPEN, *names)
        held = await _lock(connection, names)
    return held


async def end_openings(tx: Tx, member_id: str) -> None:
    """Wait until the accounts of a member that are being opened are there, and let nobody open more until the end."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1, $2)", _OPENINGS, _bucket(member_id))


def _bucket(member_id: str) -> int:
    return zlib.crc32(member_id.encode()) % _BUCKETS


async def lock_opened(tx: Tx, accounts: Sequence[Account]) -> dict[Account, Standing]:
    """Hold those of the accounts that are there. `accounts` are in locking order."""
    names = [account.name for account in accounts], [account.asset for account in accounts]
    return await _lock(await driver(tx), names)


async def _lock(connection: Any, names: tuple[list[str], list[str]]) -> dict[Account, Standing]:
    rows = await connection.fetch(_LOCK, *names)
    return {Account(row[0], row[1]): Standing(row[2], row[3]) for row in rows}
