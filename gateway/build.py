"""Puts the gateway together: derived routes first, then the few that are written by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from bowen.distribution.v1 import ripple_service_pb2_grpc
from bowen.profile.v1 import ingest_service_pb2_grpc, privacy_service_pb2_grpc

from chassis.client import Retry
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Unavailable
from chassis.lifecycle import Readiness, Tasks
from gateway import bundles, handwritten, links, openapi
from gateway.app import Cors, Endpoint, Gateway
from gateway.auth.credentials import Credentials
from gateway.auth.tokens import FetchedKeys, FixedKeys, Keys, Tokens
from gateway.backends import Backends, Servicers
from gateway.bundles import Bundles
from gateway.channels.endpoint import ChannelEndpoint
from gateway.channels.sealing import Seal
from gateway.channels.servicer import ChannelServicer
from gateway.derive import contract as contracts
from gateway.derive.contract import Contract, Route
from gateway.derive.readers import Readers, encode
from gateway.derive.requests import Requests
from gateway.derived import Backend, Derived, Edge, local
from gateway.docs import Docs
from gateway.http import Request, Response
from gateway.ingest.endpoint import IngestEndpoint, gatherer
from gateway.keys.servicer import KeyServicer
from gateway.limits import Limiter
from gateway.links import Links
from gateway.problems import Pages
from gateway.routing import Router
from gateway.settings import GatewaySettings
from gateway.touches import Touches
from gateway.views import ViewServicer
from gateway.webhooks.consents import asking
from gateway.webhooks.running import Webhooks
from gateway.webhooks.running import running as webhooks_running

FLUSH_SECONDS_MAX = 5.0
JWKS_SECONDS_MAX = 3.0


@dataclass(frozen=True)
class Running:
    """A gateway that answers. `readiness` has been told what to ask."""

    app: Gateway
    readiness: Readiness
    backends: Backends
    touches: Touches


@asynccontextmanager
async def running(
    settings: GatewaySettings, db: Database, *, stop: asyncio.Event, retry: Retry | None = None
) -> AsyncIterator[Running]:
    """A gateway with everything that it works with; visits that wait are sent before it ends."""
    async with AsyncExitStack() as stack:
        contract, clock = contracts.load(), settings.clock()
        backends = Backends.connect(settings.targets(), clock=clock, timeout_s=settings.bulk_timeout_s, retry=retry)
        stack.push_async_callback(backends.close)
        tokens = await _tokens(settings, stack)
        credentials = Credentials(db, contract.scopes, root_key=settings.root_key, tokens=tokens)
        edge = _edge(settings, credentials, clock)
        router: Router[Endpoint] = Router()
        seal = Seal(settings.secrets_key)
        forbids = asking(backends.backend(contract.route("CheckConsent")))
        webhooks: Webhooks = await stack.enter_async_context(webhooks_running(settings, db, clock, forbids))
        servicers = {
            "bowen.gateway.v1.KeyService": KeyServicer(db, clock, contract.scopes),
            "bowen.gateway.v1.ChannelService": ChannelServicer(db, clock, seal),
            "bowen.gateway.v1.WebhookService": webhooks.servicer,
            "bowen.gateway.v1.ViewService": ViewServicer(contract, backends, part_s=settings.view_part_s),
        }
        _derived_routes(router, contract, backends, servicers, edge, settings.cors_origins)
        touches = await _wire_routes(router, settings, backends, edge, stack, db, seal)
        readiness = _own_routes(router, contract, settings)
        readiness.add("database", db.ping)
        readiness.add("components", backends.check)
        app = Gateway(router, concurrency_max=settings.concurrency_max, access_log=settings.access_log)
        tasks = await stack.enter_async_context(Tasks(stop))
        tasks.start(touches.run, name="touches")
        for name, work in webhooks.work.items():
            tasks.start(work, name=name)
        stack.push_async_callback(touches.flush, FLUSH_SECONDS_MAX)
        yield Running(app, readiness, backends, touches)


def _edge(settings: GatewaySettings, credentials: Credentials, clock: Clock) -> Edge:
    return Edge(
        credentials,
        Limiter(settings.key_rate, settings.key_burst),
        Limiter(settings.address_rate, settings.address_burst),
        clock,
        settings.body_bytes_max,
        settings.timeout_s,
        settings.bulk_timeout_s,
    )


async def _tokens(settings: GatewaySettings, stack: AsyncExitStack) -> Tokens | None:
    keys: Keys
    if settings.jwks:
        keys = FixedKeys(settings.jwks)
    elif settings.jwks_url:
        client = httpx.AsyncClient(timeout=JWKS_SECONDS_MAX)
        keys = FetchedKeys(settings.jwks_url, await stack.enter_async_context(client))
    else:
        return None
    return Tokens(keys, issuer=settings.jwt_issuer, audience=settings.jwt_audience, claim=settings.jwt_profile_claim)


def _derived_routes(
    router: Router[Endpoint],
    contract: Contract,
    backends: Backends,
    servicers: Servicers,
    edge: Edge,
    origins: tuple[str, ...],
) -> None:
    """Every RPC that has a route. Raises `ContractUnsupported`."""
    requests, readers = Requests(), Readers()
    for route in contract.routes:
        work = Derived(route, _backend(route, backends, servicers), edge, requests, readers)
        cors = Cors(frozenset(origins)) if route.edge.shopper else Cors()
        router.add(route.verb, route.template, Endpoint(route.template, work, cors=cors))


def _backend(route: Route, backends: Backends, servicers: Servicers) -> Backend:
    servicer = servicers.get(route.service)
    return backends.backend(route) if servicer is None else local(getattr(servicer, route.method.name))


async def _wire_routes(
    router: Router[Endpoint],
    settings: GatewaySettings,
    backends: Backends,
    edge: Edge,
    stack: AsyncExitStack,
    db: Database,
    seal: Seal,
) -> Touches:
    """The Segment wire, the callbacks of platforms, and the short links."""
    profile: Any = ingest_service_pb2_grpc.IngestServiceStub(backends.clients["profile"])  # type: ignore[no-untyped-call, unused-ignore]
    ripples: Any = ripple_service_pb2_grpc.RippleServiceStub(backends.clients["distribution"])  # type: ignore[no-untyped-call, unused-ignore]
    events = gatherer(profile.Ingest)
    stack.push_async_callback(events.close)
    limiter = Limiter(settings.write_key_rate, settings.write_key_burst)
    IngestEndpoint(events, edge, limiter, settings.public_url).add_to(router)
    ChannelEndpoint(events, db, edge, limiter, seal).add_to(router)
    touches = Touches(ripples.RecordTouches, queue_max=settings.touches_max)
    visits = Limiter(settings.link_rate, settings.link_burst)
    is_secure = settings.public_url.startswith("https://")
    followed = Links(ripples.GetShareLink, touches, edge, visits, hosts=settings.link_hosts, secure=is_secure)
    router.add("GET", "/s/{token}", Endpoint("/s/{token}", followed.follow, links.refused))
    privacy: Any = privacy_service_pb2_grpc.PrivacyServiceStub(backends.clients["profile"])  # type: ignore[no-untyped-call, unused-ignore]
    sent = Bundles(privacy, visits)
    path = "/v1/privacy/bundles/{token}"
    router.add("GET", path, Endpoint(path, sent.download, bundles.refused))
    return touches


def _own_routes(router: Router[Endpoint], contract: Contract, settings: GatewaySettings) -> Readiness:
    """Documents, pages of problems, and how the process is."""
    docs = Docs(openapi.document(contract, handwritten.paths(), url=settings.public_url))
    pages = Pages(contract.reasons)

    async def publish(_is_ready: bool) -> None:
        """Nobody to tell: whoever wants to know asks /readyz."""

    readiness = Readiness(publish)

    async def ready(_request: Request) -> Response:
        if readiness.faults:
            raise Unavailable("not ready", retry_after=1.0, **readiness.faults)
        return Response(200, b'{"ready":true}')

    async def alive(_request: Request) -> Response:
        return Response(200, encode({"alive": True}))

    for path, work in {
        "/openapi.json": docs.openapi,
        "/docs": docs.page,
        "/problems": pages.index,
        "/problems/{reason}": pages.page,
        "/healthz": alive,
        "/readyz": ready,
    }.items():
        router.add("GET", path, Endpoint(path, work))
    return readiness
