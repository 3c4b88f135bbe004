"""Judging people: hold them, judge, save, tell. Everything that may change a verdict comes through here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chassis.db import Database, Tx
from chassis.ids import new_id
from services.tagging.rules import domain as rules
from services.tagging.rules import store as rule_store
from services.tagging.rules.domain import Fact, State
from services.tagging.segments import domain as segments
from services.tagging.segments import store as segment_store
from services.tagging.subjects import store as subjects
from services.tagging.subjects.domain import Judged, NewFact, Subject
from services.tagging.tags import domain, events, store
from services.tagging.tags.domain import BY_HAND, Edit, Held, Law, Person, ProfileTag
from services.tagging.taxonomy import store as taxonomy
from services.tagging.taxonomy.domain import Tag

CHUNK = 500

Told = tuple[str, str, int]
"""A profile, its attributes as JSON text, and their version."""


async def take_in(
    tx: Tx, seen: Iterable[tuple[str, datetime]], *, facts: Sequence[NewFact] = (), told: Sequence[Told] = ()
) -> None:
    """Take in what others told of people, and judge those people at the times at which they were `seen`."""
    instants: dict[str, list[datetime]] = {}
    for profile_id, now in seen:
        instants.setdefault(profile_id, []).append(now)
    held, roots = await subjects.lock_subjects(tx, instants)
    await subjects.save_facts(tx, [fact._replace(profile_id=roots[fact.profile_id]) for fact in facts])
    held |= await _tell(
        tx, held, [(roots[profile_id], attributes, version) for profile_id, attributes, version in told]
    )
    merged: dict[str, list[datetime]] = {}
    for profile_id, times in instants.items():
        merged.setdefault(roots[profile_id], []).extend(times)
    await _judge(tx, [held[profile_id] for profile_id in merged], merged)


async def _tell(tx: Tx, held: Mapping[str, Subject], told: Sequence[Told]) -> dict[str, Subject]:
    newer: dict[str, Told] = {}
    for profile_id, attributes, version in told:
        if version > (newer[profile_id][2] if profile_id in newer else held[profile_id].version):
            newer[profile_id] = (profile_id, attributes, version)
    if newer:
        await subjects.save_attributes(tx, list(newer.values()))
    return {
        profile_id: replace(held[profile_id], attributes=json.loads(attributes or "{}"), version=version)
        for profile_id, attributes, version in newer.values()
    }


async def add_tag(
    tx: Tx, *, profile_id: str, tag: Tag, operator: str, expire_time: datetime | None, now: datetime
) -> ProfileTag:
    """Give a tag by hand."""

    def give(person: Person, law: Law, at: datetime) -> None:
        domain.give(person, law, (tag.tag_id, BY_HAND), Held(operator, False, at, expire_time))

    await _edit(tx, profile_id, give, now=now, tags=[tag])
    return ProfileTag(tag.tag_id, tag.key, BY_HAND, operator, now, expire_time)


async def remove_tag(tx: Tx, *, profile_id: str, tag_id: str, now: datetime) -> bool:
    """Take a tag that was given by hand, or by a rule that is stopped. False when there is none."""
    live = {rule.rule_id for rule in await rule_store.list_live(tx)}
    taken: list[domain.TagRow] = []

    def take(person: Person, law: Law, at: datetime) -> None:
        taken.extend(row for row in person.tags if row[0] == tag_id and row[1] not in live)
        for row in taken:
            del person.tags[row]

    await _edit(tx, profile_id, take, now=now)
    return bool(taken)


async def take_back_tag(tx: Tx, *, profile_id: str, tag_id: str, operator: str, now: datetime) -> None:
    """Take a tag that `operator` gave by hand; one that another gave since then stays."""

    def take(person: Person, law: Law, at: datetime) -> None:
        held = person.tags.get((tag_id, BY_HAND))
        if held is not None and held.operator == operator:
            del person.tags[tag_id, BY_HAND]

    await _edit(tx, profile_id, take, now=now)


async def _edit(tx: Tx, profile_id: str, edit: Edit, *, now: datetime, tags: Sequence[Tag] = ()) -> None:
    held, roots = await subjects.lock_subjects(tx, [profile_id])
    root = roots[profile_id]
    await _judge(tx, [held[root]], {root: [now]}, edit=edit, tags=tags)


async def merge(tx: Tx, *, survivor_id: str, loser_id: str, told: Told, now: datetime) -> None:
    """Make two people one: facts unite, tags by hand go over, the rest is judged anew."""
    held, roots = await subjects.lock_subjects(tx, [survivor_id, loser_id])
    survivor, loser = roots[survivor_id], roots[loser_id]
    held |= await _tell(tx, held, [(survivor, *told[1:])])
    if survivor == loser:
        return await _judge(tx, [held[survivor]], {survivor: [now]})
    law = await _law(tx)
    (left,) = await _people(tx, [held[loser]], law, now)
    await subjects.save_merge(tx, loser_id=loser, survivor_id=survivor)
    await _save(tx, [(left, replace(left, tags={}, stays={}))])
    return await _judge(tx, [held[survivor]], {survivor: [now]}, heir_of=left)


async def judge_due(db: Database, now: datetime) -> int:
    """Judge people for whom time alone may have changed something. Returns how many."""
    async with db.read() as tx:
        due = await subjects.list_due(tx, now=now, limit=CHUNK)
    if due:
        await db.transact(lambda tx: _judge_known(tx, due, now))
    return len(due)


async def _judge_known(tx: Tx, profile_ids: Sequence[str], now: datetime) -> None:
    """Judge those of the people who were not forgotten since they were listed."""
    known = await subjects.hold_known(tx, profile_ids)
    if known:
        await take_in(tx, [(profile_id, now) for profile_id in known])


async def backfill(tx: Tx, now: datetime) -> bool:
    """Apply a new rule or segment to the next people in line. False when nothing waits."""
    waiting = await subjects.lock_backfill(tx)
    if waiting is None:
        return False
    if waiting.is_new:  # in a transaction of its own, which ends at once: while it waits nobody can be opened
        await subjects.begin_backfill(tx, waiting.definition_id)
        return True
    people = await subjects.list_after(tx, waiting.cursor, limit=CHUNK)
    await _judge_known(tx, people, now)
    await subjects.save_backfill(tx, waiting.definition_id, cursor=people[-1] if people else "")
    if not people and waiting.rule_id:
        await rule_store.save_state(tx, waiting.rule_id, before=State.BACKFILLING, after=State.ACTIVE)
    return True


async def _judge(
    tx: Tx,
    held: Sequence[Subject],
    instants: Mapping[str, Sequence[datetime]],
    *,
    edit: Edit | None = None,
    heir_of: Person | None = None,
    tags: Sequence[Tag] = (),
) -> None:
    """Judge people who are held. The law is read after they are: see `backfill`, which waits for the same rows."""
    law = await _law(tx)
    earliest = min(min(times) for times in instants.values())
    people = await _people(tx, held, law, earliest)
    judged = [(replace(person, tags=dict(person.tags), stays=dict(person.stays)), person) for person in people]
    for person in people:
        if heir_of:
            domain.inherit(person, heir_of)
    law = replace(law, tags=await _tags(tx, law, people) | {tag.tag_id: tag for tag in tags})
    processing = await subjects.processing_of(tx, [person.profile_id for person in people])
    for person in people:
        own = domain.bounded(law, processing.get(person.profile_id))
        domain.judge(person, own, instants[person.profile_id], new_id=new_id, edit=edit)
    await _save(tx, judged)
    await subjects.save_judged(
        tx, [Judged(person.profile_id, person.judge_time or earliest, person.due_time) for _, person in judged]
    )
    await events.judged(tx, [change for _, person in judged for change in person.changes])


async def _law(tx: Tx) -> Law:
    return Law(
        rules=[(rule, rules.compile_condition(rule.when)) for rule in await rule_store.list_live(tx)],
        segments=[
            (segment, segments.compile_expression(segment.expression))
            for segment in await segment_store.list_definitions(tx)
        ],
        tags={},
    )


async def _tags(tx: Tx, law: Law, people: Sequence[Person]) -> dict[str, Tag]:
    held = {row[0] for person in people for row in person.tags}
    return await taxonomy.find_tags(tx, held | {rule.tag_id for rule, _ in law.rules})


async def _people(tx: Tx, held: Sequence[Subject], law: Law, now: datetime) -> list[Person]:
    ids = [subject.profile_id for subject in held]
    since = min([now, *(subject.judge_time for subject in held if subject.judge_time)])
    needed = rules.facts_needed([condition for _, condition in law.rules], since)
    facts = await subjects.find_facts(tx, ids, needed)
    tags = await store.find_tags(tx, ids)
    stays = await segment_store.find_memberships(tx, ids)
    return [
        Person(
            subject.profile_id,
            subject.attributes,
            {name: [Fact(*fact) for fact in rows] for name, rows in facts[subject.profile_id].items()},
            tags[subject.profile_id],
            stays[subject.profile_id],
            subject.judge_time,
        )
        for subject in held
    ]


async def _save(tx: Tx, judged: Sequence[tuple[Person, Person]]) -> None:
    """Write down how people differ from before."""
    await store.save_tags(
        tx,
        ended=[(after.profile_id, row) for before, after in judged for row in before.tags.keys() - after.tags.keys()],
        begun=[
            (after.profile_id, row, held)
            for before, after in judged
            for row, held in after.tags.items()
            if before.tags.get(row) != held
        ],
    )
    await segment_store.save_stays(
        tx,
        ended=[
            (after.profile_id, segment_id, stay)
            for before, after in judged
            for segment_id, stay in before.stays.items()
            if after.stays.get(segment_id) != stay
        ],
        begun=[
            (after.profile_id, segment_id, stay)
            for before, after in judged
            for segment_id, stay in after.stays.items()
            if before.stays.get(segment_id) != stay
        ],
    )
