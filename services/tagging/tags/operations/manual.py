"""Tags by hand."""

from collections.abc import Sequence
from datetime import datetime

from chassis.db import Tx
from services.tagging.rules import store as rule_store
from services.tagging.subjects import store as subjects
from services.tagging.tags import domain
from services.tagging.tags.domain import BY_HAND, Edit, Held, Law, Person, ProfileTag
from services.tagging.tags.operations.judging import judge
from services.tagging.taxonomy.domain import Tag


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
    await judge(tx, [held[root]], {root: [now]}, edit=edit, tags=tags)
