"""Judging people: hold them, judge, save, tell. Everything that may change a verdict comes through here."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chassis.db import Tx
from chassis.ids import new_id
from services.tagging.rules import domain as rules
from services.tagging.rules import store as rule_store
from services.tagging.rules.domain import Fact
from services.tagging.segments import domain as segments
from services.tagging.segments import store as segment_store
from services.tagging.subjects import store as subjects
from services.tagging.subjects.domain import Judged, NewFact, Subject
from services.tagging.tags import domain, events, store
from services.tagging.tags.domain import Edit, Law, Person, StayChange, TagChange
from services.tagging.tags.store import merged
from services.tagging.taxonomy import store as taxonomy
from services.tagging.taxonomy.domain import Tag

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
    await subjects.save_facts(tx, facts, roots)
    held |= await tell(tx, held, told)
    of_root: dict[str, list[datetime]] = {}
    for profile_id, times in instants.items():
        of_root.setdefault(roots[profile_id], []).extend(times)
    await judge(tx, [held[profile_id] for profile_id in of_root], of_root)


async def tell(tx: Tx, held: Mapping[str, Subject], told: Sequence[Told]) -> dict[str, Subject]:
    """Take over what was told of ids whose rows are held. Returns the people of whom it is news, as they are now.

    What is told of an id that leads to another person says nothing of that person: it is older than the merge, or newer
    than the undoing of it that was not told yet.
    """
    if told:
        await subjects.save_attributes(tx, told)
    newer: dict[str, Subject] = {}
    for profile_id, attributes, version in told:
        known = newer.get(profile_id) or held.get(profile_id)
        if known and version > known.version:
            newer[profile_id] = replace(known, attributes=json.loads(attributes or "{}"), version=version)
    return newer


async def judge(
    tx: Tx,
    held: Sequence[Subject],
    instants: Mapping[str, Sequence[datetime]],
    *,
    edit: Edit | None = None,
    start: Callable[[Mapping[str, Person]], None] | None = None,
    tags: Sequence[Tag] = (),
) -> None:
    """Judge people who are held. The law is read after they are: see `backfill`, which waits for the same rows.

    `start` sets what they have before they are judged, without telling; `edit` changes their tags, and that is told.
    """
    given = await law(tx)
    earliest = min(min(times) for times in instants.values())
    judged = await people(tx, held, given, earliest)
    before = [replace(person, tags=dict(person.tags), stays=dict(person.stays)) for person in judged]
    if start:
        start({person.profile_id: person for person in judged})
    given = replace(given, tags=await _tags(tx, given, judged) | {tag.tag_id: tag for tag in tags})
    processing = await subjects.processing_of(tx, [person.profile_id for person in judged])
    for person in judged:
        own = domain.bounded(given, processing.get(person.profile_id))
        domain.judge(person, own, instants[person.profile_id], new_id=new_id, edit=edit)
    await save(tx, list(zip(before, judged, strict=True)))
    await subjects.save_judged(
        tx, [Judged(person.profile_id, person.judge_time or earliest, person.due_time) for person in judged]
    )
    changes = [change for person in judged for change in person.changes]
    await events.judged(tx, [*changes, *await _ended_with(tx, changes)])


async def _ended_with(tx: Tx, changes: Sequence[TagChange | StayChange]) -> list[StayChange]:
    """Ends of stays that merged profiles had, and that end as the united person leaves."""
    left = [change for change in changes if isinstance(change, StayChange) and not change.entered]
    return await merged.end_stays(tx, left) if left else []


async def law(tx: Tx) -> Law:
    """What people are judged by now; the tags come when it is known whose."""
    return Law(
        rules=[(rule, rules.compile_condition(rule.when)) for rule in await rule_store.list_live(tx)],
        segments=[
            (segment, segments.compile_expression(segment.expression))
            for segment in await segment_store.list_definitions(tx)
        ],
        tags={},
    )


async def _tags(tx: Tx, given: Law, judged: Sequence[Person]) -> dict[str, Tag]:
    held = {row[0] for person in judged for row in person.tags}
    return await taxonomy.find_tags(tx, held | {rule.tag_id for rule, _ in given.rules})


async def people(tx: Tx, held: Sequence[Subject], given: Law, now: datetime) -> list[Person]:
    """People as they were judged last, with the facts that it takes to judge them up to `now`."""
    ids = [subject.profile_id for subject in held]
    since = min([now, *(subject.judge_time for subject in held if subject.judge_time)])
    needed = rules.facts_needed([condition for _, condition in given.rules], since)
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


async def save(tx: Tx, judged: Sequence[tuple[Person, Person]]) -> None:
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
