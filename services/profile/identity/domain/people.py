"""The people and identifiers that a batch is about, as they stand and as they change while it is decided."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.profile.identity.domain.kinds import Claim, Kind

SEEN_GRAIN = timedelta(days=1)
"""How far `last_seen` may lag behind: most events then change no identifier."""


class Trust(IntEnum):
    """What a source may claim. The numbers are those of the contract."""

    PUBLIC = 1
    SERVER = 2


class Origin(NamedTuple):
    """Where a claim comes from."""

    time: datetime
    source_id: str
    event_id: UUID | None
    trust: Trust


@dataclass(slots=True, eq=False)
class Link:
    """An identifier on a person. `first_seen`, `last_seen` and `last_verified` are about this person.

    `touched` tells with whom it was seen of late, `suspect_time` since when it was with too many.
    """

    key: bytes
    kind: Kind
    namespace: str
    value: str
    verified: bool
    first_seen: datetime
    last_seen: datetime
    last_verified: datetime | None
    source_id: str
    event_id: UUID | None
    trust: Trust
    person: "Person"
    touched: bytes = b""
    suspect_time: datetime | None = None
    is_new: bool = False
    is_changed: bool = False

    def see(self, claim: Claim, time: datetime) -> None:
        """Take notice that it was claimed at `time`."""
        if time < self.first_seen:
            self.first_seen, self.is_changed = time, True
        if time >= self.last_seen + SEEN_GRAIN:
            self.last_seen, self.is_changed = time, True
        if claim.verified and (self.last_verified is None or time >= self.last_verified + SEEN_GRAIN):
            self.last_verified, self.is_changed = time, True
        if claim.verified and not self.verified:
            self.verified = self.is_changed = True

    def hand_over(self, person: "Person", claim: Claim, origin: Origin) -> None:
        """Put it on somebody else, for whom what was seen and proven before does not count."""
        self.move(person)
        self.first_seen = self.last_seen = origin.time
        self.source_id, self.event_id, self.trust = origin[1:]
        if self.kind.has_proof:
            self.verified, self.last_verified = claim.verified, origin.time if claim.verified else None

    def move(self, person: "Person") -> None:
        """Put it on another person."""
        del self.person.links[self.key]
        person.links[self.key] = self
        self.person, self.is_changed = person, True


@dataclass(slots=True, eq=False)
class Person:
    """One person, with those identifiers that matter now. `survivor` is set once merged into another.

    `apart` are the ids of those with whom the person may never be one.
    """

    profile_id: UUID
    create_time: datetime
    merge_count: int = 0
    apart: frozenset[UUID] = frozenset()
    links: dict[bytes, Link] = field(default_factory=dict)
    is_new: bool = False
    is_changed: bool = False
    survivor: "Person | None" = None

    @property
    def root(self) -> "Person":
        """The one that lives on."""
        person = self
        while person.survivor is not None:
            person = person.survivor
        return person

    def see(self, time: datetime) -> None:
        """Take notice that the person did something at `time`."""
        if time < self.create_time:
            self.create_time, self.is_changed = time, True

    def attach(self, claim: Claim, origin: Origin) -> Link:
        """Give the person an identifier that nobody holds."""
        link = Link(
            claim.key,
            claim.kind,
            claim.namespace,
            claim.value,
            claim.verified or not claim.kind.has_proof,
            origin.time,
            origin.time,
            origin.time if claim.verified else None,
            *origin[1:],
            person=self,
            is_new=True,
        )
        self.links[claim.key] = link
        return link


@dataclass(slots=True)
class People:
    """Everybody who holds an identifier that the batch names."""

    persons: dict[UUID, Person] = field(default_factory=dict)
    links: dict[bytes, Link] = field(default_factory=dict)

    def owner(self, key: bytes) -> Person | None:
        """Who holds the identifier."""
        link = self.links.get(key)
        return link.person if link else None

    def are_apart(self, one: Person, other: Person) -> bool:
        """Whether somebody said that the two are not one person."""
        return any(self.persons[each].root is other for each in one.apart if each in self.persons)

    def add(self, person: Person) -> Person:
        """Let somebody in."""
        self.persons[person.profile_id] = person
        self.links.update(person.links)
        return person
