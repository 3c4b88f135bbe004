"""The ASGI application: finds what answers, keeps limits, turns refusals into answers, writes the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from chassis import telemetry
from chassis.errors import Internal, Refusal, Unavailable
from gateway.http import (
    Disconnected,
    Header,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    send_response,
    send_stream,
    with_headers,
)
from gateway.problems import problem
from gateway.routing import Router

log = structlog.get_logger()

WATCH_AFTER_S = 0.1
"""After so long a time it is looked whether the client still waits; most answers are there before."""
PREFLIGHT_SECONDS = b"86400"


@dataclass(frozen=True)
class Cors:
    """Which origins' pages may read the answers. `*` is all."""

    origins: frozenset[str] = frozenset()
    headers: bytes = b"Authorization, Content-Type, Idempotency-Key, Traceparent"
    expose: bytes = b"Idempotency-Replayed, Retry-After"

    def allow(self, origin: str) -> tuple[Header, ...]:
        """Headers of an answer to a page of this origin; none if it may not read it."""
        if "*" in self.origins:
            return ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", self.expose))
        vary: Header = (b"vary", b"Origin")
        if origin not in self.origins:
            return (vary,) if self.origins else ()
        allowed = origin.encode("latin-1")
        return ((b"access-control-allow-origin", allowed), (b"access-control-expose-headers", self.expose), vary)


@dataclass(frozen=True)
class Endpoint:
    """What answers a route; `refuse` puts a refusal into the route's own words."""

    template: str
    work: Callable[[Request], Awaitable[Response]]
    refuse: Callable[[Refusal], Response] = problem
    cors: Cors = Cors()


class Gateway:
    """The application."""

    def __init__(self, router: Router[Endpoint], *, concurrency_max: int = 1000, access_log: bool = True) -> None:
        self._router = router
        self._concurrency_max = concurrency_max
        self._access_log = access_log
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        started = time.perf_counter()
        with (
            telemetry.extract(request.header(b"traceparent")),
            telemetry.span(f"HTTP {request.method}", "server") as span,
        ):
            response = await self._response(request)
            if span is not None:
                span.set_attribute("http.route", request.route)
                span.set_attribute("http.response.status_code", response.status)
            if response.stream is not None and request.method != "HEAD":
                await send_stream(send, response, response.stream, receive)
            elif response.status != _HUNG_UP.status:
                await send_response(send, response, with_body=request.method != "HEAD")
            if self._access_log:
                _note(request, response, time.perf_counter() - started)

    async def _response(self, request: Request) -> Response:
        endpoint: Endpoint | None = None
        try:
            if request.method == "OPTIONS":
                return self._options(request)
            match = self._router.find(request.method, request.raw_path)
            endpoint, request.values = match.answer, match.values
            request.route = endpoint.template
            response = await self._admitted(endpoint, request)
        except Refusal as refusal:
            response = (endpoint.refuse if endpoint else problem)(refusal)
        except Disconnected:
            return _HUNG_UP
        except Exception:
            log.exception("request failed unexpectedly", method=request.method, route=request.route)
            response = (endpoint.refuse if endpoint else problem)(Internal("internal error"))
        if endpoint is not None and endpoint.cors.origins:
            response = with_headers(response, *endpoint.cors.allow(request.header(b"origin")))
        return response

    async def _admitted(self, endpoint: Endpoint, request: Request) -> Response:
        if self._running >= self._concurrency_max:
            raise Unavailable("too much work at once", retry_after=1.0)
        self._running += 1
        try:
            return await _while_wanted(endpoint.work(request), request)
        finally:
            self._running -= 1

    def _options(self, request: Request) -> Response:
        """What may be asked of a path; to a page of another origin, whether it may."""
        answers = self._router.answers(request.raw_path)
        request.route = next(iter(answers.values())).template
        methods = ", ".join(sorted({*answers, "OPTIONS", *(["HEAD"] if "GET" in answers else [])})).encode()
        wanted = request.header(b"access-control-request-method")
        endpoint = answers.get(wanted)
        headers: tuple[Header, ...] = ((b"allow", methods),)
        if endpoint is not None and endpoint.cors.origins:
            headers += endpoint.cors.allow(request.header(b"origin"))
            headers += (
                (b"access-control-allow-methods", methods),
                (b"access-control-allow-headers", endpoint.cors.headers),
                (b"access-control-max-age", PREFLIGHT_SECONDS),
            )
        return Response(200, headers=headers)


_HUNG_UP = Response(499)
"""Nobody is there to read it; it only stands in the log."""


class _Watch:
    """Cancels the work of a request when its client hangs up; begins once the body is in, as it reads what follows."""

    def __init__(self, request: Request) -> None:
        self.has_hung_up = False
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.current_task()
        self._task: asyncio.Task[None] | None = None
        self._arm()

    def _arm(self) -> None:
        self._handle = self._loop.call_later(WATCH_AFTER_S, self._begin)

    def _begin(self) -> None:
        if self._request.is_read:
            self._task = self._loop.create_task(self._watch())
        else:
            self._arm()

    async def _watch(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self.has_hung_up = True
        if self._work is not None:
            self._work.cancel()

    def end(self) -> None:
        """Watch no longer."""
        self._handle.cancel()
        if self._task is not None:
            self._task.cancel()


async def _while_wanted(work: Awaitable[Response], request: Request) -> Response:
    """Do the work, and give it up when the client hangs up."""
    watch = _Watch(request)
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if watch.has_hung_up and task is not None and task.uncancel() == 0:
            raise Disconnected from None
        raise
    finally:
        watch.end()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _note(request: Request, response: Response, seconds: float) -> None:
    log.info(
        "request",
        method=request.method,
        route=request.route or "-",
        status=response.status,
        ms=round(seconds * 1e3, 2),
        principal=request.principal,
        bytes=len(response.body),
    )
