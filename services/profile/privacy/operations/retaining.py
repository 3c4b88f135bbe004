"""What was kept for long enough goes (spec people §1H, H8)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Raw

from chassis.db import Database, Tx
from services.profile.attributes import domain as attributes
from services.profile.attributes import operations as attribute_operations
from services.profile.attributes import store as attribute_store
from services.profile.identity import store as identity
from services.profile.privacy import store
from services.profile.privacy.domain import ATTRIBUTE, EVENT, PROFILE, REJECTION, Order, Retention, Type
from services.profile.privacy.operations.requests import create
from services.profile.rejections import domain as rejection
from services.profile.rejections import store as rejections
from services.profile.timeline import store as timeline
from services.profile.vault.domain import Vault

EVENTS_AT_ONCE = 1_000
REJECTIONS_AT_ONCE = 1_000
PEOPLE_AT_ONCE = 200
SOURCE = "retention"
_UNSET = Raw(b"null")


async def retain(db: Database, vault: Vault, now: datetime) -> None:
    """Let go what is older than its class is kept, a little at a time."""
    async with db.read() as tx:
        rules = await store.list_retentions(tx)
    named = [name for kind, name in map(Retention.split, rules) if kind == EVENT]
    kept = next((timedelta(days=each.days) for each in rules if each.name == REJECTION), rejection.KEPT)
    if kept:
        await _let_rejections_go(db, now - kept)
    for rule in (each for each in rules if each.days):
        kind, name = rule.split()
        before = now - timedelta(days=rule.days)
        if kind == EVENT:
            await _let_events_go(db, name, named, before)
        elif kind == ATTRIBUTE:
            await _let_values_go(db, vault, name, before, now)
        elif kind == PROFILE:
            await _let_people_go(db, vault, before, now)


async def _let_events_go(db: Database, name: str, named: Sequence[str], before: datetime) -> None:
    async def some(tx: Tx) -> int:
        gone = await timeline.forget_older(tx, name, named, before, limit=EVENTS_AT_ONCE)
        await timeline.count(tx, {"events": -gone})
        return gone

    async def some_told(tx: Tx) -> int:
        return await timeline.forget_older_happenings(tx, name, named, before, limit=EVENTS_AT_ONCE)

    for work in (some, some_told):
        while await db.transact(work) == EVENTS_AT_ONCE:
            pass


async def _let_rejections_go(db: Database, before: datetime) -> None:
    async def some(tx: Tx) -> int:
        return await rejections.forget_older(tx, before, limit=REJECTIONS_AT_ONCE)

    while await db.transact(some) == REJECTIONS_AT_ONCE:
        pass


async def _let_values_go(db: Database, vault: Vault, name: str, before: datetime, now: datetime) -> None:
    after = UUID(int=0)

    async def some(tx: Tx) -> UUID | None:
        people = await attribute_store.list_after(tx, after, limit=PEOPLE_AT_ONCE)
        if not people:
            return None
        await identity.lock(tx, people)
        known = await attribute_store.known_of(tx, vault, people)
        old = [each for each, held in known.items() if attributes.is_older(held.facts.get(name), before)]
        unset = attributes.stated({name: _UNSET}, now, SOURCE)
        await attribute_operations.apply(tx, vault, [attributes.Stated(each, unset) for each in old], now=now)
        return people[-1]

    while (last := await db.transact(some)) is not None:
        after = last


async def _let_people_go(db: Database, vault: Vault, before: datetime, now: datetime) -> None:
    """Erase people of whom nothing was heard. They may come back: their identifiers are not suppressed."""
    order = Order(Type.ERASE, True, "", (), SOURCE, f"nothing was heard since {before:%Y-%m-%d}", is_suppressing=False)

    async def one(tx: Tx) -> bool:
        await identity.take_turn(tx, alone=True)
        silent = await store.find_silent(tx, before)
        if silent is None:
            return False
        await create(tx, vault, order, await identity.everyone_of(tx, silent), now=now)
        return True

    while await db.transact(one):
        pass
