"""A vault for tests."""

import base64
from datetime import UTC, datetime

from chassis.db import Database
from services.profile.vault import domain, operations
from services.profile.vault.domain import Vault

WRAPPING = domain.wrapping(base64.b64encode(bytes(range(32))).decode())

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def a_vault(db: Database, *, version: int = 1, now: datetime = NOW) -> Vault:
    """The vault of a database, opened with the key of the tests."""
    return await db.transact(lambda tx: operations.open_vault(tx, [WRAPPING], version=version, now=now))
