"""The gRPC face of holds."""

from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import hold_service_pb2 as pb
from bowen.incentive.v1.hold_service_pb2_grpc import HoldServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.holds import convert, operations, store

Context = grpc.aio.ServicerContext[Any, Any]


class HoldServicer(HoldServiceServicer):
    """A caller that is bound to a store changes and reads the holds that this store placed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def expire(self) -> None:
        """Give back all holds whose time is over."""
        now = self._clock.now()
        while await self._db.transact(lambda tx: operations.expire_holds(tx, now)) == operations.EXPIRED_AT_ONCE_MAX:
            pass

    async def PlaceHold(self, request: pb.PlaceHoldRequest, context: Context) -> pb.PlaceHoldResponse:
        store_id, now = current().caller.store_id, self._clock.now()
        hold = convert.hold_from_proto(request, hold_id=new_id(), store_id=store_id, now=now)

        async def work(tx: Tx) -> pb.PlaceHoldResponse:
            return pb.PlaceHoldResponse(hold=convert.hold_to_proto(await operations.place_hold(tx, hold)))

        return await once(self._db, request, work, pb.PlaceHoldResponse, keep=None)

    async def CaptureHold(self, request: pb.CaptureHoldRequest, context: Context) -> pb.CaptureHoldResponse:
        hold_id, store_id, now = UUID(request.hold_id), current().caller.store_id, self._clock.now()

        async def work(tx: Tx) -> pb.CaptureHoldResponse:
            hold = await operations.capture_hold(tx, hold_id, store_id, request.amount, now)
            return pb.CaptureHoldResponse(hold=convert.hold_to_proto(hold))

        return await once(self._db, request, work, pb.CaptureHoldResponse, keep=None)

    async def VoidHold(self, request: pb.VoidHoldRequest, context: Context) -> pb.VoidHoldResponse:
        hold_id, store_id, now = UUID(request.hold_id), current().caller.store_id, self._clock.now()

        async def work(tx: Tx) -> pb.VoidHoldResponse:
            hold = await operations.void_hold(tx, hold_id, store_id, now)
            return pb.VoidHoldResponse(hold=convert.hold_to_proto(hold))

        return await once(self._db, request, work, pb.VoidHoldResponse, keep=None)

    async def RefundHold(self, request: pb.RefundHoldRequest, context: Context) -> pb.RefundHoldResponse:
        hold_id, store_id, now = UUID(request.hold_id), current().caller.store_id, self._clock.now()

        async def work(tx: Tx) -> pb.RefundHoldResponse:
            hold = await operations.refund_hold(tx, hold_id, store_id, request.amount, now)
            return pb.RefundHoldResponse(hold=convert.hold_to_proto(hold))

        return await once(self._db, request, work, pb.RefundHoldResponse, keep=None)

    async def GetHold(self, request: pb.GetHoldRequest, context: Context) -> pb.GetHoldResponse:
        async with self._db.read() as tx:
            hold = await store.get_hold(tx, UUID(request.hold_id), current().caller.store_id)
        return pb.GetHoldResponse(hold=convert.hold_to_proto(hold))
