"""Who an event is about: the algorithm of spec people §3.4, on people in memory.

Strong and account identifiers that a trusted source names together are one person's. A weak identifier only brings an
anonymous person to a known one; between known people it moves, and merges nobody. What would break a limit is
demoted: it stays where it is, a conflict says so, and the event goes to the owner of what remains.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profile.identity.domain import touches
from services.profile.identity.domain.evidence import Evidence, ranked
from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.merging import ALIAS, MANUAL, SHARED_IDENTIFIER, Author, Merge, unite
from services.profile.identity.domain.people import Link, Origin, People, Person, Trust
from services.profile.identity.domain.plans import STALE_PROOF, Plan, believable, broken, cap_broken, plan_of
from services.profile.identity.domain.rules import RULES, Rules, Sight
from services.profile.identity.domain.verdicts import Conflict, Move, MoveReason, Verdict
from services.profile.identity.errors import MergeRefused

PUBLIC_TRUST = "PUBLIC_TRUST"


def resolve(people: People, evidence: Evidence, new_id: Callable[[], UUID], rules: Rules = RULES) -> Verdict:
    """Decide whom the evidence is about and change the people accordingly. There must be at least one claim."""
    sight = Sight(evidence.origin.time, rules)
    if evidence.previous is None and (person := _sole_owner(people, evidence.claims, sight)):
        _see(people, person, evidence.claims, sight.time)
        return Verdict(person)
    claims, refused = _with_previous(people, evidence)
    plan, demoted = _decided(people, _unsuspected(people, claims), sight, is_alias=evidence.previous is not None)
    demoted = [*((claim, PUBLIC_TRUST) for claim in refused), *demoted]
    how = _How(evidence.origin, ALIAS if evidence.previous else SHARED_IDENTIFIER, new_id, sight)
    return _concluded(people, plan, demoted, how)


def _decided(
    people: People, claims: Sequence[Claim], sight: Sight, *, is_alias: bool
) -> tuple[Plan, list[tuple[Claim, str]]]:
    """What is believed, and what is not, with the rule it would break."""
    plan, demoted = plan_of(people, claims, sight), []
    if plan.disputed:
        demoted = [(claim, STALE_PROOF) for claim in plan.disputed]
        plan = plan_of(people, [claim for claim in claims if claim not in plan.disputed], sight)
    if not broken(people, plan, sight, is_alias=is_alias):
        return plan, demoted
    plan, more = believable(people, plan.claims, sight, is_alias=is_alias)
    return plan, demoted + more


def _concluded(people: People, plan: Plan, demoted: Sequence[tuple[Claim, str]], how: "_How") -> Verdict:
    """Carry out what is believed."""
    united = touches.somebodies(plan.parties) if len(plan.parties) > 1 else []
    moved = [(link, link.person) for _, link in plan.move]
    verdict = _carry_out(people, plan, how)
    if not (demoted or moved or verdict.merges):
        return verdict
    refused = [(claim, people.links.get(claim.key)) for claim, _ in demoted]
    return verdict._replace(
        conflicts=tuple(_conflict(people, claim, rule, verdict.person) for claim, rule in demoted),
        moves=tuple(_move(link, was, plan) for link, was in moved),
        quarantined=tuple(touches.touch(people, plan, united, moved, refused, how.sight)),
    )


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
    (merge,) = _united(people, plan, _How(origin, MANUAL, new_id, Sight(origin.time, rules), author))[1]
    return merge


class _How(NamedTuple):
    """What all that one piece of evidence changes has in common."""

    origin: Origin
    reason: str
    new_id: Callable[[], UUID]
    sight: Sight
    author: Author = Author()


def concerned_by(people: People, batch: Iterable[Evidence], rules: Rules = RULES) -> set[Person]:
    """The people about whom a batch may say something new, given all those whom it names.

    The others are only seen again: every piece of evidence that names one of theirs names nothing else.
    """
    return {
        owner
        for evidence in batch
        if evidence.previous is not None
        or _sole_owner(people, evidence.claims, Sight(evidence.origin.time, rules)) is None
        for key in evidence.keys_named()
        if (owner := people.owner(key))
    }


def _sole_owner(people: People, claims: Sequence[Claim], sight: Sight) -> Person | None:
    """Who holds all identifiers already, as strongly as they are claimed. This is what nearly all events find."""
    person = None
    for claim in claims:
        link = people.links.get(claim.key)
        if link is None or (person is not None and link.person is not person) or claim.verified > link.verified:
            return None
        if link.kind.has_proof and not sight.is_fresh(link):
            return None
        person = link.person
    return person


def _unsuspected(people: People, claims: Sequence[Claim]) -> Sequence[Claim]:
    """The claims without those that were seen with too many people; those only where there is nothing else."""
    suspects = [claim for claim in claims if (link := people.links.get(claim.key)) and link.suspect_time]
    if not suspects:
        return claims
    return [claim for claim in claims if claim not in suspects] or claims[:1]


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


def _move(link: Link, was: Person, plan: Plan) -> Move:
    is_proven = any(claim.verified for claim, moved in plan.move if moved is link)
    reason = MoveReason.RECYCLED if is_proven else MoveReason.HANDED_OVER
    return Move(link, was.profile_id, link.person.profile_id, reason)


def _carry_out(people: People, plan: Plan, how: _How) -> Verdict:
    person, merges = _united(people, plan, how)
    for claim in plan.attach:
        people.links[claim.key] = person.attach(claim, how.origin)
    for claim, link in plan.move:
        link.hand_over(person, claim, how.origin)
    if plan.parties:
        _see(people, person, plan.claims, how.origin.time)
    return Verdict(person, not plan.parties, merges)


def _united(people: People, plan: Plan, how: _How) -> tuple[Person, tuple[Merge, ...]]:
    if not plan.parties:
        return people.add(Person(how.new_id(), how.origin.time, is_new=True)), ()
    survivor, *losers = sorted(plan.parties, key=how.sight.seniority)
    return survivor, tuple(_merge(survivor, loser, plan, how) for loser in losers)


def _merge(survivor: Person, loser: Person, plan: Plan, how: _How) -> Merge:
    claims, version = tuple(plan.claims), how.sight.rules.version
    return Merge(how.new_id(), *unite(survivor, loser), claims, how.origin, how.reason, version, how.author)
