"""The connection to NATS JetStream, and the stream that every service publishes into."""

import asyncio
import contextlib

import nats.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

log = structlog.get_logger(__name__)

CONNECT_SECONDS_MAX = 10.0
REQUEST_SECONDS_MAX = 5.0
RETENTION_DAYS = 7
STREAM_BYTES_MAX = 8 * 1024**3
DUPLICATE_SECONDS = 300.0
PAYLOAD_BYTES_MAX = 1024 * 1024
"""What a NATS server takes in one message by default, headers included."""

_STREAM_EXISTS = 10058

Errors = (nats.errors.Error, js_errors.Error, TimeoutError, OSError)
"""What a call of the client raises when the server is away, slow or refuses."""


class Nats:
    """One connection that reconnects for ever and keeps the streams it was asked for.

    `namespace` puts a prefix before every stream and subject, so that tests and several deployments can share one
    server; it is empty in production.
    """

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace
        self._client = Client()
        self._wanted: set[str] = set()
        self._missing: set[str] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._reported = False
        self.js: JetStreamContext = self._client.jetstream(timeout=REQUEST_SECONDS_MAX)

    @classmethod
    async def connect(
        cls, url: str, *, name: str, namespace: str = "", wait_seconds: float = CONNECT_SECONDS_MAX
    ) -> "Nats":
        """Connect to `url` (several servers: parted by commas).

        Returns once connected, or after `wait_seconds` without success: it then goes on trying by itself, and
        `healthy` tells when it got there.
        """
        self = cls(namespace)
        self._connecting = asyncio.create_task(self._connect(url, name), name="nats-connect")
        await asyncio.wait([self._connecting], timeout=wait_seconds)
        return self

    async def _connect(self, url: str, name: str) -> None:
        await self._client.connect(
            servers=url.split(","),
            name=name,
            connect_timeout=2,
            reconnect_time_wait=1,
            max_reconnect_attempts=-1,
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_connect,
        )
        await self._on_connect()

    @property
    def client(self) -> Client:
        """The client of nats-py."""
        return self._client

    @property
    def healthy(self) -> bool:
        """Whether the server is reachable and has all streams that were asked for."""
        return bool(self._client.is_connected) and not self._missing

    def stream(self, service: str) -> str:
        """The name of a service's stream."""
        return f"{self._prefix('_')}BOWEN_{service.upper()}"

    def subject(self, name: str) -> str:
        """A subject as it is on the wire: `bowen.…` behind the namespace."""
        return self._prefix(".") + name

    def _prefix(self, separator: str) -> str:
        return self.namespace + separator if self.namespace else ""

    async def ensure_stream(self, service: str) -> None:
        """Keep the stream of `service` in being: create it now or as soon as the server is there."""
        self._wanted.add(service)
        self._missing.add(service)
        await self.ensure_streams()

    async def ensure_streams(self) -> None:
        """Create whatever is missing of the streams asked for, if the server is there."""
        if not self._client.is_connected:
            return
        for service in sorted(self._wanted):
            try:
                await self._ensure(service)
            except Errors as error:
                self._missing.add(service)
                log.warning("stream not created", service=service, error=repr(error))
            else:
                self._missing.discard(service)

    async def _ensure(self, service: str) -> None:
        config = api.StreamConfig(
            name=self.stream(service),
            subjects=[self.subject(f"bowen.{service}.v1.>")],
            storage=api.StorageType.FILE,
            retention=api.RetentionPolicy.LIMITS,
            discard=api.DiscardPolicy.OLD,
            max_age=RETENTION_DAYS * 86_400,
            max_bytes=STREAM_BYTES_MAX,
            duplicate_window=DUPLICATE_SECONDS,
        )
        try:
            await self.js.stream_info(config.name or "")  # asking to add it again would count its bytes twice
        except js_errors.NotFoundError:
            await self._add(config)

    async def _add(self, config: api.StreamConfig) -> None:
        try:
            await self.js.add_stream(config)
        except js_errors.BadRequestError as error:
            # Another replica was faster, or it has other limits: those are the operator's to decide.
            if error.err_code != _STREAM_EXISTS:
                raise

    async def close(self) -> None:
        """Send what is waiting to be sent, and disconnect."""
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        with contextlib.suppress(*Errors):
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                await self._client.close()
        if self._connecting is not None:
            await asyncio.gather(self._connecting, return_exceptions=True)

    async def _on_connect(self) -> None:
        self._reported = False
        log.info("connected to nats")
        await self.ensure_streams()

    async def _on_disconnect(self) -> None:
        self._report("disconnected")

    async def _on_error(self, error: Exception) -> None:
        self._report(repr(error))

    def _report(self, what: str) -> None:
        """Say it once per outage."""
        if not self._reported and not self._client.is_closed:
            self._reported = True
            log.warning("nats is not available", error=what)
