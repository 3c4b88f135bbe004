"""Which rewards are doubtful because of who people turned out to be. Pure: the same merges lead to the same flags.

What one person got beyond what one person may get is a duplicate if it was given under several ids; what somebody got
for what they did themselves is their own share; what somebody got for what another person did is to be reassigned (spec
people §3.5, I25).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.incentive.campaigns.domain import Grant, Kind, Terms
from services.incentive.campaigns.domain.limits import Action, Entity, Period, bucket_of
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.templates import Template
from services.incentive.flags.errors import FlagNotOpen


class FlagKind(StrEnum):
    """What is doubtful about a reward."""

    DUPLICATE_GRANT = "duplicate_grant"
    OWN_SHARE = "own_share"
    REASSIGNED = "reassigned"


class FlagState(StrEnum):
    """Where a flag stands."""

    OPEN = "open"
    KEPT = "kept"
    REVERSED = "reversed"
    CLEARED = "cleared"


class Item(StrEnum):
    """What is flagged."""

    GRANT = "grant"
    COUPON = "coupon"


@dataclass(frozen=True, slots=True)
class Flag:
    """A doubtful reward. `first_id` came first of a duplicate; `other_id` is whom it is about beside its person.

    `clear_time`: when the reason was no more, also of one that was resolved.
    """

    flag_id: UUID
    kind: FlagKind
    item: Item
    item_id: UUID
    first_id: UUID | None
    campaign_id: UUID | None
    template_id: UUID | None
    profile_id: str
    other_id: str
    state: FlagState
    flag_time: datetime
    clear_time: datetime | None = None
    resolve_time: datetime | None = None
    resolver: str = ""
    reason: str = ""

    @property
    def key(self) -> tuple[FlagKind, UUID]:
        """What is flagged once."""
        return self.kind, self.item_id


class Doubt(NamedTuple):
    """A reward that is to be flagged."""

    kind: FlagKind
    item: Item
    item_id: UUID
    first_id: UUID | None
    campaign_id: UUID | None
    template_id: UUID | None
    profile_id: str
    other_id: str


class Place(NamedTuple):
    """Something of which a person may have no more than a cap: a campaign's or a template's, in one span."""

    source_id: UUID
    name: str
    cap: int


class Taken(NamedTuple):
    """A place that one fact took for the person `profile_id`, and what was given for it."""

    place: Place
    time: datetime
    profile_id: str
    doubts: tuple[Doubt, ...]


NewId = Callable[[], UUID]
Stands = Mapping[str, str]
"""Whom ids stand for."""


def doubts_of_grants(
    grants: Sequence[Grant],
    terms: Mapping[UUID, Terms],
    stands: Stands,
    owners: Mapping[UUID, str],
    void: Iterable[UUID],
) -> list[Doubt]:
    """What is doubtful of grants that stand, given with their terms by id, and whose their facts turned out to be."""
    gone = set(void)
    found = list(_duplicates(_places_of_grants(grants, terms), stands))
    for grant in grants:
        actor_id = grant.actor_id or grant.profile_id
        is_own = bool(grant.actor_id) and stands[grant.actor_id] == stands[grant.profile_id]
        if is_own or grant.cause in gone:
            found.append(_doubt(FlagKind.OWN_SHARE, grant, actor_id))
        owner_id = owners.get(grant.cause)
        if owner_id is not None and stands[owner_id] != stands[actor_id]:
            found.append(_doubt(FlagKind.REASSIGNED, grant, owner_id))
    return found


def _doubt(kind: FlagKind, grant: Grant, other_id: str) -> Doubt:
    return Doubt(kind, Item.GRANT, grant.grant_id, None, grant.campaign_id, None, grant.profile_id, other_id)


def _places_of_grants(grants: Iterable[Grant], terms: Mapping[UUID, Terms]) -> Iterator[Taken]:
    facts: dict[tuple[Place, UUID, str], list[Grant]] = defaultdict(list)
    for grant in grants:
        for place, profile_id in _places(grant, terms[grant.grant_id]):
            facts[place, grant.cause, profile_id].append(grant)
    for (place, _, profile_id), given in facts.items():
        doubts = tuple(_doubt(FlagKind.DUPLICATE_GRANT, grant, profile_id) for grant in given)
        yield Taken(place, min(grant.grant_time for grant in given), profile_id, doubts)


def _places(grant: Grant, terms: Terms) -> Iterator[tuple[Place, str]]:
    """What a grant takes of what one person may have, and whose place it is: limits are the beneficiary's, first
    purchases and registrations are of who acted. Rolling spans have no place of their own."""
    day = grant.grant_time.astimezone(ZoneInfo(terms.time_zone)).date()
    for limit in terms.limits:
        if (limit.action, limit.entity) == (Action.GRANTS, Entity.PERSON) and limit.period != Period.ROLLING:
            name = f"{limit.period} {bucket_of(limit.period, day)}"
            yield Place(grant.campaign_id, name, limit.cap), grant.profile_id
    trigger, actor_id = terms.trigger, grant.actor_id or grant.profile_id
    if trigger.is_registration:
        yield Place(grant.campaign_id, f"registration {grant.effect}", 1), actor_id
    if trigger.kind == Kind.ORDER and trigger.purchase_max:
        cap = trigger.purchase_max - max(trigger.purchase_min, 1) + 1
        yield Place(grant.campaign_id, f"purchases {grant.effect}", cap), actor_id


def doubts_of_coupons(coupons: Iterable[Coupon], templates: Mapping[UUID, Template], stands: Stands) -> list[Doubt]:
    """What is doubtful of coupons: more than one person may have of a template."""
    return list(_duplicates(_places_of_coupons(coupons, templates), stands))


def _places_of_coupons(coupons: Iterable[Coupon], templates: Mapping[UUID, Template]) -> Iterator[Taken]:
    for each in coupons:
        cap = templates[each.template_id].coupons_per_profile_max
        if each.profile_id is None or not cap or each.restocked or each.status == Status.REVOKED:
            continue
        doubt = Doubt(
            FlagKind.DUPLICATE_GRANT, Item.COUPON, each.coupon_id, None, None, each.template_id, each.profile_id,
            each.profile_id,
        )  # fmt: skip
        yield Taken(Place(each.template_id, "", cap), each.issue_time, each.profile_id, (doubt,))


def _duplicates(taken: Iterable[Taken], stands: Stands) -> Iterator[Doubt]:
    """What came after a person's places were taken, at least one of them under another id."""
    people: dict[tuple[Place, str], list[Taken]] = defaultdict(list)
    for each in taken:
        people[each.place, stands[each.profile_id]].append(each)
    for (place, _), all_taken in people.items():
        ordered = sorted(all_taken, key=lambda each: (each.time, each.doubts[0].item_id))
        for index, each in enumerate(ordered[place.cap :], place.cap):
            others = [before for before in ordered[:index] if before.profile_id != each.profile_id]
            if others:
                first = others[0].doubts[0]
                yield from (doubt._replace(first_id=first.item_id, other_id=first.other_id) for doubt in each.doubts)


