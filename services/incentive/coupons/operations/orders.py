"""Coupons on orders: set aside, let go, used."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.errors import Refusal
from services.incentive.coupons import events
from services.incentive.coupons.domain import carts, orders
from services.incentive.coupons.domain import coupons as domain
from services.incentive.coupons.domain.carts import Applied, Candidate, Cart
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.orders import Order, Use, UseState, Verdict
from services.incentive.coupons.domain.templates import Template
from services.incentive.coupons.errors import CouponNotFound, CouponOrderClosed, OrderBelowMinimum
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import orders as store
from services.incentive.coupons.store import templates as template_store
from services.incentive.subjects import store as subjects


async def lock_coupons(tx: Tx, fresh: Order, codes: Sequence[str], ttl: timedelta, *, now: datetime) -> Order:
    """Set coupons aside for an order, all or none, in place of what it had.

    Raises `CouponOrderClosed`, and why the first coupon that does not apply does not.
    """
    fresh = await _resolved(tx, fresh)
    order = await store.lock_or_open(tx, fresh)
    order.check_open()
    held = await coupon_store.lock_coupons(tx, codes, [use.coupon_id for use in order.live])
    coupons = {each.coupon_id: each for each in held}
    lost = [use for use in order.uses if use.state == UseState.LOST]
    let_go = [replace(use, state=UseState.RELEASED) for use in [*await _let_go(tx, order, coupons, now), *lost]]
    wanted = _in_order(codes, coupons)
    candidates = await candidates_of(tx, wanted)
    plan = carts.evaluate(fresh.cart, candidates, now)
    if plan.rejected:
        raise naming(*min(plan.rejected, key=lambda each: codes.index(each[0].coupon.code)))
    until = now + ttl
    uses = []
    for place, applied in enumerate(plan.applied):
        coupon = domain.locked(applied.candidate.coupon, order.order_reference, until)
        coupons[coupon.coupon_id] = coupon
        uses.append(orders.use_of(applied, coupon, place, UseState.LOCKED))
    order = replace(order, cart=fresh.cart, verdict=Verdict.OPEN).with_uses([*let_go, *uses])
    await save(tx, order, [*let_go, *uses], coupons.values())
    return order


async def unlock_coupons(tx: Tx, store_id: str, reference: str, *, now: datetime) -> Order:
    """Let the coupons of an unpaid order go. Raises `CouponOrderNotFound`, `CouponOrderClosed`."""
    order = await store.lock_order(tx, store_id, reference)
    order.check_open()
    held = await coupon_store.lock_coupons(tx, ids=[use.coupon_id for use in order.live])
    coupons = {each.coupon_id: each for each in held}
    let_go = await _let_go(tx, order, coupons, now)
    order = replace(order, verdict=Verdict.CANCELLED).with_uses(let_go)
    await save(tx, order, let_go, coupons.values())
    return order


async def redeem_order(tx: Tx, order: Order, *, consents: bool, now: datetime) -> Order:
    """Take the payment of a held order: use all its coupons, or none (CPN-05, CPN-06, CPN-07)."""
    if order.verdict in (Verdict.CHARGE_FULL, Verdict.REFUND_PAYMENT):
        return order
    held = await coupon_store.lock_coupons(tx, ids=[use.coupon_id for use in order.uses])
    coupons = {each.coupon_id: each for each in held}
    templates = await templates_of(tx, held)
    pending = [use for use in _latest(order.uses) if use.state != UseState.REDEEMED]
    lost = [each for each in pending if not _is_still_its(each, coupons, templates, now)]
    if order.verdict == Verdict.REDEEMED:  # the till used some one by one: the payment uses the others
        pending = [use for use in pending if use not in lost]
    elif lost:
        verdict = orders.verdict_on_loss([templates[use.coupon_id] for use in lost], consents=consents)
        return await _lose(tx, replace(order, verdict=verdict), coupons, now)
    return await _redeem(tx, replace(order, verdict=Verdict.REDEEMED), pending, coupons, templates, now)


def _is_still_its(use: Use, coupons: Mapping[UUID, Coupon], templates: Mapping[UUID, Template], now: datetime) -> bool:
    return orders.is_still_its(use, coupons[use.coupon_id], templates[use.coupon_id], now)


def _latest(uses: Sequence[Use]) -> list[Use]:
    """The uses that the order was last locked with: those let go when its coupons were replaced are not missed."""
    released = {UseState.RELEASED, UseState.RETURNED}
    live = [use for use in uses if use.state not in released]
    return live or list(uses)


async def _lose(tx: Tx, order: Order, coupons: dict[UUID, Coupon], now: datetime) -> Order:
    let_go = await _let_go(tx, order, coupons, now)
    order = order.with_uses(let_go)
    await save(tx, order, let_go, coupons.values())
    await events.coupon_lost(tx, order, now=now)
    return order


async def _redeem(
    tx: Tx,
    order: Order,
    uses: Sequence[Use],
    coupons: dict[UUID, Coupon],
    templates: Mapping[UUID, Template],
    now: datetime,
) -> Order:
    used = [replace(use, state=UseState.REDEEMED) for use in uses]
    for use in used:
        coupons[use.coupon_id] = domain.redeemed(coupons[use.coupon_id], now)
    order = order.with_uses(used)
    await save(tx, order, used, [coupons[use.coupon_id] for use in used])
    await count_redeemed(tx, [templates[use.coupon_id].template_id for use in used], 1)
    for use in used:
        await events.coupon_redeemed(
            tx,
            templates[use.coupon_id],
            coupons[use.coupon_id],
            discount_minor=use.discount_minor,
            order_reference=order.order_reference,
            now=now,
        )
    return order


async def redeem_coupon(
    tx: Tx, code: str, fresh: Order, order_minor: int, *, now: datetime
) -> tuple[Template, Coupon, Order]:
    """Use a coupon on an order at once. Raises why it does not apply, `CouponOrderClosed`."""
    fresh = await _resolved(tx, fresh)
    order = await store.lock_or_open(tx, fresh)
    held = await coupon_store.lock_coupons(tx, [code], [use.coupon_id for use in order.live])
    coupons = {each.coupon_id: each for each in held}
    coupon = next((each for each in held if each.code == code), None)
    if coupon is None:
        raise CouponNotFound
    templates = await templates_of(tx, held)
    template = templates[coupon.coupon_id]
    use = next((each for each in order.live if each.coupon_id == coupon.coupon_id), None)
    if use is None or not orders.is_still_its(use, coupon, template, now):
        _check_addable(order)
        coupon.check_usable(template, now)
        if not order.live:
            order = replace(order, cart=replace(fresh.cart, currency_code=template.currency_code))
        use, coupon = await _add(tx, order, fresh.cart, coupon, coupons, order_minor, now)
        coupons[coupon.coupon_id] = coupon
    order = await _redeem(tx, replace(order, verdict=Verdict.REDEEMED), [use], coupons, templates, now)
    return template, coupons[coupon.coupon_id], order


def _check_addable(order: Order) -> None:
    """Raises `CouponOrderClosed` when nothing can be added: the order is lost, or pieces were given back."""
    if order.verdict in (Verdict.CHARGE_FULL, Verdict.REFUND_PAYMENT):
        raise CouponOrderClosed(order.order_reference, order.verdict)
    if any(order.refunded.values()):
        raise CouponOrderClosed(order.order_reference, "refunded")


async def _add(
    tx: Tx,
    order: Order,
    cart: Cart,
    coupon: Coupon,
    coupons: Mapping[UUID, Coupon],
    order_minor: int,
    now: datetime,
) -> tuple[Use, Coupon]:
    """A further use on an order, beside those that it has."""
    if cart.lines and order.cart.lines != cart.lines:
        raise CouponOrderClosed(order.order_reference, "of_other_lines")
    cart = replace(order.cart, profile_id=cart.profile_id or order.cart.profile_id)
    candidates = await candidates_of(tx, [coupon, *(coupons[use.coupon_id] for use in order.live)])
    by_id = {each.coupon.coupon_id: each for each in candidates}
    present = [Applied(by_id[use.coupon_id], use.allocation) for use in order.live]
    applied = _applied(cart, by_id[coupon.coupon_id], present, order_minor, now)
    coupon = replace(domain.locked(coupon, order.order_reference, now), lock_until=None)
    place = 1 + max((use.place for use in order.uses), default=-1)
    return orders.use_of(applied, coupon, place, UseState.LOCKED), coupon


def _applied(cart: Cart, candidate: Candidate, present: Sequence[Applied], order_minor: int, now: datetime) -> Applied:
    """What a coupon takes off. Without lines the till computes that, and products are its matter too."""
    template = candidate.template
    if cart.lines:
        plan = carts.evaluate(cart, [candidate], now, present=present)
        if plan.rejected:
            raise naming(*plan.rejected[0])
        return plan.applied[0]
    candidate.coupon.check_user(template, cart.profile_id)
    carts.check_store(template, cart.store_id)
    if order_minor < template.order_minor_min:
        raise OrderBelowMinimum(template.order_minor_min)
    if (against := carts.against_others(candidate, present)) is not None:
        raise naming(candidate, against)
    return Applied(candidate, {})


async def candidates_of(tx: ReadTx, coupons: Sequence[Coupon]) -> list[Candidate]:
    """Coupons with their templates and groups."""
    templates = await template_store.find_templates(tx, {each.template_id for each in coupons})
    groups = await template_store.find_groups(tx, {each.terms.group for each in templates.values()})
    return [Candidate(template := templates[each.template_id], each, groups[template.terms.group]) for each in coupons]


def naming(candidate: Candidate, refusal: Refusal) -> Refusal:
    """The refusal with the code that it is about."""
    refusal.metadata = {"code": candidate.coupon.code, **refusal.metadata}
    return refusal


def _in_order(codes: Sequence[str], coupons: Mapping[UUID, Coupon]) -> list[Coupon]:
    by_code = {each.code: each for each in coupons.values()}
    missing = next((code for code in codes if code not in by_code), None)
    if missing is not None:
        raise CouponNotFound
    return [by_code[code] for code in codes]


async def _let_go(tx: Tx, order: Order, coupons: dict[UUID, Coupon], now: datetime) -> list[Use]:
    """Let go what is locked for an order, and tell of what was revoked meanwhile."""
    let_go = _release(order, coupons)
    free = [coupons[use.coupon_id] for use in let_go if use.state == UseState.RELEASED]
    await events.coupons_revoked(tx, [each for each in free if each.status == Status.REVOKED], now=now)
    return let_go


def _release(order: Order, coupons: dict[UUID, Coupon]) -> list[Use]:
    """Let go what is locked for an order. What others took meanwhile is theirs."""
    let_go = []
    for use in order.uses:
        if use.state != UseState.LOCKED:
            continue
        coupon = coupons[use.coupon_id]
        if coupon.status == Status.LOCKED and coupon.use_count == use.use_no:
            coupons[use.coupon_id] = domain.released(coupon)
            let_go.append(replace(use, state=UseState.RELEASED))
        else:
            let_go.append(replace(use, state=UseState.LOST))
    return let_go


async def _resolved(tx: ReadTx, order: Order) -> Order:
    """The order with its buyer's merges followed."""
    if not order.cart.profile_id:
        return order
    return replace(order, cart=replace(order.cart, profile_id=await subjects.resolve(tx, order.cart.profile_id)))


async def templates_of(tx: ReadTx, coupons: Collection[Coupon]) -> dict[UUID, Template]:
    """The template of each coupon."""
    found = await template_store.find_templates(tx, {each.template_id for each in coupons})
    return {each.coupon_id: found[each.template_id] for each in coupons}


async def save(tx: Tx, order: Order, uses: Sequence[Use], coupons: Collection[Coupon]) -> None:
    """Keep what became of a held order, of uses of its, and of held coupons."""
    await store.save_order(tx, order, uses)
    await coupon_store.save_coupons(tx, list(coupons))


async def count_redeemed(tx: Tx, template_ids: Sequence[UUID], by: int) -> None:
    """Count redemptions, or with -1 what came back. A template may be named several times."""
    await template_store.move_counts(tx, [(each, 0, by * template_ids.count(each), 0) for each in set(template_ids)])
