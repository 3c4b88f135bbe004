"""Two people again: which of what came since a merge is whose (spec people §3.4, step 11).

Nothing that came after a merge says which of the two it was about but the identifiers it carries. What carries none
of the restored side stays where it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profile.attributes import domain as attributes
from services.profile.attributes.domain import Facts
from services.profile.attributes.domain.rules import NO_RULES, Rules

EVENTS_MAX = 20_000
SAID_MAX = 64 * 1024 * 1024
"""How much may have come since a merge that is undone, in events and in characters of what they state: while it is
told apart nobody else settles who is who, and all of it is in memory."""


class Side(NamedTuple):
    """One of two people as they stood before they became one."""

    keys: frozenset[bytes]
    create_time: datetime
    facts: Facts
    version: int


class PastMerge(NamedTuple):
    """A merge that stands. `named` are the identifiers that linked both, the highest-ranked first; none if by hand."""

    merge_id: UUID
    sequence: int
    survivor_id: UUID
    loser_id: UUID
    event_id: UUID | None
    named: tuple[bytes, ...]
    survivor: Side
    loser: Side
    merge_time: datetime

    @property
    def first_event_id(self) -> UUID:
        """Events with this id and greater came after it."""
        return self.event_id or self.merge_id


class PastEvent(NamedTuple):
    """An event that came since: whose it is now, its identifiers, the highest-ranked first, and what it states."""

    event_id: UUID
    profile_id: UUID
    keys: tuple[bytes, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Parting:
    """Which identifiers and events are the restored person's, and which of the later events are not."""

    keys: frozenset[bytes]
    sides: Mapping[bytes, bool]
    restored: tuple[PastEvent, ...]
    remaining: tuple[PastEvent, ...]


def part(merge: PastMerge, later: Iterable[PastMerge], events: Iterable[PastEvent]) -> Parting:
    """Tell apart what came since. `events` are in the order in which they came.

    An event is about whom its highest-ranked identifier names that either side knows; identifiers that are new with it
    are on its side too.
    """
    sides = dict.fromkeys(merge.survivor.keys, False)
    sides.update(dict.fromkeys(_joined(merge, later), False))
    sides.update(dict.fromkeys(merge.loser.keys, True))
    restored: list[PastEvent] = []
    remaining: list[PastEvent] = []
    for event in events:
        side = _side_of(event.keys, sides)
        if side is not None:
            for key in event.keys:
                sides.setdefault(key, side)
        (restored if side else remaining).append(event)
    keys = frozenset(key for key, is_restored in sides.items() if is_restored)
    return Parting(keys, sides, tuple(restored), tuple(remaining))


def _joined(merge: PastMerge, later: Iterable[PastMerge]) -> Iterator[bytes]:
    """The identifiers of those with whom the two became one later."""
    line = {merge.survivor_id}
    for each in later:
        if each.loser_id in line:
            line.add(each.survivor_id)
            yield from each.survivor.keys
        else:
            yield from each.loser.keys


def _side_of(keys: Sequence[bytes], sides: Mapping[bytes, bool]) -> bool | None:
    return next((sides[key] for key in keys if key in sides), None)


def dependents(merge: PastMerge, later: Iterable[PastMerge], events: Iterable[PastEvent]) -> list[PastMerge]:
    """Later merges, in their order, that would not have come about without this one: their links lead to what it added.

    Of a merge by hand nobody can tell through which side it came about: it depends.
    """
    sides = dict(part(merge, (), events).sides)
    found: list[PastMerge] = []
    for each in later:
        if not each.named or _side_of(each.named, sides):
            found.append(each)
            sides.update(dict.fromkeys(each.loser.keys, True))
    return found


def parted_facts(
    current: Facts, merge: PastMerge, later: Iterable[PastMerge], parting: Parting, rules: Rules = NO_RULES
) -> tuple[Facts, Facts]:
    """What is known of the remaining and of the restored person.

    Each side has what was known of it before, and what was said of it since. A fact whose event is gone is told by its
    source and time; one that nobody can tell stays with the remaining person.
    """
    restored = [merge.loser.facts, *(attributes.ruled(event.facts, rules) for event in parting.restored)]
    own = [merge.survivor.facts, *(attributes.ruled(event.facts, rules) for event in parting.remaining)]
    taken = attributes.told(restored) - attributes.told(own)
    others = [side.facts for each in later for side in (each.survivor, each.loser)]
    kept = [attributes.without(facts, taken, rules) for facts in (*others, current)]
    return attributes.fold_all([*own, *kept], rules), attributes.fold_all(restored, rules)
