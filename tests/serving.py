"""A component's servicers behind a real gRPC server in this process, for the length of a block."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chassis.caller import Call, Caller, acting
from chassis.client import Client, Retry
from chassis.clock import Clock
from chassis.server import Server

TESTER = Caller("service:tester")
"""Whom servicers take the caller for unless a test acts as someone else: a component, which needs no scope."""

_ONCE = Retry(attempts=1)


@asynccontextmanager
async def serving(
    service: str,
    clock: Clock,
    *added: tuple[Callable[[Any, Any], None], Any],
    caller: Caller = TESTER,
    timeout_s: float = 30.0,
) -> AsyncIterator[Client]:
    """Serve `(add_…Servicer_to_server, servicer)` pairs on a free port; yields a client that stubs accept.

    Calls inside the block are made as `caller`; `with acting(Call(someone)):` makes them as someone else.
    """
    server = Server(listen="127.0.0.1:0", service=service, clock=clock)
    for add, servicer in added:
        server.add(add, servicer)
    port = await server.start()
    await server.set_ready(True)
    try:
        async with Client.connect(
            f"127.0.0.1:{port}", name="tester", timeout_s=timeout_s, retry=_ONCE, forward_caller=True, clock=clock
        ) as client:
            with acting(Call(caller)):
                yield client
    finally:
        await server.stop(0)
