"""What believing some claims would mean, and whether that breaks a rule (spec people §3.4, steps 3 to 5)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Link, Origin, People, Person
from services.profile.identity.domain.rules import Rules

MERGES_MAX = "MERGES_MAX"
LINKS_MAX = "LINKS_MAX"
NEVER_MERGE = "NEVER_MERGE"

_Counts = dict[tuple[str, str, int], int]
"""How many identifiers there are by type, namespace and limit."""


@dataclass(slots=True)
class Plan:
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


def plan_of(people: People, claims: Sequence[Claim]) -> Plan:
    """What it would mean to believe all claims."""
    plan = Plan(list(claims))
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


def _weigh(plan: Plan, doubtful: list[tuple[Claim, Link]], has_strong: bool) -> None:
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


def broken(people: People, plan: Plan, origin: Origin, rules: Rules, *, is_alias: bool) -> str:
    """The rule that the plan breaks, or nothing."""
    if len(plan.parties) <= 1 and not (plan.attach or plan.move or plan.raised):
        return ""
    return cap_broken(people, plan, rules) or ("" if is_alias else _limit_broken(plan, origin.time))


def cap_broken(people: People, plan: Plan, rules: Rules) -> str:
    """The rule broken that holds for everybody, also for those who merge by hand."""
    if any(people.are_apart(one, other) for one, other in combinations(plan.parties, 2)):
        return NEVER_MERGE
    merges = sum(person.merge_count for person in plan.parties) + max(0, len(plan.parties) - 1)
    if len(plan.parties) > 1 and merges > rules.merges_max:
        return MERGES_MAX
    links = sum(len(person.links) for person in plan.parties) + len(plan.attach) + len(plan.move)
    if links > rules.links_max and (plan.attach or plan.move or len(plan.parties) > 1):
        return LINKS_MAX
    return ""


def _limit_broken(plan: Plan, time: datetime) -> str:
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


def believable(
    people: People, claims: Sequence[Claim], origin: Origin, rules: Rules, *, is_alias: bool
) -> tuple[Plan, list[tuple[Claim, str]]]:
    """Believe the claims from the highest rank down; demote each that cannot stand beside those above it."""
    plan, demoted = plan_of(people, claims[:1]), []
    for claim in claims[1:]:
        bolder = plan_of(people, [*plan.claims, claim])
        rule = broken(people, bolder, origin, rules, is_alias=is_alias)
        if rule:
            demoted.append((claim, rule))
        else:
            plan = bolder
    return plan, demoted
