"""What was looked up lately, for so long and no longer, and never more than fits."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Remembers values until their time. Concurrent look-ups of one key are one look-up."""

    def __init__(self, size_max: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._size_max = size_max
        self._monotonic = monotonic
        self._held: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._under_way: dict[K, asyncio.Task[V]] = {}

    def get(self, key: K) -> V | None:
        """The value, if it is remembered and its time has not come."""
        entry = self._held.get(key)
        if entry is None or entry[1] <= self._monotonic():
            return None
        return entry[0]

    def put(self, key: K, value: V, seconds: float) -> None:
        """Remember a value for so many seconds; the one remembered longest ago makes room."""
        self._put(key, value, self._monotonic() + seconds)

    async def load(self, key: K, look_up: Callable[[], Awaitable[V]], seconds: float) -> V:
        """The value, looked up if need be. Its time counts from before the look-up: it is never older than that."""
        entry = self._held.get(key)
        if entry is not None and entry[1] > self._monotonic():
            return entry[0]
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._look_up(key, look_up, seconds))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _look_up(self, key: K, look_up: Callable[[], Awaitable[V]], seconds: float) -> V:
        until = self._monotonic() + seconds
        value = await look_up()
        self._put(key, value, until)
        return value

    def _put(self, key: K, value: V, until: float) -> None:
        self._held[key] = (value, until)
        self._held.move_to_end(key)
        if len(self._held) > self._size_max:
            self._held.popitem(last=False)
