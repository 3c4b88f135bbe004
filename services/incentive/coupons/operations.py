"""What changes coupons: lock, decide, save, tell."""

from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.coupons import domain, events, store
from services.incentive.coupons.domain import Coupon, Template
from services.incentive.subjects import store as subjects


async def issue_coupon(
    tx: Tx, template_id: UUID, profile_id: str, *, coupon_id: UUID, code: str, now: datetime
) -> tuple[Template, Coupon]:
    """Issue one coupon to a person.

    Once sold out or expired a template stays so: those who come late are told without holding it.
    """
    domain.check_issuable(await store.get_template(tx, template_id), now=now)
    template = await store.lock_template(tx, template_id)
    profile_id = await subjects.resolve(tx, profile_id)
    owned = await store.count_owned(tx, template_id, await subjects.list_ids(tx, profile_id))
    template, coupon = domain.issue(template, coupon_id, code, profile_id, owned=owned, now=now)
    await store.save_issue(tx, template, coupon)
    await events.coupon_issued(tx, template, coupon)
    return template, coupon


async def redeem_coupon(
    tx: Tx, code: str, order_reference: str, order_minor: int, *, now: datetime
) -> tuple[Template, Coupon]:
    """Use a coupon on an order. `code` is as typed."""
    template, coupon = await store.lock_coupon(tx, domain.code_from_text(code))
    coupon = domain.redeem(template, coupon, order_reference, order_minor, now=now)
    await store.save_redemption(tx, template, coupon)
    owner_id = await subjects.resolve(tx, coupon.profile_id)
    await events.coupon_redeemed(tx, template, coupon, owner_id, now=now)
    return template, coupon
