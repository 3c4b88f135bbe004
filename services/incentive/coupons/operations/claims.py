"""Giving coupons out and taking them back."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Refusal
from services.incentive.coupons import events
from services.incentive.coupons.domain import coupons as domain
from services.incentive.coupons.domain.claims import (
    Book,
    Claim,
    Issued,
    TallyKey,
    bonds,
    decide_all,
    keys_to_read,
    tally_keys,
)
from services.incentive.coupons.domain.codes import code_from_text
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.templates import Entity, Template, check_issuable
from services.incentive.coupons.errors import (
    CouponOfAnother,
    CouponTemplateNotFound,
    LookupLimit,
    PersonLimit,
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


async def revoke_coupons(
    tx: Tx, coupon_ids: Collection[UUID], *, restock: bool = True, now: datetime
) -> dict[UUID, Coupon | Refusal]:
    """Take coupons back: the inverse of issuing. One outcome per coupon that is there; what is used stays used.

    With `restock`, units go back to the stock and places under limits to whoever had them; not those of coupons that
    their locks keep until they end.
    """
    held = await coupon_store.lock_coupons(tx, ids=coupon_ids)
    return await _revoke(tx, held, restock=restock, now=now)


async def revoke_coupon(tx: Tx, code: str, *, restock: bool, now: datetime) -> tuple[Template, Coupon]:
    """Take one coupon back. `code` is as typed. Raises `CouponNotFound`, `CouponRedeemed`."""
    coupon = await coupon_store.lock_coupon(tx, code_from_text(code))
    outcome = (await _revoke(tx, [coupon], restock=restock, now=now))[coupon.coupon_id]
    if isinstance(outcome, Refusal):
        raise outcome
    return await template_store.get_template(tx, outcome.template_id), outcome


async def _revoke(tx: Tx, held: Sequence[Coupon], *, restock: bool, now: datetime) -> dict[UUID, Coupon | Refusal]:
    templates = await template_store.find_templates(tx, {each.template_id for each in held})
    outcomes: dict[UUID, Coupon | Refusal] = {}
    for each in held:
        try:
            outcomes[each.coupon_id] = domain.revoked(templates[each.template_id], each, restock=restock, now=now)
        except Refusal as refusal:
            outcomes[each.coupon_id] = refusal
    changed = [
        (each, after) for each in held if isinstance(after := outcomes[each.coupon_id], Coupon) and after != each
    ]
    await _restock(tx, changed, templates)
    await coupon_store.save_coupons(tx, [after for _, after in changed])
    gone = [after for _, after in changed if after.status == Status.REVOKED]
    await events.coupons_revoked(tx, gone, now=now)
    return outcomes


async def _restock(tx: Tx, changed: Sequence[tuple[Coupon, Coupon]], templates: Mapping[UUID, Template]) -> None:
    """Give units and places back for coupons that ended so. A claim under review was in flight, and is no longer."""
    issued: Counter[UUID] = Counter()
    in_flight: Counter[UUID] = Counter()
    places: Counter[TallyKey] = Counter()
    for before, after in changed:
        if before.status == Status.PENDING:
            in_flight[before.template_id] -= 1
            issued[before.template_id] += not after.restocked
        elif after.restocked:
            issued[before.template_id] -= 1
        if after.restocked and before.batch_id is None:
            places.update(tally_keys(templates[before.template_id], before))
    moved = [(each, issued[each], 0, in_flight[each]) for each in issued.keys() | in_flight.keys()]
    await template_store.move_counts(tx, moved)
    await store.give_tallies_back(tx, dict(places))


async def review_coupon(tx: Tx, code: str, *, approve: bool, now: datetime) -> tuple[Template, Coupon]:
    """Decide on a claim that waits. Raises `CouponNotFound`, `CouponNotPending`."""
    before = await coupon_store.lock_coupon(tx, code_from_text(code))
    template = await template_store.get_template(tx, before.template_id)
    after = domain.reviewed(before, approve=approve, now=now)
    await _restock(tx, [(before, after)], {template.template_id: template})
    await coupon_store.save_coupons(tx, [after])
    if approve:
        await events.coupons_issued(tx, [Issued(template, after)])
    else:
        await events.coupons_revoked(tx, [after], now=now)
    return template, after


async def claim_coupon(tx: Tx, code: str, profile_id: str, *, now: datetime) -> tuple[Template, Coupon]:
    """Put a code that nobody owns into a person's wallet.

    Raises `CouponNotFound`, `CouponOfAnother`, `PersonLimit` and why the coupon cannot be used.
    """
    coupon = await coupon_store.lock_coupon(tx, code_from_text(code))
    template = await template_store.lock_template(tx, coupon.template_id)
    owner_id = await subjects.resolve(tx, profile_id)
    coupon.check_usable(template, now)
    if coupon.owner_id == owner_id:
        return template, coupon
    if coupon.owner_id is not None:
        raise CouponOfAnother
    ids = await subjects.list_ids(tx, owner_id)
    owned = await store.find_owned(tx, {(template.template_id, each) for each in ids})
    if 0 < template.coupons_per_profile_max <= sum(each.coupons for each in owned.values()):
        raise PersonLimit(template.template_id, template.coupons_per_profile_max)
    mine = owned.get((template.template_id, owner_id))
    coupon = replace(coupon, profile_id=owner_id, owner_id=owner_id, number=(mine.number if mine else 0) + 1)
    await coupon_store.save_coupons(tx, [coupon])
    await events.coupons_issued(tx, [Issued(template, coupon)])
    return template, coupon


async def freeze_coupon(tx: Tx, code: str, *, thaw: bool, now: datetime) -> tuple[Template, Coupon]:
    """Set a coupon aside, or let it be used again. Raises `CouponNotFound`, and why it cannot be set aside."""
    coupon = await coupon_store.lock_coupon(tx, code_from_text(code))
    template = await template_store.get_template(tx, coupon.template_id)
    coupon = domain.thawed(coupon) if thaw else domain.frozen(template, coupon, now)
    await coupon_store.save_coupons(tx, [coupon])
    return template, coupon


async def admit_lookup(tx: Tx, profile_id: str, *, now: datetime, count: int = 1) -> float | None:
    """Count look-ups of codes by a person: 20 an hour. None when they are let through, else seconds to wait."""
    every = timedelta(hours=1) / LOOKUPS_PER_HOUR
    owner_id = await subjects.resolve(tx, profile_id)
    wait = await store.admit_lookup(tx, owner_id, every=every, burst=LOOKUPS_PER_HOUR, now=now, count=count)
    return None if wait is None else wait.total_seconds()


async def check_lookup(tx: Tx, profile_id: str, *, now: datetime, count: int = 1) -> None:
    """Raises `LookupLimit` when a person looks up too many codes."""
    wait = await admit_lookup(tx, profile_id, now=now, count=count)
    if wait is not None:
        raise LookupLimit(wait)
