"""What is stored, decided again under other rules by the algorithm that decided it (spec people B15)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.profile.identity.domain.corrections import reassign
from services.profile.identity.domain.evidence import Evidence, Previous, admitted
from services.profile.identity.domain.kinds import Claim, Strength
from services.profile.identity.domain.merging import Author
from services.profile.identity.domain.people import Link, Origin, People, Person, Trust
from services.profile.identity.domain.resolution import merge_by_hand, resolve
from services.profile.identity.domain.rules import Rules
from services.profile.identity.errors import IdentifierRefused, MergeRefused


class Held(NamedTuple):
    """An identifier as it stands. `has_evidence`: what attached it is still there, and is decided again."""

    key: bytes
    profile_id: UUID
    type: str
    namespace: str
    value: str
    verified: bool
    first_seen: datetime
    last_seen: datetime
    last_verified: datetime | None
    source_id: str
    event_id: UUID | None
    trust: int
    touched: bytes
    suspect_time: datetime | None
    has_evidence: bool = True


class Sign(NamedTuple):
    """What a key stands for."""

    type: str
    namespace: str
    value: str
    verified: bool = True


class Heard(NamedTuple):
    """What an event or a row said, in the order of `step_id`.

    `was_id`: whose it was when it came, `is_id`: whose now, if anybody knows. Bit n of `proven` tells whether the n-th
    key was; None where nobody wrote it down.
    """

    step_id: UUID
    was_id: UUID
    is_id: UUID | None
    origin: Origin
    keys: Sequence[bytes]
    proven: int | None
    previous: tuple[bytes, ...] = ()


class Reunion(NamedTuple):
    """A merge that no evidence says: by hand, or what said it is gone."""

    step_id: UUID
    survivor_id: UUID
    loser_id: UUID
    time: datetime


class Correction(NamedTuple):
    """An identifier taken from somebody by hand, and given to somebody else if there is one."""

    step_id: UUID
    key: bytes
    from_id: UUID
    to_id: UUID | None
    verified: bool
    time: datetime


class Release(NamedTuple):
    """A value that somebody let name people again."""

    step_id: UUID
    key: bytes


Step = Heard | Reunion | Correction | Release


class Stood(NamedTuple):
    """A merge that stands."""

    merge_id: UUID
    survivor_id: UUID
    loser_id: UUID


class Case(NamedTuple):
    """People who have to do with nobody else, and all that was said of them.

    `roots` leads from every id of theirs to whom it means; `apart` are ids that nobody may make one; `refused` are
    the keys that were not believed of somebody.
    """

    roots: Mapping[UUID, UUID]
    create_times: Mapping[UUID, datetime]
    held: Sequence[Held]
    signs: Mapping[bytes, Sign]
    apart: Mapping[UUID, frozenset[UUID]]
    merges: Sequence[Stood]
    refused: Collection[bytes]
    steps: Sequence[Step]


class ChangeKind(IntEnum):
    """What other rules would change. The numbers are those of the contract."""

    MERGE_REMOVED = 1
    MERGE_ADDED = 2
    PROFILE_SPLIT = 3
    IDENTIFIER_QUARANTINED = 4
    IDENTIFIER_RELEASED = 5
    IDENTIFIER_REFUSED = 6
    IDENTIFIER_BLOCKED = 7


class Change(NamedTuple):
    """One thing that would be otherwise. It counts `times` in its kind."""

    kind: ChangeKind
    profile_ids: Sequence[UUID]
    merge_id: UUID | None = None
    type: str = ""
    namespace: str = ""
    times: int = 1


class Group(NamedTuple):
    """One person as there would be, of which profiles of today, with how many identifiers."""

    profile_ids: Sequence[UUID]
    identifier_count: int


class Replayed(NamedTuple):
    """What would be otherwise. `assumed_count`: people of whom something is taken as it stands."""

    before_count: int
    after_count: int
    assumed_count: int
    changes: Sequence[Change]
    groups: Sequence[Group]


def replay(case: Case, rules: Rules, new_id: Callable[[], UUID]) -> Replayed:
    """Decide again, in the order in which it came, who all that was said is about."""
    return _Replay(case, rules, new_id).run()


class _Replay:
    """People as they come to be. `became` tells who a profile of today became, `met` who has to do with whom."""

    def __init__(self, case: Case, rules: Rules, new_id: Callable[[], UUID]) -> None:
        self.case, self.rules, self.new_id = case, rules, new_id
        self.people = People()
        self.became: dict[UUID, Person] = {}
        self.met: set[tuple[UUID, Person]] = set()
        self.refused: set[bytes] = set()
        self.blocked: set[bytes] = set()

    def run(self) -> Replayed:
        assumed = self._assume()
        for step in self.case.steps:
            self._take(step)
        self._complete()
        alive = [person for person in self.people.persons.values() if person.survivor is None]
        groups = self._groups()
        changes = [*self._merge_changes(groups), *self._identifier_changes()]
        described = [Group(sorted(groups[each]), len(each.links)) for each in alive if each in groups]
        return Replayed(len(set(self.case.roots.values())), len(alive), assumed, changes, described)

    def _assume(self) -> int:
        """Take as they stand the identifiers of which nothing tells any more how they came about.

        What was taken by hand from those who hold such, they had from the beginning.
        """
        for held in self.case.held:
            if not held.has_evidence:
                self._hold(self._found(held.profile_id), held)
        for step in self.case.steps:
            if isinstance(step, Correction) and step.key not in self.people.links and step.from_id in self.became:
                person, claim = self.became[step.from_id], self._claim(step.key, step.verified)
                if claim:
                    self._give(None, claim, person, Origin(person.create_time, "", None, Trust.SERVER))
        return len(self.people.persons)

    def _complete(self) -> None:
        """People of whom nothing is told stay what they are; if all that is told names nobody, there is nobody."""
        told = {self.case.roots[each.is_id or each.was_id] for each in self.case.steps if isinstance(each, Heard)}
        for root in set(self.case.roots.values()) - told - {root for root, _ in self.met}:
            self._found(root)

    def _found(self, root: UUID) -> Person:
        person = self.became.get(root)
        if person is None:
            apart = self.case.apart.get(root, frozenset())
            person = self.people.add(Person(root, self.case.create_times[root], apart=apart))
            self.became[root] = person
        self.met.add((root, person))
        return person

    def _hold(self, person: Person, held: Held) -> None:
        link = Link(
            held.key,
            self.rules.kind(held.type),
            held.namespace,
            held.value,
            held.verified,
            held.first_seen,
            held.last_seen,
            held.last_verified,
            held.source_id,
            held.event_id,
            Trust(held.trust),
            person,
            held.touched,
            held.suspect_time,
        )
        person.links[held.key] = self.people.links[held.key] = link

    def _take(self, step: Step) -> None:
        match step:
            case Heard():
                self._hear(step)
            case Reunion():
                self._reunite(step)
            case Correction():
                self._correct(step)
            case Release():
                if link := self.people.links.get(step.key):
                    link.touched, link.suspect_time = b"", None

    def _hear(self, heard: Heard) -> None:
        bits = heard.proven
        named = [self._claim(key, None if bits is None else bool(bits >> at & 1)) for at, key in enumerate(heard.keys)]
        claims, _ = admitted((claim for claim in named if claim), heard.origin.trust)
        if not claims:
            return
        previous = [claim for key in heard.previous if (claim := self._claim(key, True))]
        said = Evidence(tuple(claims), heard.origin, Previous(*previous) if len(previous) == 2 else None)
        verdict = resolve(self.people, said, lambda: self._id(heard.was_id), self.rules)
        person = verdict.person
        if verdict.is_created:
            person.apart = self.case.apart.get(person.profile_id, frozenset())
        self.became.setdefault(heard.was_id, person)
        if heard.is_id or verdict.is_created:
            self.met.add((self.case.roots[heard.is_id or heard.was_id], person))
        self.refused.update(conflict.claim.key for conflict in verdict.conflicts)

    def _id(self, wanted: UUID) -> UUID:
        """The id of a new person: that of today, so that who is the older and who stays apart is what it was."""
        return self.new_id() if wanted in self.people.persons or wanted in self.became else wanted

    def _claim(self, key: bytes, verified: bool | None) -> Claim | None:
        """The identifier as the rules see it; None where nobody knows it any more, or it names nobody."""
        sign = self.case.signs.get(key)
        if sign is None:
            return None
        kind, proven = self.rules.kind(sign.type), sign.verified if verified is None else verified
        claim = Claim(key, kind, sign.namespace, sign.value, proven, kind.grade(proven))
        if claim.grade.strength is Strength.NEVER or self.rules.blocked.blocks(claim):
            self.blocked.add(key)
            return None
        return claim

    def _reunite(self, merge: Reunion) -> None:
        survivor, loser = self.became.get(merge.survivor_id), self.became.get(merge.loser_id)
        if survivor is None or loser is None or survivor.root is loser.root:
            return
        origin = Origin(merge.time, "", None, Trust.SERVER)
        with suppress(MergeRefused):
            merge_by_hand(self.people, (survivor.root, loser.root), origin, Author(), self.new_id, self.rules)

    def _correct(self, correction: Correction) -> None:
        link, claim = self.people.links.get(correction.key), self._claim(correction.key, correction.verified)
        to = self.became.get(correction.to_id) if correction.to_id else None
        if link and correction.to_id is None:
            del link.person.links[link.key], self.people.links[link.key]
        elif claim and to:
            self._give(link, claim, to.root, Origin(correction.time, "", None, Trust.SERVER))

    def _give(self, link: Link | None, claim: Claim, person: Person, origin: Origin) -> None:
        if link is None:
            self.people.links[claim.key] = person.attach(claim, origin)
        elif link.person is not person:
            with suppress(IdentifierRefused):
                reassign(self.people, link, person, claim, origin, self.rules)

    def _groups(self) -> dict[Person, set[UUID]]:
        """Who would live, of which people of today."""
        groups: dict[Person, set[UUID]] = defaultdict(set)
        for root, person in self.met:
            groups[person.root].add(root)
        return groups

    def _merge_changes(self, groups: Mapping[Person, set[UUID]]) -> list[Change]:
        changes = []
        for merge in self.case.merges:
            survivor, loser = self.became.get(merge.survivor_id), self.became.get(merge.loser_id)
            if survivor and loser and survivor.root is not loser.root:
                pair = merge.survivor_id, merge.loser_id
                changes.append(Change(ChangeKind.MERGE_REMOVED, pair, merge.merge_id))
        parts: dict[UUID, int] = defaultdict(int)
        for roots in groups.values():
            if len(roots) > 1:
                changes.append(Change(ChangeKind.MERGE_ADDED, sorted(roots), times=len(roots) - 1))
            for root in roots:
                parts[root] += 1
        split = {root: count - 1 for root, count in parts.items() if count > 1}
        return [*changes, *(Change(ChangeKind.PROFILE_SPLIT, [root], times=more) for root, more in split.items())]

    def _identifier_changes(self) -> list[Change]:
        held = {each.key: each for each in self.case.held}
        suspects = {key for key, link in self.people.links.items() if link.suspect_time}
        known = {key for key, each in held.items() if each.suspect_time}
        return [
            *self._changed(ChangeKind.IDENTIFIER_QUARANTINED, suspects - known, held),
            *self._changed(ChangeKind.IDENTIFIER_RELEASED, known - suspects - self.blocked, held),
            *self._changed(ChangeKind.IDENTIFIER_REFUSED, self.refused.difference(self.case.refused), held),
            *self._changed(ChangeKind.IDENTIFIER_BLOCKED, self.blocked & held.keys(), held),
        ]

    def _changed(self, kind: ChangeKind, keys: Collection[bytes], held: Mapping[bytes, Held]) -> list[Change]:
        """Identifiers that would be otherwise, with who holds them today."""
        changes = []
        for key in sorted(keys):
            sign, owner = self.case.signs[key], held.get(key)
            changes.append(Change(kind, [owner.profile_id] if owner else [], None, sign.type, sign.namespace))
        return changes
