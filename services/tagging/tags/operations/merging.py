"""Two people are one, and two again (spec people §3.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chassis.db import Tx
from logic.redirects import Edge, roots
from services.tagging.segments import store as segment_store
from services.tagging.segments.domain import Membership
from services.tagging.subjects import store as subjects
from services.tagging.subjects.domain import NewFact, Subject
from services.tagging.subjects.store import merges
from services.tagging.tags import events, store
from services.tagging.tags.domain import Law, Person, StayChange
from services.tagging.tags.domain import merging as domain
from services.tagging.tags.domain.merging import Had
from services.tagging.tags.operations import judging
from services.tagging.tags.operations.judging import Told
from services.tagging.tags.store import merged
from services.tagging.taxonomy import store as taxonomy


async def merge(tx: Tx, edge: Edge, *, told: Told, now: datetime) -> None:
    """Make two people one: facts unite, tags by hand go over, the rest is judged anew. What either had is kept.

    Nothing happens if the merge is known, or was undone before it was told.
    """
    await merges.hold_merges(tx)
    if not await merges.insert_merge(tx, edge):
        return
    ids, edges = await merges.find_merged(tx, (edge.loser_id, edge.survivor_id))
    held, was = await subjects.lock_subjects(tx, ids)
    held |= await judging.tell(tx, held, [told])
    leads = {each: each for each in ids} | roots(edges)
    heir_id, ended = leads[edge.loser_id], [each for each in held if leads[each] != each]
    law = await judging.law(tx)
    left = await judging.people(tx, [held[each] for each in ended], law, now)
    had = await _had(tx, {*ended, was[edge.loser_id], was[edge.survivor_id]})
    await merges.save_redirects(tx, leads)
    await judging.save(tx, [(person, replace(person, tags={}, stays={})) for person in left])

    united: dict[str, Membership] = {}

    def start(people: Mapping[str, Person]) -> None:
        for person in left:
            domain.inherit(people[leads[person.profile_id]], person)
        united.update(people[heir_id].stays)

    heir = held.get(heir_id) or (await subjects.lock_subjects(tx, [heir_id]))[0][heir_id]
    await judging.judge(tx, [heir], {heir_id: [now]}, start=start, edit=domain.settle)
    if ended:
        over = await _end_stays(tx, had, united, heir_id, now)
        await events.judged(tx, over)
        await _note(tx, edge.merge_id, had, heir_id)


async def _had(tx: Tx, profile_ids: set[str]) -> dict[str, Had]:
    tags = await store.find_tags(tx, profile_ids)
    stays = await segment_store.find_memberships(tx, sorted(profile_ids))
    return {each: Had(tags[each], set(), stays[each]) for each in profile_ids}


async def _end_stays(
    tx: Tx, had: Mapping[str, Had], united: Mapping[str, Membership], heir_id: str, now: datetime
) -> list[StayChange]:
    """Drop the stays of both sides in segments that they left by being united. Returns the ends not told yet."""
    kept, over = (await segment_store.find_memberships(tx, [heir_id]))[heir_id], list[StayChange]()
    for profile_id, side in had.items():
        for segment_id in [each for each in side.stays if kept.get(each) != united[each]]:
            stay = side.stays.pop(segment_id)
            if stay != united[segment_id]:
                over.append(StayChange(profile_id, segment_id, stay.entry_id, False, now, stay.enter_time))
    return over


async def _note(tx: Tx, merge_id: str, had: Mapping[str, Had], heir_id: str) -> None:
    """Keep what either side had, and what of it the united person has not."""
    kept = (await store.find_tags(tx, [heir_id]))[heir_id]
    for side in had.values():
        side.lost = side.tags.keys() - kept.keys()
    await merged.save_had(tx, merge_id, had)


async def unmerge(tx: Tx, edge: Edge, restored_from_ids: Sequence[str], *, told: Sequence[Told], now: datetime) -> None:
    """Make two people of one again: each has the facts that were told of it, what it had before the merge, and what
    follows from that. What came since stays with who remains. Done once per merge, told before or not."""
    await merges.hold_merges(tx)
    if not await merges.undo_merge(tx, edge, restored_from_ids):
        return None
    ids, edges = await merges.find_merged(tx, (edge.loser_id, edge.survivor_id, *restored_from_ids))
    await subjects.lock_subjects(tx, ids)
    leads = {each: each for each in ids} | roots(edges)
    await merges.save_redirects(tx, leads)
    held, _ = await subjects.lock_subjects(tx, {*ids, *(row[0] for row in told)})
    held |= await judging.tell(tx, held, told)
    remaining_id, restored_id = leads[edge.survivor_id], leads[edge.loser_id]
    had = await merged.take_had(tx, edge.merge_id, edge.loser_id, ids - {edge.loser_id})
    if remaining_id == restored_id:
        return await judging.judge(tx, [held[remaining_id]], {remaining_id: [now]})
    return await _part(tx, held[remaining_id], held[restored_id], had, edge, now)


async def _part(
    tx: Tx, remaining: Subject, restored: Subject, had: Mapping[str, Had], edge: Edge, now: datetime
) -> None:
    restored_had = had.get(edge.loser_id, Had())
    back = {restored.profile_id: domain.returning(restored_had)}
    back[remaining.profile_id] = {
        row: held for each, side in had.items() if each != edge.loser_id for row, held in domain.returning(side).items()
    }
    tags = await taxonomy.find_tags(tx, {row[0] for side in had.values() for row in side.tags})

    def start(people: Mapping[str, Person]) -> None:
        domain.part(people[remaining.profile_id], people[restored.profile_id], restored_had)

    def edit(person: Person, law: Law, _: datetime) -> None:
        domain.give_back(person, law, back[person.profile_id])

    anew = [replace(each, judge_time=None) for each in (remaining, restored)]
    instants = {each.profile_id: [now] for each in anew}
    await judging.judge(tx, anew, instants, start=start, edit=edit, tags=list(tags.values()))


async def reassign(
    tx: Tx, moved: Sequence[tuple[NewFact | None, datetime]], concerned: set[str], *, now: datetime
) -> None:
    """Count facts for whom they are now, and judge all whom that concerns. None: the event is no fact."""
    held, leads = await subjects.lock_subjects(tx, concerned)
    await subjects.reassign_facts(tx, [(fact, time) for fact, time in moved if fact], leads)
    await judging.judge(tx, list(held.values()), {each: [now] for each in held})
