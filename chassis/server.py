"""A gRPC server with health, reflection, limits and an orderly end."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from chassis.clock import Clock
from chassis.interceptors import Guard, ServerInterceptor

READINESS = "readiness"
"""Name of the health service that says whether calls are welcome; the empty name says that the process lives."""

MESSAGE_BYTES_MAX = 16 << 20
"""A page of 200 events, each as large as an event may be, fits."""

OPTIONS = [
    ("grpc.so_reuseport", 0),  # two processes on one port are a mistake: the second one must say so
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", 16_384),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),  # strictly below the clients' keepalive time
    ("grpc.max_connection_age_ms", 300_000),  # makes clients resolve anew, so that new pods get calls
    ("grpc.max_connection_age_grace_ms", 60_000),
]

Handler = Any
"""A `grpc.RpcMethodHandler`: what answers one method."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Server:
    """Answers calls at `listen` (`host:port`; port 0 takes a free one). More calls at once than
    `concurrency_max` are refused with RESOURCE_EXHAUSTED. `drain_s`: how long to stay open, but not ready, before
    the end, so that those who balance calls notice."""

    def __init__(
        self,
        *,
        listen: str,
        service: str,
        clock: Clock,
        concurrency_max: int = 1000,
        require_caller: bool = False,
        drain_s: float = 0.0,
    ) -> None:
        self.port = 0
        self.draining = asyncio.Event()
        self.methods = Methods(ServerInterceptor(Guard(service=service, clock=clock, require_caller=require_caller)))
        self._listen = listen
        self._drain_s = drain_s
        self._names: list[str] = []
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        self._server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=concurrency_max)
        self._server.add_generic_rpc_handlers((self.methods,))
        self.add(health_pb2_grpc.add_HealthServicer_to_server, self._health)

    def add(self, add_fn: Callable[[Any, Any], None], servicer: Any) -> None:
        """Serve a contract, before or after the start: `add(add_ProfileServiceServicer_to_server, servicer)`."""
        self._names += self.methods.register(add_fn, servicer)
        reflects = reflection.aio.ReflectionServicer(self._names)  # type: ignore[attr-defined]
        self.methods.register(reflection_pb2_grpc.add_ServerReflectionServicer_to_server, reflects)

    async def start(self, *, complete: bool = True) -> int:
        """Listen. Alive at once, ready only when told. Returns the port.

        Unless everything is added already (`complete`), unknown methods are UNAVAILABLE until `completed` is called.
        """
        self.methods.complete = complete
        self.port = self._server.add_insecure_port(self._listen)
        await self._health.set("", _SERVING)
        await self.set_ready(False)
        await self._server.start()
        return self.port

    def completed(self) -> None:
        """Everything is added: from now on an unknown method is UNIMPLEMENTED."""
        self.methods.complete = True

    async def set_ready(self, ready: bool) -> None:
        """Tell those who ask whether calls are welcome. Once the server drains, they are not."""
        await self._health.set(READINESS, _SERVING if ready and not self.draining.is_set() else _NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Stop being ready, stay open for `drain_s`, finish what runs within `grace` seconds, refuse what is new.

        Streams have no end of their own: they watch `draining`.
        """
        self.draining.set()
        await self.set_ready(False)
        await asyncio.sleep(self._drain_s)
        await self._server.stop(grace)


class Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic for the type checker only
    """All methods that a server answers, by path, each with the guard around it."""

    def __init__(self, interceptor: ServerInterceptor) -> None:
        self.complete = True
        self._interceptor = interceptor
        self._handlers: dict[str, Handler] = {}
        self._added: list[str] = []

    def register(self, add_fn: Callable[[Any, Any], None], servicer: Any) -> list[str]:
        """Take in what a generated `add_…_to_server` adds. Returns the names of its services."""
        self._added = []
        add_fn(servicer, self)
        return self._added

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """Part of what generated code expects of a server; it adds the same handlers by name as well."""

    def add_registered_method_handlers(self, name: str, handlers: dict[str, Handler]) -> None:
        """Part of what generated code expects of a server."""
        self._added.append(name)
        for method, handler in handlers.items():
            path = f"/{name}/{method}"
            ours = not name.startswith("grpc.")
            self._handlers[path] = self._interceptor.wrap(path, handler) if ours else handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of one call."""
        handler = self._handlers.get(handler_call_details.method)
        return _STARTING if handler is None and not self.complete else handler


async def _not_yet(_request: bytes, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")


_STARTING = grpc.unary_unary_rpc_method_handler(_not_yet)
