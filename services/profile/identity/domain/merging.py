"""Two people become one: what is recorded of both before it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Link, Origin, Person

SHARED_IDENTIFIER = "SHARED_IDENTIFIER"
ALIAS = "ALIAS"
MANUAL = "MANUAL"


@dataclass(frozen=True, slots=True)
class LinkState:
    """An identifier as it stood at a moment."""

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


@dataclass(frozen=True, slots=True)
class PersonState:
    """A person as they stood at a moment."""

    profile_id: UUID
    create_time: datetime
    merge_count: int
    links: tuple[LinkState, ...]


@dataclass(frozen=True, slots=True)
class Author:
    """Who did by hand what sources do otherwise, and why."""

    actor: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two people turned out to be one. The states are those before it."""

    merge_id: UUID
    survivor: PersonState
    loser: PersonState
    claims: tuple[Claim, ...]
    origin: Origin
    reason: str
    rule_version: int
    author: Author = Author()


def unite(survivor: Person, loser: Person) -> tuple[PersonState, PersonState]:
    """Make two people one. Returns how both stood before."""
    before = _state(survivor), _state(loser)
    for link in list(loser.links.values()):
        link.move(survivor)
    survivor.create_time = min(survivor.create_time, loser.create_time)
    survivor.merge_count += loser.merge_count + 1
    survivor.apart |= loser.apart
    survivor.is_changed = True
    loser.survivor = survivor
    return before


def _state(person: Person) -> PersonState:
    return PersonState(
        person.profile_id,
        person.create_time,
        person.merge_count,
        tuple(_link_state(each) for each in person.links.values()),
    )


def _link_state(link: Link) -> LinkState:
    return LinkState(
        link.kind.name,
        link.namespace,
        link.value,
        link.verified,
        link.first_seen,
        link.last_seen,
        link.last_verified,
        link.source_id,
        link.event_id,
        int(link.trust),
    )
