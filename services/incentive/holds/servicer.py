"""The gRPC face of holds."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import grpc
import structlog
from bowen.incentive.v1 import hold_service_pb2 as pb
from bowen.incentive.v1.hold_service_pb2_grpc import HoldServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.holds import convert, operations, store
from services.incentive.holds.operations import EXPIRED_AT_ONCE_MAX
from services.incentive.ledger.errors import Insufficient

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


class HoldServicer(HoldServiceServicer):
    """A caller that is bound to a store changes and reads the holds that this store placed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def expire(self) -> None:
        """Give back all holds whose time is over."""
        now = self._clock.now()
        try:
            while await self._db.transact(lambda tx: operations.expire_holds(tx, now)) == EXPIRED_AT_ONCE_MAX:
                pass
        except Insufficient:
            await self._expire_each(now)

    async def _expire_each(self, now: datetime) -> None:
        """Give back one after another: somebody took what one of them held, and the others do not wait for it."""
        async with self._db.read() as tx:
            overdue = await store.find_overdue(tx, now, EXPIRED_AT_ONCE_MAX)
        for hold_id in overdue:
            try:
                await self._db.transact(partial(operations.expire_hold, hold_id=hold_id, now=now))
            except Insufficient as error:
                log.error("a hold cannot be given back", hold_id=str(hold_id), error=repr(error))

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
