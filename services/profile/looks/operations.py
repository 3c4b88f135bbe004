"""Whom a store's key may see, and how often it may ask who somebody is (spec people §1C, C8)."""

from datetime import datetime
from uuid import UUID

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from chassis.ids import new_id
from services.profile.looks import domain, store
from services.profile.looks.domain import Look
from services.profile.looks.errors import LookupLimit, OutOfScope


async def check_scope(tx: ReadTx, caller: Caller, profile_id: UUID, *, now: datetime) -> None:
    """Raises `OutOfScope` for a store's key that asks for somebody, who lives on, who is no customer of the store."""
    if caller.store_id and not await store.is_customer(tx, profile_id, caller.store_id, now=now):
        raise OutOfScope


async def note_lookup(tx: Tx, caller: Caller, found: UUID | None, kind: str, *, now: datetime) -> None:
    """Count a look-up by identifier of a store's key, and note who was found. Raises `LookupLimit`.

    The identifier itself is not noted: it is personal.
    """
    cost = domain.MISS_COST if found is None else 1
    if await store.spend(tx, caller.principal, domain.window_of(now), cost) > domain.LOOKUPS_MAX:
        raise LookupLimit(domain.seconds_left(now))
    if found is not None:
        look = Look(new_id(), domain.LOOKUP, found, caller.principal, caller.store_id, f"by {kind}", now)
        await store.add_look(tx, look)
