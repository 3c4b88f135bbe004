"""Work that is done side by side, except where it is about the same things."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Turns(Generic[K]):
    """Lets work wait for what came before it and names one of the same keys; all else goes ahead beside it.

    In one process, so that two batches do not meet first in the database, where the later one is repeated. Everybody
    waits for earlier ones alone: nobody waits for ever while work ends.
    """

    def __init__(self) -> None:
        self._going: list[tuple[frozenset[K], asyncio.Future[None]]] = []

    @asynccontextmanager
    async def of(self, keys: frozenset[K]) -> AsyncIterator[None]:
        """Be the only one who works on `keys`."""
        before = [ended for others, ended in self._going if not keys.isdisjoint(others)]
        own = keys, asyncio.get_running_loop().create_future()
        self._going.append(own)
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            self._going.remove(own)
            own[1].set_result(None)
