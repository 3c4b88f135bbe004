"""Who gets a coupon of those who ask at once. Pure: the same claims on the same counts are decided alike.

Claims are decided in their order. Stock and limits are counted on: what an earlier claim of the batch got counts
against a later one.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from chassis.errors import Refusal
from services.incentive.coupons.domain.coupons import NO_TRAITS, Coupon, Status, Traits
from services.incentive.coupons.domain.templates import Entity, Limit, OnCluster, Template, check_issuable
from services.incentive.coupons.errors import AttrMissing, ClaimLimit, PersonLimit

HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Claim:
    """One coupon of a template that a person asks for."""

    template_id: UUID
    profile_id: str
    coupon_id: UUID
    code: str
    now: datetime
    traits: Traits = NO_TRAITS


class Issued(NamedTuple):
    """A coupon that was given, with its template."""

    template: Template
    coupon: Coupon


class TallyKey(NamedTuple):
    """What is counted: coupons of a template, in a scope and span, of a subject."""

    template_id: UUID
    scope: str
    begin: date
    subject: str


class Owned(NamedTuple):
    """What a profile has of a template: how many count, and the highest number."""

    coupons: int
    number: int


def hashed(template_id: UUID, entity: Entity, value: str) -> bytes:
    """What is stored of something that identifies: of no use with another template. Empty stays empty."""
    if not value:
        return b""
    return hashlib.blake2b(
        value.encode(), digest_size=HASH_BYTES, key=template_id.bytes, person=entity.encode()[:16]
    ).digest()


def plain_address(text: str) -> str:
    """An address as it is compared: letter case, width, spaces and punctuation make no difference, but for what parts
    two numbers. A hash stays one."""
    words = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"(?<!\d) | (?!\d)", "", words)


def bonds(traits: Traits) -> list[bytes]:
    """What makes those who share it one person: a phone; a device together with a means of payment. An address does
    not: families have one (spec value FRD-02)."""
    found = [b"p" + traits.phone] if traits.phone else []
    if traits.device and traits.payment:
        found.append(b"d" + traits.device + traits.payment)
    return found


@dataclass(slots=True)
class Book:
    """All that a batch of claims is decided by: held templates, people, their clusters, what they have, tallies.

    `people` and `clusters` are ids by the profile that claims; a cluster is of a template.
    """

    templates: dict[UUID, Template]
    survivors: Mapping[str, str]
    people: Mapping[str, Collection[str]]
    clusters: Mapping[tuple[UUID, str], Collection[str]]
    owned: dict[tuple[UUID, str], Owned]
    tallies: dict[TallyKey, int]
    gained: dict[TallyKey, int] = field(default_factory=dict)

    def decide(self, claim: Claim) -> Issued | Refusal:
        """The coupon of a claim, or why there is none."""
        template = self.templates[claim.template_id]
        try:
            check_issuable(template, now=claim.now)
            held = self._check_limits(template, claim)
        except Refusal as refusal:
            return refusal
        return self._issue(template, claim, held=held)

    def _check_limits(self, template: Template, claim: Claim) -> bool:
        """Whether the claim is to be held for a review. Raises `PersonLimit`, `ClaimLimit`, `AttrMissing`."""
        ids = self.people[claim.profile_id]
        most = template.coupons_per_profile_max
        if 0 < most <= sum(self._owned(template, each).coupons for each in ids):
            raise PersonLimit(template.template_id, most)
        held = False
        for limit in template.limits:
            keys = self._keys(template, limit, claim)
            if sum(self.tallies.get(key, 0) for key in keys) < limit.max:
                continue
            if limit.entity == Entity.PERSON_CLUSTER and template.policies.on_cluster == OnCluster.HOLD:
                held = True
                continue
            raise _against(template, limit)
        return held

    def _keys(self, template: Template, limit: Limit, claim: Claim) -> list[TallyKey]:
        begin = limit.period.begin(template.day(claim.now))
        subjects = self._subjects(template, limit, claim)
        return [TallyKey(template.template_id, limit.scope, begin, subject) for subject in subjects]

    def _subjects(self, template: Template, limit: Limit, claim: Claim) -> Collection[str]:
        """Those whose coupons count together towards a limit."""
        if limit.entity == Entity.MEMBER:
            return self.people[claim.profile_id]
        if limit.entity == Entity.PERSON_CLUSTER:
            return self.clusters[template.template_id, claim.profile_id]
        return [subject_of(limit, self.survivors[claim.profile_id], claim.traits)]

    def _owned(self, template: Template, profile_id: str) -> Owned:
        return self.owned.get((template.template_id, profile_id), Owned(0, 0))

    def _issue(self, template: Template, claim: Claim, *, held: bool) -> Issued:
        profile_id = self.survivors[claim.profile_id]
        count, number = self._owned(template, profile_id)
        self.owned[template.template_id, profile_id] = Owned(count + 1, number + 1)
        coupon = Coupon(
            coupon_id=claim.coupon_id,
            template_id=template.template_id,
            code=claim.code,
            profile_id=profile_id,
            number=number + 1,
            issue_time=claim.now,
            status=Status.PENDING if held else Status.ISSUED,
            traits=claim.traits,
            owner_id=profile_id,
        )
        for key in tally_keys(template, coupon):
            self.tallies[key] = self.tallies.get(key, 0) + 1
            self.gained[key] = self.gained.get(key, 0) + 1
        template = replace(
            template,
            issued_count=template.issued_count + (not held),
            in_flight_count=template.in_flight_count + held,
        )
        self.templates[template.template_id] = template
        return Issued(template, coupon)


def subject_of(limit: Limit, profile_id: str, traits: Traits) -> str:
    """Under whom a coupon is counted towards a limit. Raises `AttrMissing` for what the claim did not tell."""
    match limit.entity:
        case Entity.TEMPLATE:
            return ""
        case Entity.DEVICE:
            return _told("device_id", traits.device.hex())
        case Entity.PHONE:
            return _told("phone_hash", traits.phone.hex())
        case Entity.PAYMENT:
            return _told("payment_hash", traits.payment.hex())
        case Entity.STORE:
            return _told("store_id", traits.store_id)
        case Entity.ADDRESS:
            return _told("address_hash", traits.address.hex())
        case _:
            return profile_id


def tally_keys(template: Template, coupon: Coupon) -> set[TallyKey]:
    """Where a coupon is counted. What was forgotten of who claimed it stays counted, for ever."""
    day = template.day(coupon.issue_time)
    found: set[TallyKey] = set()
    for limit in template.limits:
        with suppress(AttrMissing):
            subject = subject_of(limit, coupon.profile_id or "", coupon.traits)
            found.add(TallyKey(template.template_id, limit.scope, limit.period.begin(day), subject))
    return found


def keys_to_read(template: Template, claim: Claim, ids: Collection[str], cluster: Collection[str]) -> set[TallyKey]:
    """The tallies that a claim is decided by. What it does not tell has none: that is refused later."""
    found: set[TallyKey] = set()
    day = template.day(claim.now)
    for limit in template.limits:
        people = ids if limit.entity == Entity.MEMBER else cluster
        is_person = limit.entity in (Entity.MEMBER, Entity.PERSON_CLUSTER)
        with suppress(AttrMissing):
            subjects = people if is_person else [subject_of(limit, "", claim.traits)]
            found |= {TallyKey(template.template_id, limit.scope, limit.period.begin(day), each) for each in subjects}
    return found


def _told(attribute: str, value: str) -> str:
    if not value:
        raise AttrMissing(attribute)
    return value


def _against(template: Template, limit: Limit) -> Refusal:
    if limit.entity in (Entity.MEMBER, Entity.PERSON_CLUSTER):
        return PersonLimit(template.template_id, limit.max)
    return ClaimLimit(limit.entity, limit.period, limit.max)


def decide_all(book: Book, claims: Sequence[Claim]) -> list[Issued | Refusal]:
    """One outcome per claim, in order."""
    return [book.decide(claim) for claim in claims]
