"""Codes by the million."""

import secrets
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import coupon_batch_service_pb2 as pb
from bowen.incentive.v1.coupon_batch_service_pb2_grpc import CouponBatchServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.coupons.convert import coupons as convert
from services.incentive.coupons.domain.batches import Batch, BatchState
from services.incentive.coupons.domain.codes import CODE_BITS
from services.incentive.coupons.operations import batches as operations
from services.incentive.coupons.store import batches as store
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import templates as template_store
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]


class CouponBatchServicer(CouponBatchServiceServicer):
    """Batches are the brand's: a caller that is bound to a store has no part in them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def make(self) -> None:
        """Make all codes that are to be made."""
        while await self.make_some():
            pass

    async def make_some(self) -> bool:
        """Make the next codes of some batch, in one transaction. Returns whether there was one."""
        return await self._db.transact(
            lambda tx: operations.make_some(
                tx, new_id=new_id, random_bits=lambda: secrets.randbits(CODE_BITS), now=self._clock.now()
            )
        )

    async def CreateCouponBatch(
        self, request: pb.CreateCouponBatchRequest, context: Context
    ) -> pb.CreateCouponBatchResponse:
        subjects.check_brand(current().caller)
        batch = Batch(new_id(), UUID(request.template_id), request.code_count, 0, BatchState.RUNNING, self._clock.now())

        async def work(tx: Tx) -> pb.CreateCouponBatchResponse:
            await operations.create_batch(tx, batch)
            return pb.CreateCouponBatchResponse(coupon_batch=convert.batch_to_proto(batch))

        return await once(self._db, request, work, pb.CreateCouponBatchResponse, keep=None)

    async def GetCouponBatch(self, request: pb.GetCouponBatchRequest, context: Context) -> pb.GetCouponBatchResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            batch = await store.get_batch(tx, UUID(request.batch_id))
        return pb.GetCouponBatchResponse(coupon_batch=convert.batch_to_proto(batch))

    async def CancelCouponBatch(
        self, request: pb.CancelCouponBatchRequest, context: Context
    ) -> pb.CancelCouponBatchResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.CancelCouponBatchResponse:
            batch = await operations.cancel_batch(tx, UUID(request.batch_id))
            return pb.CancelCouponBatchResponse(coupon_batch=convert.batch_to_proto(batch))

        return await once(self._db, request, work, pb.CancelCouponBatchResponse)

    async def ListCouponBatchCodes(
        self, request: pb.ListCouponBatchCodesRequest, context: Context
    ) -> pb.ListCouponBatchCodesResponse:
        subjects.check_brand(current().caller)
        now, size = self._clock.now(), pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            batch = await store.get_batch(tx, UUID(request.batch_id))
            template = await template_store.get_template(tx, batch.template_id)
            ids = await store.list_codes(tx, batch.batch_id, after=after, limit=size + 1)
            coupons = await coupon_store.find_coupons(tx, ids)
        page, token = pagination.cut(request, ids, size, lambda coupon_id: [str(coupon_id)])
        return pb.ListCouponBatchCodesResponse(
            coupons=[convert.coupon_to_proto(template, coupons[each], now=now) for each in page],
            next_page_token=token,
        )
