"""Changing single coupons: taken back, reviewed, claimed, set aside."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.errors import Refusal
from services.incentive.coupons import events
from services.incentive.coupons.domain import coupons as domain
from services.incentive.coupons.domain.claims import Issued, TallyKey, tally_keys
from services.incentive.coupons.domain.codes import code_from_text
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.templates import Template
from services.incentive.coupons.errors import CouponOfAnother, PersonLimit
from services.incentive.coupons.store import claims as store
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import templates as template_store
from services.incentive.subjects import store as subjects

ENDED_AT_ONCE_MAX = 500


async def revoke_coupons(
    tx: Tx, coupon_ids: Collection[UUID], *, restock: bool = True, now: datetime
) -> dict[UUID, Coupon | Refusal]:
    """Take coupons back: the inverse of issuing. One outcome per coupon that is there; what is used stays used.

    With `restock`, units go back to the stock and places under limits to whoever had them; not those of coupons that
    their locks keep until they end.
    """
    held = await coupon_store.lock_coupons(tx, ids=coupon_ids)
    return await _revoke(tx, held, restock=restock, now=now)


async def withdraw_coupons(tx: Tx, coupon_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Take coupons back that rewards gave, as `revoke_coupons` does. Returns those that are kept all the same.

    A used one does not come back, should its order be returned too.
    """
    held = await coupon_store.lock_coupons(tx, ids=coupon_ids)
    await _revoke(tx, held, restock=True, now=now)
    used = [domain.withdrawn(each, now) for each in held if each.status == Status.REDEEMED]
    await coupon_store.save_coupons(tx, used)
    return await _kept(tx, held, now)


async def find_kept(tx: ReadTx, coupon_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Those of coupons that their people would keep if they were taken back: used ones, and those set aside."""
    return await _kept(tx, (await coupon_store.find_coupons(tx, coupon_ids)).values(), now)


async def _kept(tx: ReadTx, coupons: Collection[Coupon], now: datetime) -> set[UUID]:
    templates = await template_store.find_templates(tx, {each.template_id for each in coupons})
    return {each.coupon_id for each in coupons if domain.is_kept(templates[each.template_id], each, now)}


async def revoke_coupon(tx: Tx, code: str, *, restock: bool, now: datetime) -> tuple[Template, Coupon]:
    """Take one coupon back. `code` is as typed. Raises `CouponNotFound`, `CouponRedeemed`."""
    coupon = await coupon_store.lock_coupon(tx, code_from_text(code))
    outcome = (await _revoke(tx, [coupon], restock=restock, now=now))[coupon.coupon_id]
    if isinstance(outcome, Refusal):
        raise outcome
    return await template_store.get_template(tx, outcome.template_id), outcome


async def end_revoked(tx: Tx, *, now: datetime) -> int:
    """Take coupons back whose revocation waited for their locks to end, a batch of them. Returns how many."""
    ended = [domain.released(each) for each in await coupon_store.lock_ended(tx, now, ENDED_AT_ONCE_MAX)]
    await coupon_store.save_coupons(tx, ended)
    await events.coupons_revoked(tx, ended, now=now)
    return len(ended)


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
