"""What may not be known goes, also of people of whom nothing is said any more (spec people §5.1)."""

from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database, Tx
from services.profile.attributes import operations as attributes
from services.profile.attributes import store
from services.profile.attributes.domain import Stated
from services.profile.identity import store as identity
from services.profile.vault.domain import Vault

PEOPLE_AT_ONCE = 200


async def sweep(db: Database, vault: Vault, clock: Clock, *, limit: int = PEOPLE_AT_ONCE) -> int:
    """Hold everybody against the gate, once and whenever an attribute became sensitive.

    Each portion is a transaction that notes how far it came: whoever is stopped goes on there. A rule that comes
    meanwhile has it begin again. Returns how many portions were full.
    """
    portions = 0
    while await db.transact(lambda tx: _portion(tx, vault, clock, limit)):
        portions += 1
    return portions


async def _portion(tx: Tx, vault: Vault, clock: Clock, limit: int) -> bool:
    """Returns whether there may be more.

    The first portion waits for all who settle by rules that are over; those who come later read the new ones.
    """
    held = await store.hold_sweep(tx)
    if held is None:
        return False
    await identity.take_turn(tx, alone=held.after == UUID(int=0))
    people = await store.list_after(tx, held.after, limit=limit)
    await identity.lock(tx, people)
    roots = await identity.roots_of(tx, people)  # as of now, when they are held: some may be others since
    await attributes.apply(tx, vault, [Stated(each, {}) for each in people if roots[each] == each], now=clock.now())
    last = people[-1] if len(people) == limit else None
    await store.save_sweep(tx, held.version, last)
    return last is not None
