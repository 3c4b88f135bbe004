"""Giving coupons out and taking them back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Refusal
from services.incentive.coupons import events
from services.incentive.coupons.domain.claims import (
    Book,
    Claim,
    Issued,
    bonds,
    decide_all,
    keys_to_read,
)
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.templates import Entity, Template, check_issuable
from services.incentive.coupons.errors import (
    CouponTemplateNotFound,
)
from services.incentive.coupons.store import claims as store
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import templates as template_store
from services.incentive.coupons.store.templates import Counts
from services.incentive.subjects import store as subjects

LOOKUPS_PER_HOUR = 20


async def issue_coupon(
    tx: Tx, template_id: UUID, profile_id: str, *, coupon_id: UUID, code: str, now: datetime
) -> tuple[Template, Coupon]:
    """Issue one coupon to a person, or raise why not."""
    (outcome,) = await issue_coupons(tx, [Claim(template_id, profile_id, coupon_id, code, now)])
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def issue_coupons(tx: Tx, claims: Sequence[Claim]) -> list[Issued | Refusal]:
    """Issue coupons to people, one outcome per claim, in order. Refusals change nothing.

    A template that is sold out or expired stays so: those who come late are told without holding it.
    """
    known = await template_store.find_templates(tx, {claim.template_id for claim in claims})
    outcomes = {claim.coupon_id: _hopeless(claim, known) for claim in claims}
    open_claims = [claim for claim in claims if outcomes[claim.coupon_id] is None]
    decided = await _issue(tx, open_claims) if open_claims else {}
    return [outcomes[claim.coupon_id] or decided[claim.coupon_id] for claim in claims]


def _hopeless(claim: Claim, templates: Mapping[UUID, Template]) -> Refusal | None:
    if claim.template_id not in templates:
        return CouponTemplateNotFound(claim.template_id)
    try:
        check_issuable(templates[claim.template_id], now=claim.now)
    except Refusal as refusal:
        return refusal
    return None


async def _issue(tx: Tx, claims: Sequence[Claim]) -> dict[UUID, Issued | Refusal]:
    templates = await template_store.lock_templates(tx, {claim.template_id for claim in claims})
    book = await _open_book(tx, claims, templates)
    decided = decide_all(book, claims)
    issued = [outcome for outcome in decided if isinstance(outcome, Issued)]
    await template_store.move_counts(tx, _moved(templates, book.templates))
    await coupon_store.insert_coupons(tx, [each.coupon for each in issued])
    await store.add_tallies(tx, book.gained)
    await events.coupons_issued(tx, [each for each in issued if each.coupon.status == Status.ISSUED])
    return {claim.coupon_id: outcome for claim, outcome in zip(claims, decided, strict=True)}


async def _open_book(tx: Tx, claims: Sequence[Claim], templates: dict[UUID, Template]) -> Book:
    people = await subjects.find_people(tx, {claim.profile_id for claim in claims})
    clusters = await _clusters(tx, claims, templates, {key: person.ids for key, person in people.items()})
    pairs = {(claim.template_id, each) for claim in claims for each in people[claim.profile_id].ids}
    keys = {
        key
        for claim in claims
        for key in keys_to_read(
            templates[claim.template_id],
            claim,
            people[claim.profile_id].ids,
            clusters.get((claim.template_id, claim.profile_id), ()),
        )
    }
    return Book(
        templates=dict(templates),
        survivors={profile_id: person.profile_id for profile_id, person in people.items()},
        people={profile_id: person.ids for profile_id, person in people.items()},
        clusters=clusters,
        owned=await store.find_owned(tx, pairs),
        tallies=await store.find_tallies(tx, keys),
    )


async def _clusters(
    tx: Tx, claims: Sequence[Claim], templates: Mapping[UUID, Template], people: Mapping[str, Collection[str]]
) -> dict[tuple[UUID, str], Collection[str]]:
    """Who counts as one with each claimant, where a template limits that. What a claim tells is remembered first."""
    wanted = [
        claim
        for claim in claims
        if any(limit.entity == Entity.PERSON_CLUSTER for limit in templates[claim.template_id].limits)
    ]
    rows = {
        (claim.template_id, bond, each)
        for claim in wanted
        for bond in bonds(claim.traits)
        for each in people[claim.profile_id]
    }
    await store.bind(tx, list(rows))
    found: dict[tuple[UUID, str], Collection[str]] = {}
    for template_id, profile_id in {(claim.template_id, claim.profile_id) for claim in wanted}:
        found[template_id, profile_id] = await store.find_cluster(tx, template_id, people[profile_id])
    return found


def _moved(before: Mapping[UUID, Template], after: Mapping[UUID, Template]) -> list[Counts]:
    moved = [
        (
            template_id,
            after[template_id].issued_count - each.issued_count,
            0,
            after[template_id].in_flight_count - each.in_flight_count,
        )
        for template_id, each in before.items()
    ]
    return [each for each in moved if each[1] or each[3]]
