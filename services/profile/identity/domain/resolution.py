"""Who an event is about: the algorithm of spec people §3.4, on people in memory.

Strong and account identifiers that a trusted source names together are one person's. A weak identifier only brings an
anonymous person to a known one; between known people it moves, and merges nobody. What would break a limit is
demoted: it stays where it is, a conflict says so, and the event goes to the owner of what remains.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profile.identity.domain.evidence import Evidence, ranked
from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.merging import (
    ALIAS,
    MANUAL,
    SHARED_IDENTIFIER,
    Author,
    Merge,
    by_seniority,
    unite,
)
from services.profile.identity.domain.people import Origin, People, Person, Trust
from services.profile.identity.domain.plans import Plan, believable, broken, cap_broken, plan_of
from services.profile.identity.domain.rules import RULES, Rules
from services.profile.identity.errors import MergeRefused


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


def resolve(people: People, evidence: Evidence, new_id: Callable[[], UUID], rules: Rules = RULES) -> Verdict:
    """Decide whom the evidence is about and change the people accordingly. There must be at least one claim."""
    if evidence.previous is None and (person := _sole_owner(people, evidence.claims)):
        _see(people, person, evidence.claims, evidence.origin.time)
        return Verdict(person)
    claims, refused = _with_previous(people, evidence)
    is_alias = evidence.previous is not None
    plan = plan_of(people, claims)
    demoted: list[tuple[Claim, str]] = [(claim, "PUBLIC_TRUST") for claim in refused]
    if broken(people, plan, evidence.origin, rules, is_alias=is_alias):
        plan, more = believable(people, claims, evidence.origin, rules, is_alias=is_alias)
        demoted += more
    how = _How(evidence.origin, ALIAS if is_alias else SHARED_IDENTIFIER, new_id, rules)
    verdict = _carry_out(people, plan, how)
    if not demoted:
        return verdict
    conflicts = tuple(_conflict(people, claim, rule, verdict.person) for claim, rule in demoted)
    return Verdict(verdict.person, verdict.is_created, verdict.merges, conflicts)


def merge_by_hand(
    people: People,
    pair: tuple[Person, Person],
    origin: Origin,
    author: Author,
    new_id: Callable[[], UUID],
    rules: Rules = RULES,
) -> Merge:
    """Make two people one because somebody says so. Raises `MergeRefused` where a rule for everybody forbids it."""
    plan = Plan([], list(pair))
    if rule := cap_broken(people, plan, rules):
        raise MergeRefused(rule)
    (merge,) = _united(people, plan, _How(origin, MANUAL, new_id, rules, author))[1]
    return merge


class _How(NamedTuple):
    """What all that one piece of evidence changes has in common."""

    origin: Origin
    reason: str
    new_id: Callable[[], UUID]
    rules: Rules
    author: Author = Author()


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


def _conflict(people: People, claim: Claim, rule: str, person: Person) -> Conflict:
    owner = people.owner(claim.key)
    return Conflict(claim, person.profile_id, owner.profile_id if owner else None, rule)


def _carry_out(people: People, plan: Plan, how: _How) -> Verdict:
    person, merges = _united(people, plan, how)
    for claim in plan.attach:
        people.links[claim.key] = person.attach(claim, how.origin)
    for _, link in plan.move:
        link.move(person)
        link.first_seen = link.last_seen = how.origin.time
        link.source_id, link.event_id, link.trust = how.origin[1:]
    if plan.parties:
        _see(people, person, plan.claims, how.origin.time)
    return Verdict(person, not plan.parties, merges)


def _united(people: People, plan: Plan, how: _How) -> tuple[Person, tuple[Merge, ...]]:
    if not plan.parties:
        return people.add(Person(how.new_id(), how.origin.time, is_new=True)), ()
    survivor, *losers = by_seniority(plan.parties)
    return survivor, tuple(_merge(survivor, loser, plan, how) for loser in losers)


def _merge(survivor: Person, loser: Person, plan: Plan, how: _How) -> Merge:
    claims, version = tuple(plan.claims), how.rules.version
    return Merge(how.new_id(), *unite(survivor, loser), claims, how.origin, how.reason, version, how.author)
