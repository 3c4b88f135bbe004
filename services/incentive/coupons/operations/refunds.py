"""Giving pieces of orders back, and coupons with the last of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.coupons import events
from services.incentive.coupons.domain import coupons as domain
from services.incentive.coupons.domain import orders
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.orders import Order, Refund, RefundLine, UseState
from services.incentive.coupons.domain.templates import Template
from services.incentive.coupons.operations.orders import count_redeemed, save, templates_of
from services.incentive.coupons.store import coupons as coupon_store


async def refund_order(
    tx: Tx, order: Order, wanted: Sequence[RefundLine], *, is_delivered: bool, now: datetime
) -> tuple[Order, Refund]:
    """Give pieces of a held order back; with the last, coupons return by policy. Raises `CouponOrderClosed`,
    `ExceedsOrder`."""
    held = await coupon_store.lock_coupons(tx, ids=[use.coupon_id for use in order.live])
    templates = await templates_of(tx, held)
    before = order
    order, refund, back = foresee(order, held, templates, wanted, is_delivered=is_delivered, now=now)
    uses = [use for use in order.uses if use not in before.uses]
    await save(tx, order, uses, back)
    await count_redeemed(tx, [each.template_id for each in back], -1)
    for coupon in back:
        template = templates[coupon.coupon_id]
        await events.coupon_returned(tx, template, coupon, order_reference=order.order_reference, now=now)
    return order, refund


def foresee(
    order: Order,
    held: Sequence[Coupon],
    templates: Mapping[UUID, Template],
    wanted: Sequence[RefundLine],
    *,
    is_delivered: bool,
    now: datetime,
) -> tuple[Order, Refund, list[Coupon]]:
    """What a refund comes to, and which coupons come back. Changes nothing, so that a preview is what happens."""
    known = {use.coupon_id: templates[use.coupon_id] for use in order.live}
    order, refund = orders.refund(replace(order, uses=tuple(order.live)), wanted, known)
    if not refund.is_full:
        return order, refund, []
    is_delivered = is_delivered or order.deliver_time is not None
    coming = [
        each
        for each in held
        if each.status == Status.REDEEMED
        and orders.comes_back(templates[each.coupon_id], is_delivered=is_delivered)
        and not each.revoke_time
    ]
    back = [domain.returned(templates[each.coupon_id], each, now) for each in coming]
    ids = {each.coupon_id for each in back}
    uses = [replace(use, state=UseState.RETURNED) for use in order.live if use.coupon_id in ids]
    return order.with_uses(uses), refund, back
