"""An RPC as an HTTP endpoint: one instance per route, everything compiled before the first request."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from chassis import caller, rules
from chassis.caller import Call, Caller
from chassis.clock import Clock, SandboxClock
from chassis.errors import InvalidArgument, PermissionDenied, Refusal, Unauthenticated
from gateway.auth.credentials import Credentials
from gateway.bodies import read_body
from gateway.derive.contract import REQUEST_ID, Route, message_class
from gateway.derive.explain import explain
from gateway.derive.parameters import Parameters
from gateway.derive.readers import Readers, encode
from gateway.derive.requests import Kwargs, Requests
from gateway.errors import ContentTypeUnsupported
from gateway.http import JSON, Request, Response, with_headers
from gateway.limits import Limiter
from gateway.problems import problem

Backend = Callable[[Any], Awaitable[Any]]
"""Answers one request message: a component behind the wire, or a servicer of the gateway's own."""

REQUEST_ID_LENGTH_MAX = 255
SANDBOX_YEARS = range(1970, 3000)
"""A sandbox's time never goes back: one call at the end of the calendar would leave no room for any deadline."""
_REPLAYED = ((b"idempotency-replayed", b"true"),)


@dataclass(frozen=True)
class Edge:
    """What all derived endpoints share."""

    credentials: Credentials
    callers: Limiter
    addresses: Limiter
    clock: Clock
    body_bytes_max: int
    timeout_s: float
    bulk_timeout_s: float

    async def admit(self, request: Request) -> Caller:
        """The caller, within its limit. Who comes with credentials that do not hold counts by address."""
        try:
            found = await self.credentials.caller(request.header(b"authorization"))
        except Unauthenticated:
            self.addresses.admit(request.address)
            raise
        request.principal = found.principal
        self.callers.admit(found.principal)
        return found

    def at(self, request: Request) -> AbstractContextManager[object]:
        """The time that a sandbox's caller asks for with `Bowen-Now`. Elsewhere nobody may ask: it is refused."""
        text = request.header(b"bowen-now")
        if not text:
            return nullcontext()
        if not isinstance(self.clock, SandboxClock):
            raise InvalidArgument("Bowen-Now", "is for sandboxes only; this deployment keeps the real time")
        return self.clock.use(_moment(text))


class Derived:
    """Answers one route."""

    def __init__(self, route: Route, backend: Backend, edge: Edge, requests: Requests, readers: Readers) -> None:
        self._route, self._backend, self._edge = route, backend, edge
        self._class = message_class(route.input)
        self._reader = readers.reader(route.output)
        self._path = Parameters([route.input.fields_by_name[name] for name in route.parameters])
        self._decoder = requests.decoder(route.input, without=route.parameters) if route.has_body else None
        others = [field for field in route.input.fields if field.name not in route.parameters]
        self._query = Parameters([] if route.has_body else others)
        self._rules = route.edge
        self._method = route.path
        self._takes_request_id = route.takes_request_id
        self._seconds = edge.bulk_timeout_s if route.is_bulk else edge.timeout_s
        self._success = self._rules.success or 200
        self._addresses = addresses_of(route)
        self._profiles = tuple(name for name in route.input.fields_by_name if name.endswith("profile_id"))

    async def __call__(self, request: Request) -> Response:
        """Admit, read, call, write."""
        edge = self._edge
        who = Caller("anonymous") if self._rules.public else await edge.admit(request)
        self._authorize(who)
        if self._addresses is not None:
            self._addresses.admit(request.address)
        message = await self._message(request)
        self._hold_to_own(who, message)
        asked = Call(who, self._method, time.monotonic() + self._seconds)
        with edge.at(request), caller.acting(asked) as call:
            try:
                response = await self._backend(message)
            except Refusal as refusal:
                if not call.replayed:
                    raise
                return with_headers(problem(refusal), *_REPLAYED)
        return Response(self._success, encode(self._reader(response)), JSON, _REPLAYED if call.replayed else ())

    def _authorize(self, who: Caller) -> None:
        edge = self._rules
        if edge.public:
            return
        if who.profile_id:
            if not edge.shopper:
                raise PermissionDenied("the route is not open to shoppers")
        elif not edge.scope or edge.scope not in who.scopes:
            raise PermissionDenied(f"the scope {edge.scope} is needed", scope=edge.scope)

    def _hold_to_own(self, who: Caller, message: Any) -> None:
        """A shopper speaks for one profile. The service checks the object again."""
        if not who.profile_id:
            return
        for name in self._profiles:
            if getattr(message, name) not in ("", who.profile_id):
                raise PermissionDenied("the token is another profile's", field=name)

    async def _message(self, request: Request) -> Any:
        known = self._path.read(request.values.items()) if request.values else {}
        key = _idempotency_key(request) if self._takes_request_id else ""
        query = self._query.read(request.query())
        if self._decoder is None:
            return self._built({**query, **known}, key)
        _is_json(request)
        body = await read_body(request, self._edge.body_bytes_max)
        try:
            return self._built({**self._decoder.kwargs(body), **known}, key)
        except (ValueError, TypeError, RecursionError, OverflowError):
            elsewhere = {**known, REQUEST_ID: key} if key else known
            raise explain(body, self._route.input, elsewhere) from None

    def _built(self, content: Kwargs, key: str) -> Any:
        if self._takes_request_id:
            _set_request_id(content, key)
        return self._class(**content)


def addresses_of(route: Route) -> Limiter | None:
    """What holds back a client address that calls a route too often; None where the contract sets no limit."""
    calls, seconds = route.edge.address_calls, route.edge.address_seconds
    return Limiter(calls / seconds, calls) if calls and seconds else None


def local(work: Callable[[Any], Awaitable[Any]]) -> Backend:
    """A servicer of our own as a backend: it is the authority, so the contract's rules are checked here."""

    async def backend(message: Message) -> Any:
        rules.check(message)
        return await work(message)

    return backend


def _is_json(request: Request) -> None:
    kind = request.header(b"content-type").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise ContentTypeUnsupported("application/json")


def _idempotency_key(request: Request) -> str:
    key = request.header(b"idempotency-key")
    if len(key) > REQUEST_ID_LENGTH_MAX:
        raise InvalidArgument("Idempotency-Key", f"must have at most {REQUEST_ID_LENGTH_MAX} characters")
    return key


def _set_request_id(content: Kwargs, key: str) -> None:
    given = content.get(REQUEST_ID)
    if not given and not key:
        raise InvalidArgument(REQUEST_ID, "is required: send it as the header Idempotency-Key or in the body")
    if given and key and given != key:
        raise InvalidArgument(REQUEST_ID, "differs from the header Idempotency-Key")
    content[REQUEST_ID] = given or key


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidArgument("Bowen-Now", "must be an RFC 3339 time with a zone")
    if moment.year not in SANDBOX_YEARS:
        raise InvalidArgument("Bowen-Now", f"must be of the years {SANDBOX_YEARS[0]} to {SANDBOX_YEARS[-1]}")
    return moment
