"""What believing some claims would mean, and whether that breaks a rule (spec people §3.4, steps 3 to 5)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Link, People, Person
from services.profile.identity.domain.rules import Rules, Sight

MERGES_MAX = "MERGES_MAX"
LINKS_MAX = "LINKS_MAX"
NEVER_MERGE = "NEVER_MERGE"
STALE_PROOF = "STALE_PROOF"

_Counts = dict[tuple[str, str, int], int]
"""How many identifiers there are by type, namespace and limit."""


@dataclass(slots=True)
class Plan:
    """What believing some claims would mean.

    `firm` are those claims that name somebody for certain; `disputed` those of which nobody can say whose they are.
    """

    claims: list[Claim]
    parties: list[Person] = field(default_factory=list)
    attach: list[Claim] = field(default_factory=list)
    move: list[tuple[Claim, Link]] = field(default_factory=list)
    raised: list[Claim] = field(default_factory=list)
    firm: list[Claim] = field(default_factory=list)
    disputed: list[Claim] = field(default_factory=list)

    def join(self, person: Person) -> None:
        """Make somebody one of those who are one person."""
        if person not in self.parties:
            self.parties.append(person)

    def added(self) -> Iterator[Claim]:
        """The claims that would count against a limit, and did not before."""
        yield from self.attach
        yield from (claim for claim, _ in self.move)
        yield from (claim for claim in self.raised if all(claim is not moved for moved, _ in self.move))


def plan_of(people: People, claims: Sequence[Claim], sight: Sight) -> Plan:
    """What it would mean to believe all claims."""
    plan = Plan(list(claims))
    doubtful: list[tuple[Claim, Link]] = []
    for claim in claims:
        link = people.links.get(claim.key)
        if link is None:
            plan.attach.append(claim)
        elif claim.grade.is_weak or sight.grade(link).is_weak:
            doubtful.append((claim, link))
        else:
            plan.join(link.person)
            plan.firm.append(claim)
    plan.firm += [claim for claim in plan.attach if not claim.grade.is_weak]
    if doubtful:
        _weigh(plan, doubtful, sight)
    return plan


def _weigh(plan: Plan, doubtful: list[tuple[Claim, Link]], sight: Sight) -> None:
    """Decide what matches through weak identifiers mean.

    They bring those whom nothing else names. Who is known is found by them only where nothing stronger is said; beside
    something stronger the identifier goes to whom that names (the bridge rule, §3.4, step 3).
    """
    known = list(plan.parties)
    has_strong = any(not claim.grade.is_weak for claim in plan.claims)
    for claim, link in doubtful:
        is_stale = link.verified and not sight.is_fresh(link)
        if link.person in known or not sight.is_known(link.person):
            plan.join(link.person)
        elif not known and not (plan.firm if is_stale else has_strong):
            known.append(link.person)
            plan.join(link.person)
        elif is_stale:
            _weigh_stale(plan, claim, link, sight)
        elif has_strong and sight.grade(link).is_weak:
            plan.move.append((claim, link))
        if claim.verified and sight.grade(link).is_weak and not claim.grade.is_weak:
            plan.raised.append(claim)


def _weigh_stale(plan: Plan, claim: Claim, link: Link, sight: Sight) -> None:
    """Decide whose a contact is whose owner's proof is old (§3.2). What is older than that proof says nothing."""
    if not plan.firm or (link.last_verified is not None and sight.time < link.last_verified):
        return
    if claim.grade.is_weak or _hold_different(plan, claim, link, sight):
        plan.move.append((claim, link))
    else:
        plan.disputed.append(claim)


def _hold_different(plan: Plan, claim: Claim, link: Link, sight: Sight) -> bool:
    """Whether both who claims and who holds an identifier are named by one of higher rank."""
    claims_higher = any(other.grade.rank < claim.grade.rank for other in plan.firm)
    claims_higher = claims_higher or any(sight.outranks(person, claim) for person in plan.parties)
    return claims_higher and sight.outranks(link.person, claim)


def broken(people: People, plan: Plan, sight: Sight, *, is_alias: bool) -> str:
    """The rule that the plan breaks, or nothing."""
    if len(plan.parties) <= 1 and not (plan.attach or plan.move or plan.raised):
        return ""
    return cap_broken(people, plan, sight.rules) or ("" if is_alias else limit_broken(plan, sight))


def cap_broken(people: People, plan: Plan, rules: Rules) -> str:
    """The rule broken that holds for everybody, also for those who merge by hand."""
    if len(plan.parties) > 1:
        if any(people.are_apart(one, other) for one, other in combinations(plan.parties, 2)):
            return NEVER_MERGE
        if sum(person.merge_count + 1 for person in plan.parties) - 1 > rules.merges_max:
            return MERGES_MAX
    links = sum(len(person.links) for person in plan.parties) + len(plan.attach) + len(plan.move)
    if links > rules.links_max and (plan.attach or plan.move or len(plan.parties) > 1):
        return LINKS_MAX
    return ""


def limit_broken(plan: Plan, sight: Sight) -> str:
    """The limit that the union would exceed, and each part did not exceed that far."""
    parts = [_counts(person.links.values(), sight) for person in plan.parties]
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


def _counts(links: Iterable[Link], sight: Sight) -> _Counts:
    """How many count against which limit; identifiers limited per period count within it only."""
    counts: _Counts = {}
    for link in links:
        grade = sight.grade(link)
        if grade.period is None or abs(sight.time - link.first_seen) < grade.period:
            group = link.kind.name, link.namespace, grade.limit
            counts[group] = counts.get(group, 0) + 1
    return counts


def believable(
    people: People, claims: Sequence[Claim], sight: Sight, *, is_alias: bool
) -> tuple[Plan, list[tuple[Claim, str]]]:
    """Believe the claims from the highest rank down; demote each that cannot stand beside those above it."""
    plan, demoted = plan_of(people, claims[:1], sight), []
    for claim in claims[1:]:
        bolder = plan_of(people, [*plan.claims, claim], sight)
        rule = STALE_PROOF if bolder.disputed else broken(people, bolder, sight, is_alias=is_alias)
        if rule:
            demoted.append((claim, rule))
        else:
            plan = bolder
    return plan, demoted
