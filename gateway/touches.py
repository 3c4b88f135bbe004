"""Visits through share links on their way to distribution: written behind, so that no redirect waits for them."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog
from bowen.distribution.v1 import ripple_pb2
from bowen.distribution.v1 import ripple_service_pb2 as pb

from chassis.caller import Call, acting, service
from chassis.errors import Refusal
from gateway.backends import NAME

log = structlog.get_logger()

BATCH_MAX = 500
RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 5.0
Record = Callable[[pb.RecordTouchesRequest], Awaitable[pb.RecordTouchesResponse]]


class Touches:
    """A bounded queue of visits, sent in order and again until they are in. What does not fit is lost, and said so."""

    def __init__(self, record: Record, *, queue_max: int) -> None:
        self._record, self._queue_max = record, queue_max
        self._queue: deque[ripple_pb2.Touch] = deque()
        self._wake = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, touch: ripple_pb2.Touch) -> None:
        """Hand in a visit; never waits, never fails."""
        if len(self._queue) >= self._queue_max:
            self.lost += 1
            log.error("a visit is lost: the queue is full", token=touch.token, lost=self.lost)
            return
        self._queue.append(touch)
        self._is_empty.clear()
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        delay_s = RETRY_SECONDS_MIN
        while True:
            await self._wake.wait()
            batch = [self._queue[index] for index in range(min(len(self._queue), BATCH_MAX))]
            if await self._sent(batch):
                delay_s = RETRY_SECONDS_MIN
                self._forget(len(batch))
            else:
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
                delay_s = min(2 * delay_s, RETRY_SECONDS_MAX)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._queue.popleft()
        if not self._queue:
            self._wake.clear()
            self._is_empty.set()

    async def _sent(self, batch: Sequence[ripple_pb2.Touch]) -> bool:
        """Whether the batch is done with: recorded, or refused for good."""
        try:
            with acting(Call(service(NAME))):
                response = await self._record(pb.RecordTouchesRequest(touches=batch))
        except Refusal as refusal:
            return await self._after(refusal, batch)
        rejected = [outcome for outcome in response.outcomes if outcome.result == pb.RecordTouchOutcome.RESULT_REJECTED]
        for outcome in rejected:
            log.warning("a visit was refused", touch_id=outcome.touch_id, reason=outcome.reason)
        return True

    async def _after(self, refusal: Refusal, batch: Sequence[ripple_pb2.Touch]) -> bool:
        if not refusal.definitive:
            log.warning("visits wait", count=len(self._queue), reason=refusal.reason, detail=refusal.message)
            return False
        if len(batch) == 1:
            log.error("a visit was refused", touch_id=batch[0].touch_id, reason=refusal.reason)
            return True
        return all([await self._sent([touch]) for touch in batch])  # one that is refused does not hold up the others

    async def flush(self, seconds: float) -> None:
        """Give what is queued a last chance."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_empty.wait()
        except TimeoutError:
            log.error("visits are lost: they could not be recorded in time", count=len(self._queue))
