"""Who an event is about: the algorithm of spec people §3.4, on people in memory.

Strong and account identifiers that a trusted source names together are one person's. A weak identifier only brings an
anonymous person to a known one; between known people it moves, and merges nobody. What would break a limit is
demoted: it stays where it is, a conflict says so, and the event goes to the owner of what remains.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profile.identity.domain.evidence import Evidence, ranked
from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Link, Origin, People, Person, Trust

MERGES_MAX = 100
LINKS_MAX = 1000
RULE_VERSION = 1

SHARED_IDENTIFIER = "SHARED_IDENTIFIER"
ALIAS = "ALIAS"

_Counts = dict[tuple[str, str, int], int]
"""How many identifiers there are by type, namespace and limit."""


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
class Merge:
    """Two people turned out to be one. The states are those before it."""

    merge_id: UUID
    survivor: PersonState
    loser: PersonState
    claims: tuple[Claim, ...]
    origin: Origin
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An identifier was not believed: it would have broken `rule`. `owner_id` holds it, if anybody does."""

    claim: Claim
    profile_id: UUID
    owner_id: UUID | None
    rule: str


class Verdict(NamedTuple):
    """Whom the evidence is about, and what that changed."""

    person: Person
    is_created: bool = False
    merges: tuple[Merge, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


@dataclass(slots=True)
class _Plan:
    """What believing some claims would mean. `leader` is who it is about when nobody is to be united."""

    claims: list[Claim]
    parties: list[Person] = field(default_factory=list)
    attach: list[Claim] = field(default_factory=list)
    move: list[tuple[Claim, Link]] = field(default_factory=list)
    raised: list[Claim] = field(default_factory=list)

    def join(self, person: Person) -> None:
        """Make somebody one of those who are one person."""
        if person not in self.parties:
            self.parties.append(person)

    def added(self) -> Iterator[Claim]:
        """The claims that would count against a limit, and did not before."""
        yield from self.attach
        yield from (claim for claim, _ in self.move)
        yield from (claim for claim in self.raised if all(claim is not moved for moved, _ in self.move))


def resolve(people: People, evidence: Evidence, new_id: Callable[[], UUID]) -> Verdict:
    """Decide whom the evidence is about and change the people accordingly. There must be at least one claim."""
    if evidence.previous is None and (person := _sole_owner(people, evidence.claims)):
        _see(people, person, evidence.claims, evidence.origin.time)
        return Verdict(person)
    claims, refused = _with_previous(people, evidence)
    is_alias = evidence.previous is not None
    plan = _plan(people, claims)
    rule = _broken(plan, evidence.origin, is_alias)
    demoted: list[tuple[Claim, str]] = [(claim, "PUBLIC_TRUST") for claim in refused]
    if rule:
        plan, more = _believable(people, claims, evidence.origin, is_alias)
        demoted += more
    verdict = _carry_out(people, plan, evidence.origin, ALIAS if is_alias else SHARED_IDENTIFIER, new_id)
    if not demoted:
        return verdict
    conflicts = tuple(_conflict(people, claim, rule, verdict.person) for claim, rule in demoted)
    return Verdict(verdict.person, verdict.is_created, verdict.merges, conflicts)


def concerned_by(people: People, batch: Iterable[Evidence]) -> set[Person]:
    """The people about whom a batch may say something new, given all those whom it names.

    The others are only seen again: every piece of evidence that names one of theirs names nothing else.
    """
    return {
        owner
        for evidence in batch
        if evidence.previous is not None or _sole_owner(people, evidence.claims) is None
        for key in evidence.keys_named()
        if (owner := people.owner(key))
    }


def _sole_owner(people: People, claims: Sequence[Claim]) -> Person | None:
    """Who holds all identifiers already, as strongly as they are claimed. This is what nearly all events find."""
    person = None
    for claim in claims:
        link = people.links.get(claim.key)
        if link is None or (person is not None and link.person is not person) or claim.verified > link.verified:
            return None
        person = link.person
    return person


def _see(people: People, person: Person, claims: Sequence[Claim], time: datetime) -> None:
    for claim in claims:
        link = people.links.get(claim.key)
        if link is not None and link.person is person:
            link.see(claim, time)
    person.see(time)


def _with_previous(people: People, evidence: Evidence) -> tuple[list[Claim], list[Claim]]:
    """The claims with the other id of an alias among them, and those that the source may not make."""
    claims, previous = list(evidence.claims), evidence.previous
    if previous is None:
        return claims, []
    if evidence.origin.trust is Trust.SERVER:
        unseen_as_user = previous.as_user.key not in people.links
        as_device = unseen_as_user and previous.as_anonymous.key in people.links
        return ranked([*claims, previous.as_anonymous if as_device else previous.as_user]), []
    if previous.as_user.key not in people.links:
        return ranked([*claims, previous.as_anonymous]), []
    same = any(people.owner(claim.key) is people.owner(previous.as_user.key) for claim in claims)
    return claims, [] if same else [previous.as_user]


def _plan(people: People, claims: Sequence[Claim]) -> _Plan:
    plan = _Plan(list(claims))
    doubtful: list[tuple[Claim, Link]] = []
    has_strong = False
    for claim in claims:
        link = people.links.get(claim.key)
        has_strong = has_strong or not claim.grade.is_weak
        if link is None:
            plan.attach.append(claim)
        elif claim.grade.is_weak or link.grade.is_weak:
            doubtful.append((claim, link))
        else:
            plan.join(link.person)
    if doubtful:
        _weigh(plan, doubtful, has_strong)
    return plan


def _weigh(plan: _Plan, doubtful: list[tuple[Claim, Link]], has_strong: bool) -> None:
    """Decide what matches through weak identifiers mean."""
    known = list(plan.parties)
    for claim, link in doubtful:
        if link.person in known or not link.person.is_known:
            plan.join(link.person)
        elif not has_strong and not known:
            known.append(link.person)
            plan.join(link.person)
        elif has_strong and link.grade.is_weak:
            plan.move.append((claim, link))
        if claim.verified and link.grade.is_weak and link.grade is not claim.grade:
            plan.raised.append(claim)


def _broken(plan: _Plan, origin: Origin, is_alias: bool) -> str:
    """The rule that the plan breaks, or nothing."""
    if len(plan.parties) <= 1 and not (plan.attach or plan.move or plan.raised):
        return ""
    merges = sum(person.merge_count for person in plan.parties) + max(0, len(plan.parties) - 1)
    if len(plan.parties) > 1 and merges > MERGES_MAX:
        return "MERGES_MAX"
    links = sum(len(person.links) for person in plan.parties) + len(plan.attach) + len(plan.move)
    if links > LINKS_MAX and (plan.attach or plan.move or len(plan.parties) > 1):
        return "LINKS_MAX"
    return "" if is_alias else _limit_broken(plan, origin.time)


def _limit_broken(plan: _Plan, time: datetime) -> str:
    """The limit that the union would exceed, and each part did not exceed that far."""
    parts = [_counts(person.links.values(), time) for person in plan.parties]
    union: _Counts = {}
    for part in parts:
        for group, count in part.items():
            union[group] = union.get(group, 0) + count
    for claim in plan.added():
        group = claim.kind.name, claim.namespace, claim.grade.limit
        union[group] = union.get(group, 0) + 1
    for group, count in union.items():
        if count > group[2] and all(count > part.get(group, 0) for part in parts):
            return f"LIMIT {group[0]} {group[2]}"
    return ""


def _counts(links: Iterable[Link], time: datetime) -> _Counts:
    """How many count against which limit; identifiers limited per period count within it only."""
    counts: _Counts = {}
    for link in links:
        grade = link.grade
        if grade.period is None or abs(time - link.first_seen) < grade.period:
            group = link.kind.name, link.namespace, grade.limit
            counts[group] = counts.get(group, 0) + 1
    return counts


def _believable(
    people: People, claims: Sequence[Claim], origin: Origin, is_alias: bool
) -> tuple[_Plan, list[tuple[Claim, str]]]:
    """Believe the claims from the highest rank down; demote each that cannot stand beside those above it."""
    plan, demoted = _plan(people, claims[:1]), []
    for claim in claims[1:]:
        bolder = _plan(people, [*plan.claims, claim])
        rule = _broken(bolder, origin, is_alias)
        if rule:
            demoted.append((claim, rule))
        else:
            plan = bolder
    return plan, demoted


def _conflict(people: People, claim: Claim, rule: str, person: Person) -> Conflict:
    owner = people.owner(claim.key)
    return Conflict(claim, person.profile_id, owner.profile_id if owner else None, rule)


def _carry_out(people: People, plan: _Plan, origin: Origin, reason: str, new_id: Callable[[], UUID]) -> Verdict:
    person, merges = _united(people, plan, origin, reason, new_id)
    for claim in plan.attach:
        people.links[claim.key] = person.attach(claim, origin)
    for _, link in plan.move:
        link.move(person)
        link.first_seen = link.last_seen = origin.time
        link.source_id, link.event_id, link.trust = origin.source_id, origin.event_id, origin.trust
    if plan.parties:
        _see(people, person, plan.claims, origin.time)
    return Verdict(person, not plan.parties, merges)


def _united(
    people: People, plan: _Plan, origin: Origin, reason: str, new_id: Callable[[], UUID]
) -> tuple[Person, tuple[Merge, ...]]:
    if not plan.parties:
        return people.add(Person(new_id(), origin.time, is_new=True)), ()
    if len(plan.parties) == 1:
        return plan.parties[0], ()
    survivor, *losers = sorted(plan.parties, key=Person.seniority)
    return survivor, tuple(_merge(survivor, loser, plan, origin, reason, new_id()) for loser in losers)


def _merge(survivor: Person, loser: Person, plan: _Plan, origin: Origin, reason: str, merge_id: UUID) -> Merge:
    merge = Merge(merge_id, _state(survivor), _state(loser), tuple(plan.claims), origin, reason)
    for link in list(loser.links.values()):
        link.move(survivor)
    survivor.create_time = min(survivor.create_time, loser.create_time)
    survivor.merge_count += loser.merge_count + 1
    survivor.is_changed = True
    loser.survivor = survivor
    return merge


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
