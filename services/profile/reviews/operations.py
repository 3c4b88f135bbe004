"""Keeping the review queue, and deciding what stands in it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.ids import new_id
from services.profile.identity import operations as identity
from services.profile.identity import store as identity_store
from services.profile.identity.domain import Author
from services.profile.reviews import domain, store
from services.profile.reviews.domain import Decision, Item, Suggestion
from services.profile.vault.domain import Vault

DOUBTS_MAX = 500


async def resolve(
    tx: Tx, vault: Vault, review_item_id: UUID, decision: Decision, author: Author, *, now: datetime
) -> Item:
    """Decide an item, and do what was decided. The same decision again changes nothing.

    Raises `ReviewItemNotFound`, `ReviewItemResolved`, and what merging and telling apart raise.
    """
    await identity_store.take_turn(tx, alone=decision is not Decision.DISMISS)
    item = await store.lock(tx, review_item_id)
    if domain.is_decided(item, decision):
        return item
    merge_id = await _carry_out(tx, vault, item, decision, author, now)
    resolved = domain.resolve(item, decision, author.actor, author.note, merge_id=merge_id, now=now)
    await store.save_resolved(tx, resolved)
    return resolved


async def _carry_out(
    tx: Tx, vault: Vault, item: Item, decision: Decision, author: Author, now: datetime
) -> UUID | None:
    pair = item.low_id, item.high_id
    if decision is Decision.MERGE:
        return await identity.merge_profiles(tx, vault, *pair, author, now=now)
    if decision is Decision.NEVER_MERGE:
        await identity.create_separation(tx, *pair, author, now=now)
    return None


async def suggest(tx: Tx, suggestions: Sequence[Suggestion], *, now: datetime) -> None:
    """Put pairs that are alike into the queue. A pair that came up before does not come up again."""
    await store.add(tx, [domain.item_of_suggestion(each, new_id(), now) for each in suggestions])


async def keep_queue(db: Database, clock: Clock) -> None:
    """Put new conflicts into the queue, and close what was settled elsewhere."""
    while await db.transact(lambda tx: _queue(tx, clock.now())) == DOUBTS_MAX:
        pass
    await db.transact(lambda tx: store.close_settled(tx, now=clock.now()))


async def _queue(tx: Tx, now: datetime) -> int:
    taken, doubts = await store.take_doubts(tx, limit=DOUBTS_MAX)
    await store.add(tx, [domain.item_of_doubt(each, new_id(), now) for each in domain.doubted(doubts)])
    return taken
