"""Calls to other components: with a deadline, the trace, the caller and the sandbox's time, and errors as refusals."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import structlog

from chassis import caller, telemetry
from chassis.clock import Clock, SandboxClock
from chassis.errors import DeadlineExceeded, Refusal, from_rpc_error
from chassis.server import MESSAGE_BYTES_MAX

log = structlog.get_logger()

HOP_S = 0.005
"""What is kept back of the remaining time at each hop, for the answer's way home."""

REFUSAL_BYTES_MAX = 65_536

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and how soon, a call is repeated that found nobody there (UNAVAILABLE, and only that).

    It holds for every method. That is safe by contract: reads change nothing, and every mutation is idempotent by
    its `request_id` or natural key. Overload is RESOURCE_EXHAUSTED and never repeated; when more than a tenth of the
    calls fail, repeating stops.
    """

    attempts: int = 4
    initial_s: float = 0.05
    max_s: float = 1.0
    multiplier: float = 2.0

    def service_config(self) -> str:
        """The policy as gRPC's service config."""
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.initial_s}s",
            "maxBackoff": f"{self.max_s}s",
            "backoffMultiplier": self.multiplier,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        method: dict[str, Any] = {"name": [{}]}
        if self.attempts > 1:
            method["retryPolicy"] = policy
        throttling = {"maxTokens": 100, "tokenRatio": 0.1}
        return json.dumps(
            {"methodConfig": [method], "retryThrottling": throttling, "loadBalancingConfig": [{"round_robin": {}}]}
        )


def _is_replay(trailing: Iterable[Any]) -> bool:
    return any(key == caller.REPLAYED for key, _ in trailing)


class Transport(Protocol):
    """What carries unary calls: a gRPC channel, or frames of one stream. It raises refusals."""

    def unary(
        self, path: str, serialize: Callable[[Any], bytes], deserialize: Callable[[bytes], Any]
    ) -> Callable[[Any, float, Metadata], Awaitable[tuple[Any, bool]]]:
        """A function of request, timeout in seconds and metadata to the response, and whether it is a replay."""

    async def close(self) -> None:
        """Give up what it holds."""


