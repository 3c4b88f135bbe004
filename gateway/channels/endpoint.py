"""Where platforms call back. What is answered as taken is durable."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from bowen.profile.v1 import ingest_service_pb2 as pb

from chassis import rules, telemetry
from chassis.batch import Gatherer
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import InvalidArgument
from gateway.app import Endpoint
from gateway.auth.cache import Cache
from gateway.bodies import read_body
from gateway.channels import convert, store
from gateway.channels.adapters import ADAPTERS
from gateway.channels.domain import Callback, Channel, Heard
from gateway.channels.errors import ChannelNotFound
from gateway.channels.sealing import Seal
from gateway.derived import Edge
from gateway.http import Request, Response
from gateway.ingest.endpoint import Submitted
from gateway.ingest.refused import refused_item
from gateway.limits import Limiter
from gateway.routing import Router

log = structlog.get_logger()

PATH = "/v1/channels/{channel_id}/callback"
BODY_BYTES_MAX = 512 * 1024
CHANNELS_MAX = 1_000
CLOSED_WITHIN_S = 1.0
"""How long a channel may still be heard after it was closed: how long a look-up is remembered."""


class ChannelEndpoint:
    """Hands callbacks to the adapter of their channel, and what it heard to profile."""

    def __init__(
        self, events: Gatherer[Submitted, pb.IngestOutcome], db: Database, edge: Edge, limiter: Limiter, seal: Seal
    ) -> None:
        self._events, self._db, self._edge, self._limiter, self._seal = events, db, edge, limiter, seal
        self._clock: Clock = edge.clock
        self._channels: Cache[UUID, Channel | None] = Cache(CHANNELS_MAX)

    def add_to(self, router: Router[Endpoint]) -> None:
        """Add the path: platforms post to it, and get it once to see that it is ours."""
        for method in ("GET", "POST"):
            router.add(method, PATH, Endpoint(PATH, self.called))

    async def called(self, request: Request) -> Response:
        """Answer a callback. Raises `ChannelNotFound`, `SignatureInvalid`, `CallbackInvalid`."""
        channel = await self._channel(request)
        request.principal = f"channel:{channel.channel_id}"
        self._limiter.admit(request.principal)
        body = await read_body(request, BODY_BYTES_MAX) if request.method == "POST" else b""
        callback = Callback(request.method, dict(request.query()), _headers(request), body)
        told = ADAPTERS[channel.kind](channel, callback)
        await self._submit(channel, told.heard)
        return Response(200, told.reply.body, told.reply.content_type)

    async def _channel(self, request: Request) -> Channel:
        try:
            channel_id = UUID(request.values["channel_id"])
        except ValueError:
            raise ChannelNotFound(request.values["channel_id"]) from None
        channel = await self._channels.load(channel_id, lambda: self._find(channel_id), CLOSED_WITHIN_S)
        if channel is None:
            self._edge.addresses.admit(request.address)
            raise ChannelNotFound(str(channel_id))
        return channel

    async def _find(self, channel_id: UUID) -> Channel | None:
        async with self._db.read() as tx:
            found = await store.find_open(tx, channel_id)
        if found is None:
            return None
        channel, sealed = found
        return replace(channel, secrets=self._seal.open(sealed, channel_id.bytes))

    async def _submit(self, channel: Channel, heard: Sequence[Heard]) -> None:
        """Have profile take in what was heard. What it refuses it would refuse again: that is
        written down among the rejections."""
        received, trace = self._clock.now(), telemetry.inject()
        events = [(_judged(channel, each, received), trace) for each in heard]
        for (event, _), outcome in zip(events, await self._events.submit_all(events), strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome.result == pb.IngestOutcome.RESULT_REJECTED:
                log.warning("an event of a channel was rejected", message_id=event.message_id, reason=outcome.reason)


def _judged(channel: Channel, heard: Heard, received: datetime) -> pb.IncomingEvent:
    """What was heard, as an event; as an item that is none where it breaks the contract."""
    event = convert.event_of(channel, heard, received)
    try:
        rules.check(event)
    except InvalidArgument as refusal:
        raw = msgspec.json.encode(heard)
        return refused_item(raw, event.source_id, event.receive_time, refusal.reason, refusal.message)
    return event


def _headers(request: Request) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