class Turn(NamedTuple):
    """Flags that come, that come back or are of something else now, and that are cleared."""

    raised: list[Flag]
    cleared: list[Flag]


def turn(doubts: Iterable[Doubt], known: Mapping[tuple[FlagKind, UUID], Flag], now: datetime, new_id: NewId) -> Turn:
    """Hold what is doubtful now against the flags that there are. What operators decided stays decided."""
    wanted: dict[tuple[FlagKind, UUID], Doubt] = {}
    for doubt in doubts:
        wanted.setdefault((doubt.kind, doubt.item_id), doubt)
    raised = [
        flag
        for key, doubt in sorted(wanted.items())
        if (flag := _raised(doubt, known.get(key), now, new_id)) is not known.get(key)
    ]
    cleared = [_cleared(flag, now) for key, flag in sorted(known.items()) if key not in wanted and not flag.clear_time]
    return Turn(raised, cleared)


def _raised(doubt: Doubt, known: Flag | None, now: datetime, new_id: NewId) -> Flag:
    if known is None:
        return Flag(new_id(), *doubt, FlagState.OPEN, now)
    if known.clear_time is None:
        return known
    state = FlagState.OPEN if known.state == FlagState.CLEARED else known.state
    return replace(known, first_id=doubt.first_id, other_id=doubt.other_id, state=state, flag_time=now, clear_time=None)


def _cleared(flag: Flag, now: datetime) -> Flag:
    state = FlagState.CLEARED if flag.state == FlagState.OPEN else flag.state
    return replace(flag, state=state, clear_time=now)


def resolved(flag: Flag, state: FlagState, resolver: str, reason: str, now: datetime) -> Flag:
    """A flag that somebody decided on. Raises `FlagNotOpen`."""
    if flag.state != FlagState.OPEN:
        raise FlagNotOpen(flag.flag_id, flag.state)
    return replace(flag, state=state, resolver=resolver, reason=reason, resolve_time=now)
