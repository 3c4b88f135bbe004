"""The gRPC face of audits."""

import asyncio
import hashlib
import time
from datetime import date
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import audit_service_pb2 as pb
from bowen.incentive.v1.audit_service_pb2_grpc import AuditServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import InvalidArgument
from chassis.idempotency import once
from services.incentive.audits import convert, operations, store
from services.incentive.audits.domain.proofs import Portions
from services.incentive.subjects import store as subjects

DAYS_MAX = 31
PORTIONS = Portions()
TURN_SECONDS = 0.02
FIRST_PAGE = 2**63 - 1, ""

Context = grpc.aio.ServicerContext[Any, Any]


class AuditServicer(AuditServiceServicer):
    """Audits are the brand's: a caller that is bound to a store has no part in them."""

    def __init__(
        self, db: Database, clock: Clock, *, time_zone: str, portions: Portions = PORTIONS, prove_s: float = 1.0
    ) -> None:
        self._db = db
        self._clock = clock
        self._time_zone = time_zone
        self._portions, self._prove_s = portions, prove_s

    async def seal(self) -> None:
        """Seal past days."""
        await operations.seal_days(self._db, self._time_zone, self._clock.now())

    async def prove(self) -> None:
        """Prove what was posted since the last proof, once an hour, and go on with what was begun."""
        await operations.prove_going_on(self._db, self._clock.now(), self._portions)

    async def publish(self) -> None:
        """Publish all transfers that are final."""
        while await self._db.transact(lambda tx: operations.publish_some(tx, self._clock.now())):
            pass

    async def ListSeals(self, request: pb.ListSealsRequest, context: Context) -> pb.ListSealsResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, lambda key: date.fromisoformat(str(key[0]))) or date.max
        async with self._db.read() as tx:
            found = await store.list_seals(tx, before=before, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda seal: [seal.day.isoformat()])
        return pb.ListSealsResponse(seals=map(convert.seal_to_proto, page), next_page_token=token)

    async def VerifySeals(self, request: pb.VerifySealsRequest, context: Context) -> pb.VerifySealsResponse:
        subjects.check_brand(current().caller)
        first = convert.day_from_proto("first_day", request.first_day)
        last = convert.day_from_proto("last_day", request.last_day)
        if not 0 <= (last - first).days < DAYS_MAX:
            raise InvalidArgument("last_day", f"must make 1 to {DAYS_MAX} days with first_day")
        count, broken = await operations.verify_days(self._db, first, last)
        return pb.VerifySealsResponse(verified_count=count, broken_day=broken.isoformat() if broken else "")

    async def ProveLedger(self, request: pb.ProveLedgerRequest, context: Context) -> pb.ProveLedgerResponse:
        caller = current().caller
        subjects.check_brand(caller)
        run_id = UUID(bytes=hashlib.sha256(f"{caller.principal}\0{request.request_id}".encode()).digest()[:16])
        until = time.monotonic() + self._prove_s
        made, progress_bp = await operations.find_proved(self._db, run_id)
        while made is None:
            await self._db.transact(lambda tx: operations.begin_full(tx, run_id, self._clock.now()))
            if not await operations.prove_some(self._db, self._portions, is_full=True):
                await asyncio.sleep(TURN_SECONDS)  # another replica is at it
            made, progress_bp = await operations.find_proved(self._db, run_id)
            if made is None and time.monotonic() > until:
                return pb.ProveLedgerResponse(progress_bp=progress_bp)
        return pb.ProveLedgerResponse(proofs=map(convert.proof_to_proto, made), progress_bp=10_000)

    async def ListProofs(self, request: pb.ListProofsRequest, context: Context) -> pb.ListProofsResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, lambda key: (int(key[0]), str(key[1]))) or FIRST_PAGE
        async with self._db.read() as tx:
            found = await store.list_proofs(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda proof: [proof.number, proof.asset])
        return pb.ListProofsResponse(proofs=map(convert.proof_to_proto, page), next_page_token=token)

    async def EstimateRedemption(
        self, request: pb.EstimateRedemptionRequest, context: Context
    ) -> pb.EstimateRedemptionResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.EstimateRedemptionResponse:
            await operations.estimate(tx, request.asset, request.month, request.effective_month, request.expected)
            return pb.EstimateRedemptionResponse(
                month=request.month, effective_month=request.effective_month, expected=request.expected
            )

        return await once(self._db, request, work, pb.EstimateRedemptionResponse)

    async def GetLiabilityReport(
        self, request: pb.GetLiabilityReportRequest, context: Context
    ) -> pb.GetLiabilityReportResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            cohorts = await store.list_cohorts(tx, request.asset, request.month)
        return pb.GetLiabilityReportResponse(
            cohorts=[convert.cohort_to_proto(cohort, request.month) for cohort in cohorts],
            journal=convert.journal_to_proto(cohorts, request.month),
        )
