"""The paths of the Segment wire."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bowen.profile.v1 import ingest_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import telemetry
from chassis.batch import Gatherer
from chassis.caller import Call, acting, service
from chassis.clock import Clock
from chassis.errors import Refusal, Unauthenticated
from gateway.app import Cors, Endpoint
from gateway.auth.credentials import Credentials
from gateway.backends import NAME
from gateway.bodies import read_body
from gateway.derive.readers import encode
from gateway.derived import Edge
from gateway.errors import BodyInvalid, BodyTooLarge, ContentTypeUnsupported
from gateway.http import Request, Response
from gateway.ingest import answers, wire
from gateway.ingest.events import ItemInvalid, event_of
from gateway.ingest.refused import refused_item
from gateway.keys.domain import WriteKey
from gateway.limits import Limiter
from gateway.routing import Router

Ingest = Callable[[pb.IngestRequest], Awaitable[pb.IngestResponse]]
Submitted = tuple[pb.IncomingEvent, str]

BATCH_EVENTS_MAX = 1000
BATCH_BYTES_MAX = 3 << 20
QUEUE_EVENTS_MAX = 20_000
LANES = 2

_CORS = Cors(frozenset({"*"}), headers=b"Authorization, Content-Type, X-Retry-Count", expose=b"Retry-After")
_MISSING = "IDENTIFIER_MISSING"
_NAMES_NOBODY = "userId or anonymousId is required"
_TOO_MANY = "TOO_MANY_EVENTS", f"a batch must have at most {wire.EVENTS_MAX} events"


def gatherer(ingest: Ingest) -> "Gatherer[Submitted, pb.IngestOutcome]":
    """Gathers the events of concurrent requests into calls of `Ingest`, each small enough for the wire."""

    async def handle(batch: Sequence[Submitted]) -> list[pb.IngestOutcome | BaseException]:
        outcomes: list[pb.IngestOutcome | BaseException] = []
        with telemetry.extract(batch[0][1]), acting(Call(service(NAME))):
            for events in _portions([event for event, _ in batch]):
                outcomes += await _stored(ingest, events)
        return outcomes

    return Gatherer(handle, batch_max=BATCH_EVENTS_MAX, queue_max=QUEUE_EVENTS_MAX, lanes=LANES)


async def _stored(ingest: Ingest, events: list[pb.IncomingEvent]) -> Sequence[pb.IngestOutcome | BaseException]:
    try:
        return list((await ingest(pb.IngestRequest(events=events))).outcomes)
    except Refusal as refusal:
        return [refusal] * len(events)


def _portions(events: list[pb.IncomingEvent]) -> list[list[pb.IncomingEvent]]:
    portions: list[list[pb.IncomingEvent]] = [[]]
    size = 0
    for event in events:
        size += event.ByteSize() + 8
        if size > BATCH_BYTES_MAX and portions[-1]:
            portions.append([])
            size = event.ByteSize() + 8
        portions[-1].append(event)
    return portions


class IngestEndpoint:
    """Takes events in. It answers 200 only when what it accepted is durable."""

    def __init__(
        self, events: "Gatherer[Submitted, pb.IngestOutcome]", edge: Edge, limiter: Limiter, public_url: str
    ) -> None:
        self._events, self._edge, self._limiter, self._public_url = events, edge, limiter, public_url
        self._credentials: Credentials = edge.credentials
        self._clock: Clock = edge.clock

    def add_to(self, router: Router[Endpoint]) -> None:
        """Add all paths: the long ones, those of one letter, and the settings that SDKs read first."""
        for kind in wire.TYPES:
            for path in (f"/v1/{kind}", f"/v1/{kind[0]}"):
                router.add("POST", path, self._endpoint(path, kind))
        for path in ("/v1/batch", "/v1/b"):
            router.add("POST", path, self._endpoint(path, ""))
        for path in ("/v1/projects/{write_key}/settings", "/projects/{write_key}/settings"):
            router.add("GET", path, Endpoint(path, self.settings, answers.refused, _CORS))

    def _endpoint(self, path: str, kind: str) -> Endpoint:
        async def work(request: Request) -> Response:
            return await self.ingest(request, kind)

        return Endpoint(path, work, answers.refused, _CORS)

    async def ingest(self, request: Request, kind: str) -> Response:
        """Take in one event, or a batch where `kind` is empty."""
        with self._edge.at(request):
            received = Timestamp()
            received.FromDatetime(self._clock.now())
        body = b""
        try:
            body = await _body(request)
            delivery = wire.read(body, kind, request.header(b"authorization"))
        except answers.Malformed as refusal:
            await self._note(request, body, received, refusal)
            raise
        source = await self._source(request, delivery.write_key)
        rejected = await self._submit(_judged(delivery, source, received), is_single=bool(kind))
        excess = range(wire.EVENTS_MAX + 1, len(delivery.items))
        return answers.accepted(rejected + [answers.rejection(index, *_TOO_MANY) for index in excess])

    async def _note(self, request: Request, body: bytes, received: Timestamp, refusal: answers.Malformed) -> None:
        """Have a request that holds no events written down, if its header tells whose it is."""
        write_key = wire.write_key(request.header(b"authorization"), None)
        if not write_key:
            return
        code = refusal.word.upper()
        with contextlib.suppress(Refusal):
            source = str((await self._source(request, write_key)).source_id)
            item = refused_item(body, source, received, code, refusal.message, secret=write_key)
            await self._submit([(0, item)], is_single=False)

    async def _source(self, request: Request, write_key: str) -> WriteKey:
        try:
            source = await self._credentials.source(write_key)
        except Unauthenticated:
            self._edge.addresses.admit(request.address)
            raise
        request.principal = f"source:{source.source_id}"
        self._limiter.admit(request.principal)
        return source

    async def _submit(self, events: list[tuple[int, pb.IncomingEvent]], *, is_single: bool) -> list[answers.Rejected]:
        """Have events stored, and items that are none written down. Returns those that are not stored."""
        if not events:
            return []
        trace = telemetry.inject()
        outcomes = await self._events.submit_all([(event, trace) for _, event in events])
        rejected: list[answers.Rejected] = []
        for (index, event), outcome in zip(events, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome.result == pb.IngestOutcome.RESULT_REJECTED:
                told = event.refused if event.HasField("refused") else outcome
                if is_single and told.reason == _MISSING:
                    raise answers.Malformed(_MISSING.lower(), told.detail or _NAMES_NOBODY)
                rejected.append(answers.rejection(index, told.reason, told.detail))
        return rejected

    async def settings(self, request: Request) -> Response:
        """What SDKs read before they send: where to send to. Exactly 200, or the SDK does not start."""
        write_key = request.values["write_key"]
        await self._source(request, write_key)
        host = (self._public_url or f"https://{request.header(b'host')}").partition("://")[2]
        destination: dict[str, Any] = {"apiKey": write_key, "apiHost": f"{host}/v1", "unbundledIntegrations": []}
        if self._public_url.startswith("http://"):
            destination["protocol"] = "http"
        document = {"integrations": {"Segment.io": destination}, "plan": {"track": {}, "identify": {}, "group": {}}}
        return Response(200, encode(document), headers=((b"cache-control", b"public, max-age=60"),))


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request, wire.BATCH_BYTES_MAX)
    except BodyTooLarge as refusal:
        raise answers.Malformed("request_too_large", refusal.message) from None
    except (BodyInvalid, ContentTypeUnsupported) as refusal:
        raise answers.Malformed("invalid_request", refusal.message) from None


def _judged(delivery: wire.Delivery, source: WriteKey, received: Timestamp) -> list[tuple[int, pb.IncomingEvent]]:
    """Items as events, with their places; of those that are too many the first stands for all."""
    source_id, secret = str(source.source_id), delivery.write_key

    def judged(index: int, item: bytes) -> pb.IncomingEvent:
        try:
            if index >= wire.EVENTS_MAX:
                raise ItemInvalid(*_TOO_MANY)
            event = event_of(item, delivery, source, received)
            if delivery.kind and not _names_somebody(event):
                raise ItemInvalid(_MISSING, _NAMES_NOBODY)
        except ItemInvalid as error:
            return refused_item(item, source_id, received, error.code, error.message, secret=secret)
        return event

    return [(index, judged(index, item)) for index, item in enumerate(delivery.items[: wire.EVENTS_MAX + 1])]


def _names_somebody(event: pb.IncomingEvent) -> bool:
    return bool(event.user_id or event.anonymous_id or event.identifiers or event.previous_id)
