"""The gRPC face of coupons."""

import asyncio
import secrets
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import coupon_service_pb2 as pb
from bowen.incentive.v1.coupon_service_pb2_grpc import CouponServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.coupons import convert, domain, operations, store
from services.incentive.subjects import store as subjects

CHANGES_AT_ONCE_MAX = 8

Context = grpc.aio.ServicerContext[Any, Any]


class CouponServicer(CouponServiceServicer):
    """Templates are the brand's: a caller that is bound to a store may read and redeem, but not issue or list."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        # A stampede waits here, and not for connections: nobody is turned away for want of one.
        self._lanes = asyncio.Semaphore(CHANGES_AT_ONCE_MAX)

    async def CreateCouponTemplate(
        self, request: pb.CreateCouponTemplateRequest, context: Context
    ) -> pb.CreateCouponTemplateResponse:
        subjects.check_brand(current().caller)
        template = convert.template_from_proto(request, template_id=new_id(), now=self._clock.now())

        async def work(tx: Tx) -> pb.CreateCouponTemplateResponse:
            await store.insert_template(tx, template)
            return pb.CreateCouponTemplateResponse(coupon_template=convert.template_to_proto(template))

        return await once(self._db, request, work, pb.CreateCouponTemplateResponse)

    async def GetCouponTemplate(
        self, request: pb.GetCouponTemplateRequest, context: Context
    ) -> pb.GetCouponTemplateResponse:
        async with self._db.read() as tx:
            template = await store.get_template(tx, UUID(request.template_id))
        return pb.GetCouponTemplateResponse(coupon_template=convert.template_to_proto(template))

    async def IssueCoupon(self, request: pb.IssueCouponRequest, context: Context) -> pb.IssueCouponResponse:
        subjects.check_brand(current().caller)
        now, code = self._clock.now(), domain.code_of(secrets.randbits(domain.CODE_BITS))

        async def work(tx: Tx) -> pb.IssueCouponResponse:
            template_id = UUID(request.template_id)
            template, coupon = await operations.issue_coupon(
                tx, template_id, request.profile_id, coupon_id=new_id(), code=code, now=now
            )
            return pb.IssueCouponResponse(coupon=convert.coupon_to_proto(template, coupon, now=now))

        async with self._lanes:
            return await once(self._db, request, work, pb.IssueCouponResponse, keep=None)

    async def RedeemCoupon(self, request: pb.RedeemCouponRequest, context: Context) -> pb.RedeemCouponResponse:
        now = self._clock.now()

        async def work(tx: Tx) -> pb.RedeemCouponResponse:
            template, coupon = await operations.redeem_coupon(
                tx, request.code, request.order_reference, request.order_minor, now=now
            )
            return pb.RedeemCouponResponse(coupon=convert.coupon_to_proto(template, coupon, now=now))

        async with self._lanes:
            return await once(self._db, request, work, pb.RedeemCouponResponse, keep=None)

    async def ListProfileCoupons(
        self, request: pb.ListProfileCouponsRequest, context: Context
    ) -> pb.ListProfileCouponsResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            ids = await subjects.list_ids(tx, profile_id)
            coupons = await store.list_coupons(tx, ids, before=before, limit=size + 1)
        page, token = pagination.cut(request, coupons, size, lambda found: [str(found[1].coupon_id)])
        return pb.ListProfileCouponsResponse(
            coupons=[convert.coupon_to_proto(template, coupon, now=now) for template, coupon in page],
            next_page_token=token,
        )
