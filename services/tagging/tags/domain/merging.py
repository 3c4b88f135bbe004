"""What becomes of tags and stays when two people are one, and when they are two again (spec people §3.5). Pure.

Uniting and parting tell nothing by themselves: others were told of either person, and follow the redirects. What is
told is what the judgement after it changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.tagging.segments.domain import Membership
from services.tagging.tags.domain import BY_HAND, Held, Law, Person, TagRow, give


@dataclass(slots=True)
class Had:
    """What one side of a merge had before it; of the tags, those that the united person did not have."""

    tags: dict[TagRow, Held] = field(default_factory=dict)
    lost: set[TagRow] = field(default_factory=set)
    stays: dict[str, Membership] = field(default_factory=dict)


def inherit(survivor: Person, loser: Person) -> None:
    """Take over what a merged person had by hand, and the stays the survivor does not have.

    What rules set follows from the united facts. A stay that goes over is neither left nor entered.
    """
    for row, held in loser.tags.items():
        if row[1] == BY_HAND:
            survivor.tags.setdefault(row, held)
    for segment_id, stay in loser.stays.items():
        survivor.stays.setdefault(segment_id, stay)


def settle(person: Person, law: Law, _: datetime) -> None:
    """Let the newest tag by hand of every exclusive group stand."""
    rows = ((held.add_time, row) for row, held in person.tags.items() if row[1] == BY_HAND)
    for _, row in sorted(rows, reverse=True):
        if row in person.tags and law.tags[row[0]].exclusive_group:
            give(person, law, row, person.tags[row])


def part(remaining: Person, restored: Person, had: Had) -> None:
    """Give back what the restored person had, as far as nobody took it from the united one since."""
    for row, held in had.tags.items():
        if row in remaining.tags:
            restored.tags[row] = held
            if row[1] == BY_HAND and remaining.tags[row] == held:
                del remaining.tags[row]
        elif row[1] != BY_HAND and row in had.lost:
            restored.tags[row] = held
    for segment_id, stay in had.stays.items():
        if segment_id in remaining.stays:
            restored.stays[segment_id] = stay
            if remaining.stays[segment_id] == stay:
                del remaining.stays[segment_id]


def returning(had: Had) -> dict[TagRow, Held]:
    """The tags by hand that one side lost by the merge: the other one's newer tag of an exclusive group stood."""
    return {row: had.tags[row] for row in had.lost if row[1] == BY_HAND}


def give_back(person: Person, law: Law, rows: Mapping[TagRow, Held]) -> None:
    """Give tags by hand again, unless another one of their exclusive group was given since."""
    for row, held in rows.items():
        group = law.tags[row[0]].exclusive_group
        if not group or group not in _groups(person.tags, law):
            give(person, law, row, held)


def _groups(rows: Iterable[TagRow], law: Law) -> set[str | None]:
    return {law.tags[tag_id].exclusive_group for tag_id, rule_id in rows if rule_id == BY_HAND}
