"""People join and leave groups."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.attributes import domain as attributes
from services.profile.groups import domain, events, store
from services.profile.groups.domain import Joining, Membership, Place
from services.profile.groups.errors import MembershipNotFound
from services.profile.identity import store as identity
from services.profile.identity.errors import ProfileNotFound
from services.profile.vault.domain import Vault


async def join(tx: Tx, vault: Vault, joining: Joining, *, now: datetime) -> list[Membership]:
    """Say that a profile belongs to a group. Returns all that was said for it there. Raises `ProfileNotFound`."""
    await _hold(tx, [joining.profile_id])
    await join_all(tx, vault, [joining], now=now)
    return await store.held(tx, [(joining.profile_id, joining.place)])


async def join_all(tx: Tx, vault: Vault, joinings: Sequence[Joining], *, now: datetime) -> None:
    """Say what groups profiles belong to, whose rows are held: one statement for all. Only what is new is written."""
    if not joinings:
        return
    wanted = {(each.profile_id, each.place) for each in joinings}
    held: dict[tuple[UUID, Place], list[Membership]] = {each: [] for each in wanted}
    for membership in await store.held(tx, wanted):
        held[membership.profile_id, membership.place].append(membership)
    added = [new for joining in joinings for new in _added(joining, held[joining.profile_id, joining.place])]
    await store.add(tx, added)
    await events.membership_changed(tx, added, now=now)
    await _describe(tx, vault, joinings, now)


def _added(joining: Joining, held: list[Membership]) -> Iterator[Membership]:
    """What is new of a membership. It counts as held for those that follow."""
    for start, end in domain.news(joining, [each.span for each in held]):
        new = Membership(new_id(), *joining.place, joining.profile_id, start, end, joining.actor)
        held.append(new)
        yield new


async def _describe(tx: Tx, vault: Vault, joinings: Sequence[Joining], now: datetime) -> None:
    """Let what is said of groups count, the latest by its time."""
    told = [each for each in joinings if each.traits]
    if not told:
        return
    groups = await store.lock_groups(tx, vault, {each.place for each in told}, now=now)
    facts = {place: group.facts for place, group in groups.items()}
    for each in told:
        said = attributes.stated(each.traits, each.time, each.actor)
        facts[each.place] = attributes.fold(facts[each.place], said)
    changed = {place: known for place, known in facts.items() if known != groups[place].facts}
    await store.save_groups(tx, vault, changed, now=now)


async def leave(tx: Tx, profile_id: UUID, place: Place, moment: datetime, *, now: datetime) -> list[Membership]:
    """Say that a person belongs to a group no longer, under no id. Returns what ends then.

    Raises `ProfileNotFound` or `MembershipNotFound`.
    """
    everyone = await _hold(tx, [profile_id])
    leaving = await store.list_of(tx, everyone, place=place, as_of=moment)
    if not leaving:
        raise MembershipNotFound(profile_id, place.group_id)
    await store.end(tx, leaving, moment)
    ended = [each._replace(end_time=moment) for each in leaving if each.start_time < moment]
    await events.membership_changed(tx, ended, now=now)
    void = [each for each in leaving if each.start_time >= moment]
    await events.membership_changed(tx, void, is_void=True, now=now)
    return ended


async def _hold(tx: Tx, profile_ids: Sequence[UUID]) -> list[UUID]:
    """All ids of people, held in order, beside others who settle who is who. Raises `ProfileNotFound`."""
    await identity.take_turn(tx, alone=False)
    roots = await identity.roots_of(tx, profile_ids)
    everyone = sorted({one for root in roots.values() for one in await identity.everyone_of(tx, root)})
    for asked in profile_ids:
        if asked not in everyone:
            raise ProfileNotFound(profile_id=str(asked))
    await identity.lock(tx, everyone)
    return everyone
