"""Who followed whose share, and who registered by it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from chassis.db import ReadTx, Tx
from services.incentive.campaigns import store
from services.incentive.campaigns.domain import invitations
from services.incentive.campaigns.domain.invitations import ANCESTORS_MAX, TOUCH_AGE_MAX, Parents, Signup
from services.incentive.campaigns.domain.terms import TouchChoice
from services.incentive.campaigns.operations.dockets import registrations_of
from services.incentive.subjects import store as subjects
from services.incentive.subjects.domain import Person

FORGET_MAX = 5_000


async def register(tx: Tx, signups: Sequence[Signup]) -> None:
    """Give people who register an inviter, chosen once. Who registered before, or has bought, is not new."""
    await store.hold_tree(tx)
    people = await subjects.find_people(tx, {signup.profile_id for signup in signups})
    known = await registrations_of(tx, people.values())
    fresh = _fresh(signups, people, known)
    if not fresh:
        return
    ids = {signup.profile_id: people[signup.profile_id].ids for signup in fresh}
    touches = await store.find_touches(tx, fresh, ids)
    bought = await store.find_kept(tx, {each for group in ids.values() for each in group})
    old = {own for own, group in ids.items() if any(bought.get(each) for each in group)}
    touches = {signup.cause: touches.get(signup.cause, []) for signup in fresh if signup.profile_id not in old}
    sharers = {touch.sharer_id for group in touches.values() for touch in group}
    survivors = {asked: person.profile_id for asked, person in people.items()}
    survivors |= await subjects.find_survivors(tx, sharers)
    parents = await _parents(tx, {survivors.get(each, each) for each in sharers})
    await store.save_registrations(tx, invitations.register(fresh, touches, parents, survivors))


def _fresh(signups: Iterable[Signup], people: dict[str, Person], known: Iterable[str]) -> list[Signup]:
    """Those who register for the first time, once each."""
    seen, fresh = set(known), []
    for signup in signups:
        own = people[signup.profile_id].profile_id
        if own not in seen:
            seen.add(own)
            fresh.append(signup)
    return fresh


async def _parents(tx: ReadTx, profile_ids: Iterable[str]) -> Parents:
    """The reward tree above people, level by level."""
    parents: Parents = {}
    level, walked = set(profile_ids), set[str]()
    for _ in range(ANCESTORS_MAX):
        if not level:
            break
        walked |= level
        people = await subjects.find_people(tx, level)
        found = await registrations_of(tx, people.values())
        inviters = {
            (choice, own): each.inviter_id(choice)
            for own, each in found.items()
            for choice in TouchChoice
            if each.inviter_id(choice)
        }
        survivors = await subjects.find_survivors(tx, set(inviters.values()))
        parents |= {key: survivors.get(inviter_id, inviter_id) for key, inviter_id in inviters.items()}
        level = set(parents.values()) - walked
    return parents


async def forget_touches(tx: Tx, now: datetime) -> int:
    """Forget some visits that are too old to make an inviter. Returns how many."""
    return await store.forget_touches(tx, now - TOUCH_AGE_MAX, FORGET_MAX)