class GrpcTransport:
    """Each call is a call of its own on the channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def unary(
        self, path: str, serialize: Callable[[Any], bytes], deserialize: Callable[[bytes], Any]
    ) -> Callable[[Any, float, Metadata], Awaitable[tuple[Any, bool]]]:
        """A function of request, timeout in seconds and metadata to the response, and whether it is a replay."""
        method = self._channel.unary_unary(path, request_serializer=serialize, response_deserializer=deserialize)

        async def call(request: Any, timeout_s: float, metadata: Metadata) -> tuple[Any, bool]:
            try:
                answer = method(request, timeout=timeout_s, metadata=metadata)
                response = await answer
                return response, _is_replay(await answer.trailing_metadata())
            except grpc.aio.AioRpcError as error:
                refusal = from_rpc_error(error)
                refusal.replayed = _is_replay(error.trailing_metadata() or ())
                if not refusal.domain:
                    log.info("a call got no answer", method=path, status=error.code().name, detail=error.details())
                raise refusal from None

        return call

    async def close(self) -> None:
        """Nothing: the channel belongs to the client."""


class Client(grpc.aio.Channel):
    """A channel to one component that generated stubs accept: `ProfileServiceStub(client)`.

    Unary calls go through `transport`; streams always through the channel.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        transport: Transport,
        *,
        name: str,
        timeout_s: float,
        forward_caller: bool,
        clock: Clock | None,
    ) -> None:
        self._channel, self._transport, self._timeout_s = channel, transport, timeout_s
        self._own = tuple(caller.to_metadata(caller.service(name)))
        self._forward_caller = forward_caller
        self._clock = clock if isinstance(clock, SandboxClock) else None

    @classmethod
    def connect(
        cls,
        target: str,
        *,
        name: str,
        timeout_s: float = 2.0,
        retry: Retry | None = None,
        forward_caller: bool = False,
        clock: Clock | None = None,
        transport: Callable[[grpc.aio.Channel], Transport] = GrpcTransport,
    ) -> "Client":
        """A client of `target`, `host:port` or `dns:///name:port` of a headless service; connects when needed.

        `name` is the component that calls: it asks as `service:<name>`, unless `forward_caller` (the gateway) passes
        the caller of the current call on. `timeout_s` is the longest a unary call may take. A sandbox `clock` sends
        its time along.
        """
        channel = grpc.aio.insecure_channel(target, options=_options(retry or Retry()))
        return cls(
            channel,
            transport(channel),
            name=name,
            timeout_s=timeout_s,
            forward_caller=forward_caller,
            clock=clock,
        )

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Any:
        """A callable for one unary method."""
        send = self._transport.unary(method, request_serializer, response_deserializer)

        async def call(request: Any, *, timeout: float | None = None, metadata: Metadata = ()) -> Any:
            timeout_s = _budget(self._timeout_s if timeout is None else timeout)
            with telemetry.span(method[1:], "client"), _Measured(method):
                try:
                    response, is_replay = await send(request, timeout_s, self._metadata(metadata))
                except Refusal as refusal:
                    self._note_replay(refusal.replayed)
                    raise
            self._note_replay(is_replay)
            return response

        return call

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Any:
        """A callable for one method that answers with a stream. It lasts as long as the current call, or for ever."""
        inner = self._channel.unary_stream(method, request_serializer, response_deserializer)
        return self._streaming(inner)

    def stream_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Any:
        """A callable for one method with streams both ways, given an iterator of requests."""
        inner = self._channel.stream_stream(method, request_serializer, response_deserializer)
        return self._streaming(inner)

    def stream_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Any:
        """A callable for one method that takes a stream, given an iterator of requests."""
        inner = self._channel.stream_unary(method, request_serializer, response_deserializer)

        async def call(requests: Any, *, timeout: float | None = None, metadata: Metadata = ()) -> Any:
            try:
                return await inner(requests, timeout=_budget(timeout), metadata=self._metadata(metadata))
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from None

        return call

    def _note_replay(self, is_replay: bool) -> None:
        if is_replay and self._forward_caller:  # the gateway's answer is this answer, so it is a replay too
            caller.current().replayed = True

    def _streaming(self, inner: Any) -> Any:
        def call(request: Any, *, timeout: float | None = None, metadata: Metadata = ()) -> AsyncIterator[Any]:
            return _responses(inner(request, timeout=_budget(timeout), metadata=self._metadata(metadata)))

        return call

    def _metadata(self, more: Metadata) -> Metadata:
        known = tuple(caller.to_metadata(caller.current().caller)) if self._forward_caller else self._own
        if traceparent := telemetry.inject():
            known = (*known, (caller.TRACEPARENT, traceparent))
        if self._clock is not None:
            known = (*known, (caller.NOW, self._clock.now().isoformat()))
        return (*known, *more)

    async def close(self, grace: float | None = None) -> None:
        """Close the connection; calls still in flight get `grace` seconds."""
        await self._transport.close()
        await self._channel.close(grace)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """The state of the connection."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state is another."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until there is a connection."""
        await self._channel.channel_ready()


def _options(retry: Retry) -> Sequence[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_metadata_size", REFUSAL_BYTES_MAX),  # else a long refusal is lost, and told as a full server
        ("grpc.absolute_max_metadata_size", REFUSAL_BYTES_MAX),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.use_local_subchannel_pool", 1),  # else it waits out the back-off of another client of that address
        ("grpc.enable_retries", 1),
        ("grpc.service_config", retry.service_config()),
        ("grpc.service_config_disable_resolution", 1),
    ]


def _budget(own_s: float | None) -> Any:
    """The time a call may take: its own, but no more than what the current call has left, less one hop."""
    deadline = caller.current().deadline
    if deadline is None:
        return own_s
    left_s = deadline - time.monotonic() - HOP_S
    if left_s <= 0:
        raise DeadlineExceeded("no time is left for another call")
    return left_s if own_s is None else min(own_s, left_s)


async def _responses(call: Any) -> AsyncIterator[Any]:
    try:
        async for response in call:
            yield response
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None
    finally:
        call.cancel()


class _Measured:
    """Records how long a call took and how it ended."""

    __slots__ = ("_method", "_started")

    def __init__(self, method: str) -> None:
        self._method, self._started = method, time.monotonic()

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        status = error.code.name if isinstance(error, Refusal) else "OK" if error is None else "CANCELLED"
        telemetry.rpc_client_seconds.record(time.monotonic() - self._started, method=self._method, status=status)
