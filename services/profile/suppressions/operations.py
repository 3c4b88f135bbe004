"""Holding identifiers against the list."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx
from services.profile.suppressions import domain, store
from services.profile.suppressions.domain import Reason
from services.profile.vault.domain import Vault


class Listed(NamedTuple):
    """An identifier that is on the list. `erase_time`: since when, for one whose person was erased."""

    hash: UUID
    erase_time: datetime | None


async def listed(tx: ReadTx, vault: Vault, keys: Collection[bytes]) -> dict[bytes, Listed]:
    """Those of the identifiers, given by key, that are on the list. While it is empty, it takes no look at them."""
    if not keys or await store.is_empty(tx):
        return {}
    hashes = {domain.hash_of(vault, key): key for key in keys}
    found = await store.find(tx, hashes)
    return {
        hashes[hashed]: Listed(hashed, since if reason == Reason.ERASED else None)
        for hashed, (reason, since) in found.items()
    }


async def lift(tx: Tx, lifted: Mapping[bytes, Listed]) -> None:
    """Let identifiers in again: their erased person, or a new owner, has agreed anew."""
    await store.remove(tx, [each.hash for each in lifted.values()])
