"""What changes where members stand: count, hold, evaluate, save, tell.

Rows are held in one order everywhere: members, in the order of programmes and profiles.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.ids import new_id
from services.incentive.ledger import store as ledger
from services.incentive.subjects import store as subjects
from services.incentive.subjects.domain import Person
from services.incentive.subjects.errors import MergedMeanwhile
from services.incentive.tiers import domain, events, store
from services.incentive.tiers.domain import Change, Earning, Programme, Standing, Step
from services.incentive.tiers.errors import TierPlacementInvalid
from services.incentive.tiers.store import Member

EVALUATED_AT_ONCE_MAX = 500


class Membership(NamedTuple):
    """A person in a programme: where they stand, and what they earned that may count."""

    programme: Programme
    person: Person
    standing: Standing
    earnings: Sequence[Earning]


async def count(tx: Tx, steps: Sequence[Step], *, now: datetime) -> None:
    """Have paid orders count as they stand, and let those rise who earned enough."""
    await store.count(tx, steps)
    await evaluate(tx, {(step.programme_id, step.profile_id) for step in steps}, now)


async def evaluate(tx: Tx, members: Collection[Member], now: datetime) -> list[Membership]:
    """Decide where people stand now."""
    if not members:
        return []
    memberships = await _hold(tx, members)
    return await _decide(tx, memberships, memberships, now)


async def part(tx: Tx, profile_ids: Collection[str], now: datetime) -> None:
    """Decide where people stand who were taken for one, each by their own steps and earnings (spec people §3.5)."""
    people = await subjects.find_people(tx, profile_ids)
    members = await store.find_joined(tx, {each for person in people.values() for each in person.ids})
    memberships = await _hold(tx, members) if members else []
    own = []
    for each in memberships:
        last = await store.find_change(tx, each.programme.programme_id, each.person.ids, now)
        own.append(each._replace(standing=domain.parted(each.programme, each.standing, last)))
    await _decide(tx, memberships, own, now)


async def _decide(
    tx: Tx, known: Sequence[Membership], memberships: Sequence[Membership], now: datetime
) -> list[Membership]:
    """Decide where people stand now, and keep what is another than what is known.

    Who is only stored stays where they are: what is due by then is decided when that has ended (spec people §5.1).
    """
    restricted = await subjects.restricted_people(tx, (each.person for each in memberships))
    decided = [
        (each.standing, [])
        if each.person in restricted
        else domain.evaluated(each.programme, each.standing, each.earnings, now)
        for each in memberships
    ]
    after = [each._replace(standing=standing) for each, (standing, _) in zip(memberships, decided, strict=True)]
    changed = [(each, change) for each, (_, changes) in zip(after, decided, strict=True) for change in changes]
    await _save(tx, [each for each, before in zip(after, known, strict=True) if each != before], changed)
    return after


async def evaluate_due(tx: Tx, now: datetime) -> bool:
    """Decide about some of those whose time is over. Returns whether there were any."""
    return bool(await evaluate(tx, await store.find_due(tx, now, EVALUATED_AT_ONCE_MAX), now))


async def place(
    tx: Tx, programme_id: UUID, profile_id: str, level: int, *, note: str, document_id: str, now: datetime
) -> Membership:
    """Put somebody at a level. Raises `TierProgrammeNotFound`, `TierPlacementInvalid`."""
    programme = await store.get_programme(tx, programme_id)
    if level > len(programme.levels):
        raise TierPlacementInvalid("level", f"must be from 0 to {len(programme.levels)}")
    if programme.is_by_application(level) and not document_id:
        raise TierPlacementInvalid("document_id", "is required for a level by application")
    (membership,) = await _hold(tx, {(programme_id, profile_id)})
    standing, change = domain.placed(programme, membership.standing, level, note, document_id, now)
    membership = membership._replace(standing=standing)
    await _save(tx, [membership], [(membership, change)])
    return membership


async def _hold(tx: Tx, members: Collection[Member]) -> list[Membership]:
    """The people behind members, held under all their ids. Raises `MergedMeanwhile`."""
    programmes = await store.find_programmes(tx, {programme_id for programme_id, _ in members})
    people = await subjects.find_people(tx, {profile_id for _, profile_id in members})
    persons = {(programme_id, people[each].profile_id): people[each] for programme_id, each in members}
    ids = {(programme_id, each) for (programme_id, _), person in persons.items() for each in person.ids}
    standings = await store.lock_members(tx, ids)
    if await subjects.find_people(tx, people.keys()) != people:
        raise MergedMeanwhile
    earnings = await _earnings(tx, programmes, persons)
    return [
        Membership(
            programmes[key[0]],
            person,
            domain.highest(standings[key[0], each] for each in sorted(person.ids)),
            earnings[key],
        )
        for key, person in sorted(persons.items())
    ]


async def _earnings(
    tx: ReadTx, programmes: Mapping[UUID, Programme], persons: Mapping[Member, Person]
) -> dict[Member, list[Earning]]:
    ids = {
        (programme_id, each): key for key, person in persons.items() for programme_id in key[:1] for each in person.ids
    }
    found: dict[Member, list[Earning]] = {key: [] for key in persons}
    for member, earnings in (await store.list_earnings(tx, ids)).items():
        found[ids[member]] += earnings
    for key, person in persons.items():
        if asset := programmes[key[0]].metric.asset:
            found[key] += [Earning(*each) for each in await ledger.list_earned(tx, person.ids, asset)]
    return found


async def _save(tx: Tx, after: Sequence[Membership], changed: Sequence[tuple[Membership, Change]]) -> None:
    """Keep where people stand: under the id that stands for them; the others of a merged person have no level."""
    standings = {
        (each.programme.programme_id, profile_id): each.standing if profile_id == each.person.profile_id else Standing()
        for each in after
        for profile_id in each.person.ids
    }
    await store.save_members(tx, standings)
    rows = [(new_id(), each.programme.programme_id, each.person.profile_id, change) for each, change in changed]
    await store.save_changes(tx, rows)
    await events.tiers_changed(tx, [(each.programme, each.person.profile_id, change) for each, change in changed])
