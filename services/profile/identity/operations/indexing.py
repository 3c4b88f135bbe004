"""Letting people be found by parts of their phone numbers."""

from chassis.db import Database, Tx
from services.profile.identity import store
from services.profile.vault.domain import Vault

INDEXED_MAX = 500


async def index_phones(db: Database, vault: Vault) -> None:
    """Index the phone numbers that were written before there was an index, or by who knows of none."""

    async def some(tx: Tx) -> int:
        phones = await store.unindexed_phones(tx, vault, limit=INDEXED_MAX)
        await store.index_phones(tx, vault, phones)
        return len(phones)

    while await db.transact(some) == INDEXED_MAX:
        pass
