"""What happens around every call that a component answers, in one interceptor.

In this order: trace, caller, sandbox time, deadline, scope, rules of the request, the servicer itself; then every
refusal becomes a status, and everything else is logged and answered INTERNAL "internal error", without detail.
"""

import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
import structlog
from bowen.options.v1 import edge_pb2
from google.protobuf import descriptor_pool

from chassis import caller, rules, telemetry
from chassis.clock import Clock, SandboxClock
from chassis.errors import (
    DETAILS_KEY,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    PermissionDenied,
    Refusal,
    Unauthenticated,
    to_status,
)

SLOW_S = 1.0
_NO_LIMIT_S = 1e7

log = structlog.get_logger()
Serve = Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a contract, and who may call it. `edge` is None for a method that is not for the outside."""

    path: str
    edge: edge_pb2.Edge | None

    @classmethod
    def find(cls, path: str) -> "Method":
        """The method behind `/package.Service/Method`."""
        name = path.lstrip("/").replace("/", ".")
        try:
            options = descriptor_pool.Default().FindMethodByName(name).GetOptions()
        except KeyError:
            return cls(path, None)
        return cls(path, options.Extensions[edge_pb2.edge] if options.HasExtension(edge_pb2.edge) else None)

    def admit(self, who: caller.Caller) -> None:
        """Let the caller in, or raise `PermissionDenied`. Components of ours need no scope."""
        if who.is_service or (self.edge is not None and self.edge.public):
            return
        if self.edge is None:
            raise PermissionDenied("the method is not open to callers from outside")
        if who.profile_id:
            if not self.edge.shopper:
                raise PermissionDenied("the method is not open to shoppers")
        elif not self.edge.scope or self.edge.scope not in who.scopes:
            raise PermissionDenied(f"the scope {self.edge.scope} is needed", scope=self.edge.scope)


class Guard:
    """Everything that is around a call, whatever carries it: plain gRPC, or frames of a stream.

    A call that names no caller comes from inside the cluster (the network policy sees to that) and counts as
    `service:anonymous`. With `require_caller` it is refused instead.
    """

    def __init__(self, *, service: str, clock: Clock, require_caller: bool = False) -> None:
        self.domain = f"{service}.bowen"
        self._clock = clock
        self._require_caller = require_caller

    @contextmanager
    def around(self, method: Method, metadata: Mapping[str, str], remaining_s: float | None) -> Iterator[caller.Call]:
        """The work of one call goes inside. Only refusals come out, and cancellation."""
        started = time.monotonic()
        call = caller.Call(
            caller.ANONYMOUS_SERVICE, method.path, None if remaining_s is None else started + remaining_s
        )
        fault: Refusal | None = None
        status = grpc.StatusCode.CANCELLED
        with (
            telemetry.extract(metadata.get(caller.TRACEPARENT, "")),
            telemetry.span(method.path[1:], "server") as span,
            caller.acting(call),
        ):
            try:
                with self._enter(method, metadata, call):
                    yield call
                status = grpc.StatusCode.OK
            except Exception as error:
                fault = _told(error, call)
                status = fault.code
                raise fault from (None if fault is error else error)
            finally:
                if span is not None:
                    span.set_attribute("rpc.grpc.status", status.name)
                _note(call, time.monotonic() - started, status.name, fault)

    def _enter(self, method: Method, metadata: Mapping[str, str], call: caller.Call) -> AbstractContextManager[object]:
        who = caller.from_metadata(metadata)
        if who is not None:
            call.caller = who
        elif self._require_caller and not (method.edge is not None and method.edge.public):
            raise Unauthenticated("the call names no caller")
        method.admit(call.caller)
        if call.deadline is not None and call.deadline <= time.monotonic():
            raise DeadlineExceeded("no time was left when the call arrived")
        if isinstance(self._clock, SandboxClock) and (now := metadata.get(caller.NOW)):
            return self._clock.use(_sandbox_now(now))
        return nullcontext()


def _told(error: Exception, call: caller.Call) -> Refusal:
    """What the caller is told about an error: a refusal as it is; of a fault, ours or further behind, nothing."""
    if isinstance(error, Refusal) and not isinstance(error, Internal):
        return error
    log.error("call failed unexpectedly", method=call.method, principal=call.caller.principal, exc_info=error)
    return Internal("internal error")


def _note(call: caller.Call, seconds: float, status: str, fault: Refusal | None) -> None:
    telemetry.rpc_server_seconds.record(seconds, method=call.method, status=status)
    if fault is None and seconds < SLOW_S:
        return
    told = {"reason": fault.reason, "detail": fault.message} if fault is not None else {}
    log.info(
        "call refused" if fault is not None else "call was slow",
        method=call.method,
        principal=call.caller.principal,
        status=status,
        ms=round(seconds * 1e3, 1),
        **told,
    )


def _sandbox_now(text: str) -> datetime:
    now: datetime | None
    try:
        now = datetime.fromisoformat(text)
    except ValueError:
        now = None
    if now is None or now.tzinfo is None:
        raise InvalidArgument(caller.NOW, "must be an RFC 3339 time with a zone")
    return now


class ServerInterceptor:
    """Puts the guard around the handlers of plain gRPC, once, when they are registered.

    This costs nothing per call; an interceptor of grpc.aio does its look-up and wrapping for each one.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def wrap(self, path: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        """The handler of the method `path` with the guard around it."""
        make, serve = self._serving(handler, Method.find(path))
        wrapped: grpc.RpcMethodHandler[Any, Any] = make(
            serve, handler.request_deserializer, handler.response_serializer
        )
        return wrapped

    def _serving(self, handler: Any, method: Method) -> tuple[Any, Serve]:
        match (handler.request_streaming, handler.response_streaming):
            case (False, False):
                return grpc.unary_unary_rpc_method_handler, self._unary(handler.unary_unary, method)
            case (False, True):
                return grpc.unary_stream_rpc_method_handler, self._stream(handler.unary_stream, method)
            case (True, False):
                return grpc.stream_unary_rpc_method_handler, self._unary(handler.stream_unary, method, check=False)
            case _:
                return grpc.stream_stream_rpc_method_handler, self._stream(handler.stream_stream, method, check=False)

    def _unary(self, work: Serve, method: Method, *, check: bool = True) -> Serve:
        async def serve(request: Any, context: Any) -> Any:
            call = None
            try:
                with self._guard.around(method, *_seen(context)) as call:
                    if check:
                        rules.check(request)
                    response = await work(request, context)
            except Refusal as error:
                refusal = error
            else:
                if call.replayed:
                    context.set_trailing_metadata(_REPLAYED)
                return response
            return await self._abort(context, refusal, _REPLAYED if call is not None and call.replayed else ())

        return serve

    def _stream(self, work: Any, method: Method, *, check: bool = True) -> Serve:
        # A coroutine even around a generator: what the guard opens is closed in the task that opened it.
        is_generator = inspect.isasyncgenfunction(work)

        async def serve(request: Any, context: Any) -> None:
            try:
                with self._guard.around(method, *_seen(context)):
                    if check:
                        rules.check(request)
                    if is_generator:
                        await _write_all(work(request, context), context)
                    else:
                        await work(request, context)
                return
            except Refusal as error:
                refusal = error
            await self._abort(context, refusal)

        return serve

    async def _abort(self, context: Any, refusal: Refusal, more: tuple[tuple[str, str], ...] = ()) -> None:
        status = to_status(refusal, self._guard.domain)
        trailing = ((DETAILS_KEY, status.SerializeToString()), *more)
        await context.abort(refusal.code, refusal.message, trailing)


_REPLAYED = ((caller.REPLAYED, "true"),)


def _seen(context: Any) -> tuple[dict[str, str], float | None]:
    remaining_s = context.time_remaining()
    is_limited = remaining_s is not None and remaining_s < _NO_LIMIT_S
    return dict(context.invocation_metadata()), remaining_s if is_limited else None


async def _write_all(responses: AsyncGenerator[Any, None], context: Any) -> None:
    async with aclosing(responses):
        async for response in responses:
            await context.write(response)
