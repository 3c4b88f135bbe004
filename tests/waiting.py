"""Waiting for a condition instead of for a while."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def eventually(check: Callable[[], T | Awaitable[T]], *, within: float = 30.0) -> T:
    """Ask again and again until the answer is true, and return it. Fails after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        answer = check()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"did not happen within {within} s: {_told(check)} → {answer!r}"
        await asyncio.sleep(0.01)


def _told(check: Callable[[], object]) -> str:
    try:
        return inspect.getsource(check).strip()
    except OSError:
        return repr(check)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a thread of its own: works with and without a running loop."""
    outcome: list[Any] = []
    worker = threading.Thread(target=lambda: outcome.append(asyncio.run(_caught(work))))
    worker.start()
    worker.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


async def _caught(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except Exception as error:
        return error
