"""A server that answers the trial contract, and a client of it, for the length of a block."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from chassis import caller, errors, telemetry
from chassis.client import Client, Retry
from chassis.clock import Clock, SystemClock
from chassis.server import Server
from tests.trial import Answer, Ask, TrialStub, add_trial_to_server


class WordTaken(errors.AlreadyExists):
    """A refusal of the trial service."""

    reason = "WORD_TAKEN"


FAILURES: dict[str, Callable[[], Exception]] = {
    "taken": lambda: WordTaken("the word is taken", word="taken"),
    "busy": errors.Overloaded,
    "wordy": lambda: errors.InvalidArgument.of(
        [(f"rows[{number}].name", "must not be 波纹") for number in range(1000)]
    ),
    "crash": lambda: RuntimeError("secret of the database"),
    "fault behind": lambda: errors.Internal("Method not found: /bowen.secret"),
}


@dataclass
class Servicer:
    """Answers with what it knows of the call; certain words make it behave otherwise."""

    clock: Clock = field(default_factory=SystemClock)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0
    outages: int = 0
    behind: TrialStub | None = None

    async def Say(self, request: Any, context: Any) -> Any:
        self.calls += 1
        self.arrived.set()
        if request.word == "replayed refusal":
            caller.current().replayed = True
            raise FAILURES["taken"]()
        if request.word == "long":
            return self._answer("x" * 9_000_000)
        if request.word in FAILURES:
            raise FAILURES[request.word]()
        match request.word:
            case "wait":
                await self._wait()
            case "replay":
                caller.current().replayed = True
            case "flaky" if self.calls <= self.outages:
                raise errors.Unavailable("not now")
            case "behind" if self.behind is not None:
                return await self.behind.Say(Ask(word="hello"))
        return self._answer(request.word)

    Own = Open = Inner = Say

    async def Many(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(request.times):
            if request.word == "taken" and number == 2:
                raise WordTaken("the word is taken", word=request.word)
            yield self._answer(f"{request.word} {number}")
        if request.word == "wait":
            await self._wait()

    async def Collect(self, requests: Any, context: Any) -> Any:
        return self._answer(" ".join([request.word async for request in requests]))

    async def Chat(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            if request.word == "taken":
                raise WordTaken("the word is taken")
            yield self._answer(request.word)

    async def _wait(self) -> None:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def _answer(self, word: str) -> Any:
        call = caller.current()
        return Answer(
            word=word,
            principal=call.caller.principal,
            remaining_s=-1 if call.deadline is None else call.deadline - time.monotonic(),
            trace_id=telemetry.trace_id(),
            now=self.clock.now().isoformat(),
        )


@asynccontextmanager
async def serving(servicer: Servicer, **settings: Any) -> AsyncIterator[Server]:
    """A server on a free port, ready."""
    server = Server(**{"listen": "127.0.0.1:0"} | settings, service="trial", clock=servicer.clock)
    server.add(add_trial_to_server, servicer)
    await server.start()
    await server.set_ready(True)
    try:
        yield server
    finally:
        servicer.release.set()
        await server.stop(0)


@asynccontextmanager
async def talking(servicer: Servicer, *, retry: Retry | None = None, **settings: Any) -> AsyncIterator[TrialStub]:
    """A stub that talks to a server of its own."""
    async with (
        serving(servicer) as server,
        Client.connect(f"127.0.0.1:{server.port}", name="test", retry=retry, **settings) as client,
    ):
        yield TrialStub(client)
