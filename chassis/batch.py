"""Natural group commit: while one batch is being worked on, the next collects. No timer, no waiting when idle."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from chassis import telemetry
from chassis.errors import Conflict, DeadlineExceeded, Overloaded, QuotaExceeded, Unavailable

In = TypeVar("In")
Out = TypeVar("Out")

_NOT_ONES_OWN_FAULT = (Unavailable, DeadlineExceeded, Conflict, QuotaExceeded)


class Gatherer(Generic[In, Out]):
    """Gathers what concurrent callers submit into batches of at most `batch_max`, in order of arrival.

    An item counts as one, or as its `size`; one that alone is larger is a batch of its own.

    `handle` returns one outcome per item, in the items' order; an exception among them is raised to that item's
    caller alone. If `handle` itself raises, a batch that fails through no fault of its items (an outage, a conflict)
    fails as a whole; any other is tried again item by item, so one item never fails its neighbours. `handle` must
    therefore change nothing when it raises. At most `lanes` batches are handled at once; with one, batches are
    handled in order. `handle` runs outside of any call, in the trace of the batch's first item: what else it needs of
    the caller belongs into the item.
    """

    def __init__(
        self,
        handle: Callable[[Sequence[In]], Awaitable[Sequence[Out | BaseException]]],
        *,
        batch_max: int,
        queue_max: int,
        lanes: int = 1,
        size: Callable[[In], int] = lambda _: 1,
    ) -> None:
        self._handle = handle
        self._size = size
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._lanes_max = lanes
        self._queue: deque[tuple[In, asyncio.Future[Out], str]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(self, item: In) -> Out:
        """Hand in one item and wait for its outcome. Raises the item's own error, or `Overloaded` when full."""
        return await self._enqueue([item])[0]

    async def submit_all(self, items: Sequence[In]) -> list[Out | BaseException]:
        """Hand in several items, all or none, and wait for all outcomes. Raises `Overloaded` when they do not fit."""
        return list(await asyncio.gather(*self._enqueue(items), return_exceptions=True))

    def _enqueue(self, items: Sequence[In]) -> list[asyncio.Future[Out]]:
        if self._closed:
            raise Unavailable("shutting down")
        if len(self._queue) + len(items) > self._queue_max:
            raise Overloaded
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[Out]] = [loop.create_future() for _ in items]
        trace = telemetry.inject()
        self._queue.extend((item, future, trace) for item, future in zip(items, waiting, strict=True))
        if self._queue and len(self._lanes) < self._lanes_max:
            lane = loop.create_task(self._work(), name="gatherer", context=Context())
            self._lanes.add(lane)
        return waiting

    async def _work(self) -> None:
        try:
            while batch := self._next():
                telemetry.batch_size.record(len(batch))
                with telemetry.extract(batch[0][2]):
                    outcomes = await self._outcomes([item for item, _, _ in batch])
                for (_, future, _), outcome in zip(batch, outcomes, strict=True):
                    _settle(future, outcome)
        finally:  # in the very step that found the queue empty: what comes next needs a lane of its own
            self._lanes.discard(asyncio.current_task())

    def _next(self) -> list[tuple[In, "asyncio.Future[Out]", str]]:
        batch: list[tuple[In, asyncio.Future[Out], str]] = []
        left = self._batch_max
        while self._queue and ((size := self._size(self._queue[0][0])) <= left or not batch):
            entry = self._queue.popleft()
            if not entry[1].done():  # else its caller has gone
                batch.append(entry)
                left -= size
        return batch

    async def _outcomes(self, items: list[In]) -> Sequence[Out | BaseException]:
        try:
            outcomes = await self._handle(items)
            if len(outcomes) != len(items):
                raise RuntimeError(f"{len(items)} items, {len(outcomes)} outcomes")
            return outcomes
        except _NOT_ONES_OWN_FAULT as error:
            return [error] * len(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
        return [(await self._outcomes([item]))[0] for item in items]

    async def close(self) -> None:
        """Take nothing more, and wait until everything taken is done."""
        self._closed = True
        while self._lanes:
            await asyncio.wait(self._lanes)


def _settle(future: "asyncio.Future[Out]", outcome: Out | BaseException) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
