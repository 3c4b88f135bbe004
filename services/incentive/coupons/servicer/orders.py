"""Coupons on orders."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import grpc
from bowen.incentive.v1 import coupon_order_pb2
from bowen.incentive.v1 import coupon_order_service_pb2 as pb
from bowen.incentive.v1.coupon_order_service_pb2_grpc import CouponOrderServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.coupons.convert import orders as convert
from services.incentive.coupons.domain import carts
from services.incentive.coupons.domain.carts import Cart
from services.incentive.coupons.domain.codes import code_from_text, code_or_none
from services.incentive.coupons.domain.coupons import LOCK_TTL_DEFAULT, Coupon
from services.incentive.coupons.domain.orders import Order
from services.incentive.coupons.errors import CouponNotFound, LookupLimit
from services.incentive.coupons.operations import lookups, refunds
from services.incentive.coupons.operations import orders as operations
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import orders as store
from services.incentive.coupons.store import templates as template_store
from services.incentive.subjects import store as subjects

WALLET_MAX = 100
CHANGES_AT_ONCE_MAX = 8

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", pb.LockCouponsResponse, pb.UnlockCouponsResponse, pb.RedeemCouponsResponse, pb.RefundCouponsResponse)


class CouponOrderServicer(CouponOrderServiceServicer):
    """A caller that is bound to a store has its own orders; all others share those of the brand."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        # Whoever comes at once waits here, and not for connections: nobody is turned away for want of one.
        self._lanes = asyncio.Semaphore(CHANGES_AT_ONCE_MAX)

    async def _once(self, request: Any, work: Callable[[Tx], Awaitable[R]], response: type[R]) -> R:
        async with self._lanes:
            return await once(self._db, request, work, response, keep=None)

    async def EvaluateCoupons(self, request: pb.EvaluateCouponsRequest, context: Context) -> pb.EvaluateCouponsResponse:
        now, cart = self._clock.now(), convert.cart_from_proto(request.cart, store_id=current().caller.store_id)
        codes = {text: code_or_none(text) for text in request.codes}
        async with self._db.read() as tx:
            if cart.profile_id:
                cart = Cart(cart.currency_code, cart.lines, await subjects.resolve(tx, cart.profile_id), cart.store_id)
            found = await coupon_store.find_by_code(tx, set(codes.values()))
            wallet = await self._wallet(tx, cart.profile_id) if request.with_wallet else []
            coupons = list({each.coupon_id: each for each in [*found.values(), *wallet]}.values())
            candidates = await operations.candidates_of(tx, coupons)
        await self._admit(cart.profile_id, sum(_is_foreign(found.get(code), cart) for code in codes.values()), now)
        plan = carts.evaluate(cart, candidates, now)
        unknown = [text for text, code in codes.items() if code not in found]
        return pb.EvaluateCouponsResponse(
            uses=[convert.applied_to_proto(each) for each in plan.applied],
            rejections=[
                *(convert.rejection_to_proto(code, None, CouponNotFound()) for code in unknown),
                *(
                    convert.rejection_to_proto(each.coupon.code, each.coupon, refusal)
                    for each, refusal in sorted(plan.rejected, key=carts.rejection_order)
                ),
            ],
            gross_minor=cart.gross_minor,
            net_minor=cart.gross_minor - plan.discount_minor,
        )

    async def _wallet(self, tx: ReadTx, profile_id: str) -> Sequence[Coupon]:
        if not profile_id:
            return []
        ids = await subjects.list_ids(tx, profile_id)
        return await coupon_store.list_coupons(tx, ids, before=pagination.LAST_ID, limit=WALLET_MAX)

    async def _admit(self, profile_id: str, count: int, now: datetime) -> None:
        """Raises `LookupLimit`: codes that are not the buyer's own are look-ups."""
        if not profile_id or not count:
            return
        wait = await self._db.transact(lambda tx: lookups.admit_lookup(tx, profile_id, now=now, count=count))
        if wait is not None:
            raise LookupLimit(wait)

    async def LockCoupons(self, request: pb.LockCouponsRequest, context: Context) -> pb.LockCouponsResponse:
        now, store_id = self._clock.now(), current().caller.store_id
        fresh = convert.order_from_request(
            request.order_reference,
            convert.cart_from_proto(request.cart, store_id=store_id),
            store_id=store_id,
            coupon_order_id=new_id(),
            now=now,
        )
        codes = list(dict.fromkeys(code_from_text(text) for text in request.codes))
        ttl = timedelta(seconds=request.ttl_seconds) or LOCK_TTL_DEFAULT

        async def work(tx: Tx) -> pb.LockCouponsResponse:
            order = await operations.lock_coupons(tx, fresh, codes, ttl, now=now)
            return pb.LockCouponsResponse(coupon_order=await _described(tx, order))

        return await self._once(request, work, pb.LockCouponsResponse)

    async def UnlockCoupons(self, request: pb.UnlockCouponsRequest, context: Context) -> pb.UnlockCouponsResponse:
        now, store_id = self._clock.now(), current().caller.store_id

        async def work(tx: Tx) -> pb.UnlockCouponsResponse:
            order = await operations.unlock_coupons(tx, store_id, request.order_reference, now=now)
            return pb.UnlockCouponsResponse(coupon_order=await _described(tx, order))

        return await self._once(request, work, pb.UnlockCouponsResponse)

    async def RedeemCoupons(self, request: pb.RedeemCouponsRequest, context: Context) -> pb.RedeemCouponsResponse:
        now, store_id = self._clock.now(), current().caller.store_id

        async def work(tx: Tx) -> pb.RedeemCouponsResponse:
            order = await store.lock_order(tx, store_id, request.order_reference)
            order = await operations.redeem_order(tx, order, consents=request.consents_to_full_charge, now=now)
            return pb.RedeemCouponsResponse(coupon_order=await _described(tx, order))

        return await self._once(request, work, pb.RedeemCouponsResponse)

    async def PreviewCouponRefund(
        self, request: pb.PreviewCouponRefundRequest, context: Context
    ) -> pb.PreviewCouponRefundResponse:
        now, store_id = self._clock.now(), current().caller.store_id
        async with self._db.read() as tx:
            order = await store.get_order(tx, store_id, request.order_reference)
            known = await _known(tx, order)
        order, refund, _ = refunds.foresee(
            order,
            [coupon for _, coupon in known.values()],
            {coupon_id: template for coupon_id, (template, _) in known.items()},
            convert.refund_lines(request.lines),
            is_delivered=request.is_delivered,
            now=now,
        )
        return pb.PreviewCouponRefundResponse(coupon_refund=convert.refund_to_proto(order, refund, known))

    async def RefundCoupons(self, request: pb.RefundCouponsRequest, context: Context) -> pb.RefundCouponsResponse:
        now, store_id = self._clock.now(), current().caller.store_id

        async def work(tx: Tx) -> pb.RefundCouponsResponse:
            order = await store.lock_order(tx, store_id, request.order_reference)
            lines = convert.refund_lines(request.lines)
            order, refund = await refunds.refund_order(tx, order, lines, is_delivered=request.is_delivered, now=now)
            known = await _known(tx, order)
            return pb.RefundCouponsResponse(coupon_refund=convert.refund_to_proto(order, refund, known))

        return await self._once(request, work, pb.RefundCouponsResponse)

    async def GetCouponOrder(self, request: pb.GetCouponOrderRequest, context: Context) -> pb.GetCouponOrderResponse:
        async with self._db.read() as tx:
            order = await store.get_order(tx, current().caller.store_id, request.order_reference)
            return pb.GetCouponOrderResponse(coupon_order=await _described(tx, order))


def _is_foreign(coupon: Coupon | None, cart: Cart) -> bool:
    return coupon is None or coupon.owner_id != cart.profile_id


async def _known(tx: ReadTx, order: Order) -> convert.Known:
    found = await coupon_store.find_coupons(tx, {use.coupon_id for use in order.uses})
    templates = await template_store.find_templates(tx, {each.template_id for each in found.values()})
    return {coupon_id: (templates[each.template_id], each) for coupon_id, each in found.items()}


async def _described(tx: ReadTx, order: Order) -> coupon_order_pb2.CouponOrder:
    return convert.order_to_proto(order, await _known(tx, order))
