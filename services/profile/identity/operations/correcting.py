"""Who is who, corrected by hand."""

from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.attributes import operations as attribute_operations
from services.profile.attributes.domain import United
from services.profile.identity import domain, events, store
from services.profile.identity.domain import Author, Blocked, Origin, Separation, Trust
from services.profile.identity.errors import ProfileNotFound, ProfilesAreOne
from services.profile.identity.operations.settling import before
from services.profile.timeline import store as timeline_store
from services.profile.vault.domain import Vault


async def merge_profiles(tx: Tx, vault: Vault, one: UUID, other: UUID, author: Author, *, now: datetime) -> UUID:
    """Make two people one because somebody knows that they are. Returns the merge's id.

    Raises `ProfileNotFound`, `ProfilesAreOne` or `MergeRefused`.
    """
    await store.take_turn(tx, alone=True)
    roots = await _two(tx, one, other)
    [ruling] = await store.list_rulings(tx, limit=1)
    rules = domain.rules_of(ruling, Blocked())
    people = await store.load_by_id(tx, vault, roots, rules)
    origin = Origin(now, author.actor, None, Trust.SERVER)
    pair = people.persons[roots[0]], people.persons[roots[1]]
    merge = domain.merge_by_hand(people, pair, origin, author, new_id, rules)
    await store.save(tx, vault, people)
    change = United(merge.survivor.profile_id, merge.loser.profile_id)
    (union,), _ = await attribute_operations.apply(tx, vault, [change], now=now)
    await store.save_merges(tx, vault, [(merge, before(merge, union))], now=now)
    await events.profile_merged(tx, [(merge, union)], now=now)
    await timeline_store.count(tx, {"profiles": -1, "merges": 1})
    return merge.merge_id


async def create_separation(tx: Tx, one: UUID, other: UUID, author: Author, *, now: datetime) -> Separation:
    """Say that two people are not one, whatever links them. Raises `ProfileNotFound` or `ProfilesAreOne`."""
    await store.take_turn(tx, alone=True)
    await _two(tx, one, other)
    said = await store.separate(tx, one, other, author, now=now)
    await store.keep_apart(tx, one, other)
    await store.keep_apart(tx, other, one)
    return said


async def delete_separation(tx: Tx, one: UUID, other: UUID) -> None:
    """Take back that two people are not one, under whichever ids it was said. Raises `ProfileNotFound`."""
    await store.take_turn(tx, alone=True)
    some, others = [await store.everyone_of(tx, await store.root_of(tx, each)) for each in (one, other)]
    await store.unite(tx, some, others)


async def _two(tx: Tx, one: UUID, other: UUID) -> list[UUID]:
    """Whom both ids lead to, in order."""
    roots = await store.roots_of(tx, [one, other])
    known = await store.create_times(tx, [one, other])
    for each in (one, other):
        if each not in known:
            raise ProfileNotFound(profile_id=str(each))
    if roots[one] == roots[other]:
        raise ProfilesAreOne(roots[one])
    return sorted(roots.values())
