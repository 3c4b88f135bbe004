"""What commission asks others: the ledger, to move the money."""

import asyncio
from collections.abc import Sequence

import structlog
from bowen.incentive.v1 import error_reason_pb2, ledger_service_pb2
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub

from chassis.client import Client
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import InvalidArgument, Refusal
from services.distribution.commission import convert, operations
from services.distribution.commission.domain import TO_DEBT, Posting, PostingState
from services.distribution.commission.store import postings
from services.distribution.commission.store.postings import Settlement

BATCH_MAX = 500
POLL_SECONDS = 1.0
OUTAGE_SECONDS_MAX = 30.0
POST_SECONDS_MAX = 10.0

log = structlog.get_logger(__name__)

_INSUFFICIENT = error_reason_pb2.ErrorReason.Name(error_reason_pb2.ERROR_REASON_INSUFFICIENT).removeprefix(
    "ERROR_REASON_"
)


class Poster:
    """Carries movements to the ledger, in order per partner, again and again until the ledger has answered each.

    Several replicas may do so at once: a lane is drained by one at a time. A movement that was posted, but whose
    answer was lost, is asked for again by the same id, and the ledger answers as the first time.
    """

    def __init__(self, db: Database, ledger: Client, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._stub = LedgerServiceStub(ledger)
        self._wake = asyncio.Event()
        self._failures = 0
        db.on_commit(self._wake.set, of=postings.MARK)

    async def run(self) -> None:
        """Drain until cancelled. An outage of the ledger delays, nothing is lost."""
        while True:
            self._wake.clear()
            pause = await self._guarded_drain()
            if self._failures:  # a commit does not end an outage
                await asyncio.sleep(pause)
            elif pause:
                await self._woken(pause)

    async def _woken(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _guarded_drain(self) -> float:
        try:
            count = await self.drain()
        except Refusal as refusal:
            if not self._failures:
                log.warning("commission waits for the ledger", error=str(refusal))
            self._failures += 1
            return min(OUTAGE_SECONDS_MAX, 0.1 * 2.0 ** min(self._failures, 10))
        if self._failures:
            log.info("posting again", tries=self._failures)
        self._failures = 0
        return 0.0 if count else POLL_SECONDS

    async def drain(self) -> int:
        """Have the ledger answer what waits, a batch per lane. Returns how many were answered. Raises outages."""
        async with self._db.read() as tx:
            lanes = await postings.busy_lanes(tx)
        return sum([await self._drain_lane(lane) for lane in lanes])

    async def _drain_lane(self, lane: int) -> int:
        async def work(tx: Tx) -> int:
            if not await postings.hold_lane(tx, lane):
                return 0
            waiting = await postings.waiting(tx, lane, BATCH_MAX)
            if waiting:
                await operations.settle(tx, await self._post(waiting), now=self._clock.now())
            return len(waiting)

        return await self._db.transact(work)

    async def _post(self, waiting: Sequence[Posting]) -> list[Settlement]:
        """The ledger's answers. A batch that is refused as a whole is halved until the culprit stands alone."""
        request = ledger_service_pb2.PostTransfersRequest(transfers=map(convert.transfer_of, waiting))
        try:
            response = await self._stub.PostTransfers(request, timeout=POST_SECONDS_MAX)
        except InvalidArgument as refusal:
            if len(waiting) == 1:
                return [_refused(waiting[0], refusal.reason, refusal.message)]
            half = len(waiting) // 2
            return [*await self._post(waiting[:half]), *await self._post(waiting[half:])]
        return [_settled(item, outcome) for item, outcome in zip(waiting, response.outcomes, strict=True)]


def _settled(posting: Posting, outcome: ledger_service_pb2.TransferOutcome) -> Settlement:
    if outcome.result == ledger_service_pb2.TransferOutcome.RESULT_POSTED:
        return Settlement(posting, PostingState.POSTED)
    if posting.kind in TO_DEBT and outcome.reason == _INSUFFICIENT:
        return Settlement(posting, PostingState.REPLACED, outcome.reason)
    return _refused(posting, outcome.reason, outcome.detail)


def _refused(posting: Posting, reason: str, detail: str) -> Settlement:
    log.error("the ledger refused a commission", transfer_id=posting.transfer_id, reason=reason, detail=detail)
    return Settlement(posting, PostingState.REFUSED, reason)
