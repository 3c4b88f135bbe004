"""A small client of the gateway's public API."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec

from suite.faults import Fault

TRIES_MAX = 8
BACKOFF_SECONDS = 0.1
BACKOFF_SECONDS_MAX = 5.0
TIMEOUT_SECONDS = 60.0
CONNECTIONS_MAX = 32
PAGE_SIZE = 200
BODY_BYTES_MAX = 900_000
"""Below the gateway's default of one mebibyte."""

Json = dict[str, Any]
Params = str | int
T = TypeVar("T")
R = TypeVar("R")

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_AGAIN = frozenset({429, 503, 504})
_CONFLICTS = frozenset({"REQUEST_IN_PROGRESS", "CONFLICT"})


class ApiRefused(Fault):
    """The gateway answered with a problem document."""

    def __init__(self, what: str, status: int, problem: Json) -> None:
        self.status = status
        self.reason = str(problem.get("type", "")).rpartition("/")[2] or f"HTTP_{status}"
        self.errors = [f"{each.get('pointer', '')} {each.get('detail', '')}" for each in problem.get("errors", [])]
        self.detail = "; ".join(self.errors) or str(problem.get("detail", ""))
        super().__init__(f"{what}: {status} {self.reason} {self.detail}")


class ApiUnreachable(Fault):
    """The gateway could not be reached, or was overloaded, however often it was tried."""


class Api:
    """Calls with an API key. What may be tried again is: outages, overload, time-outs; calls that change something
    carry a request id, so that trying again does nothing twice."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
        self._client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False, limits=limits)
        self._key = {"Authorization": f"Bearer {key}"} if key else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, *, now: datetime | None = None, **params: Params) -> Json:
        """Read."""
        return await self._call("GET", path, headers=_at(now), params=params)

    async def post(self, path: str, body: Any, *, request_id: str = "", now: datetime | None = None) -> Json:
        """Change something. `body` is anything that can be JSON; `now` is the time of a sandbox."""
        headers = {"Content-Type": "application/json", **_at(now)}
        if request_id:
            headers["Idempotency-Key"] = request_id
        return await self._call("POST", path, headers=headers, content=encode(body))

    async def items(self, path: str, field: str, **params: Params) -> AsyncIterator[Json]:
        """All items of a list, page by page."""
        token = ""
        while True:
            page = await self._call(
                "GET", path, headers={}, params=params | {"page_size": PAGE_SIZE, "page_token": token}
            )
            for item in page[field]:
                yield item
            token = page.get("next_page_token", "")
            if not token:
                return

    async def ingest(self, write_key: str, events: Sequence[Json], *, now: datetime) -> None:
        """Send events on the Segment wire, each with its own `timestamp`. Raises `Fault` if one is refused."""
        moment = now.isoformat()
        body = encode({"batch": events, "sentAt": moment, "writeKey": write_key})
        headers = {"Content-Type": "application/json", **_at(now)}
        answer = await self._call("POST", "/v1/batch", headers=headers, content=body, authorized=False)
        if rejected := answer.get("rejected"):
            raise Fault(f"events were refused: {rejected[:3]}")

    async def follow(self, token: str, *, visitor: str, address: str, now: datetime) -> str:
        """Follow a short link as a browser with a cookie does, but do not go where it leads. Returns the visit's id."""
        headers = {"Cookie": f"bowen_vid={visitor}", "X-Forwarded-For": address, **_at(now)}
        response = await self._answer("GET", f"/s/{token}", headers=headers)
        marks = parse_qs(urlsplit(response.headers.get("location", "")).query)
        if response.status_code != httpx.codes.FOUND or "bowen_touch" not in marks:
            raise Fault(f"the link /s/{token} answered {response.status_code}")
        return str(marks["bowen_touch"][0])

    async def _call(self, method: str, path: str, *, authorized: bool = True, **request: Any) -> Json:
        if authorized:
            request["headers"] = {**self._key, **request["headers"]}
        response = await self._answer(method, path, **request)
        content = _decode(response.content)
        return content if isinstance(content, dict) else {}

    async def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        why = ""
        for pause in _pauses():
            try:
                response = await self._client.request(method, path, **request)
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
            else:
                if not response.is_error:
                    return response
                refusal = ApiRefused(f"{method} {path}", response.status_code, _problem(response))
                if response.status_code not in _AGAIN and refusal.reason not in _CONFLICTS:
                    raise refusal
                why, pause = str(refusal), max(pause, float(response.headers.get("retry-after", 0)))
            await asyncio.sleep(pause)
        raise ApiUnreachable(f"{self.url} does not answer {method} {path}: {why}")


def _pauses() -> Iterator[float]:
    """How long to wait after each try, longer and longer, never in step with others."""
    for turn in range(TRIES_MAX):
        yield min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2.0**turn) * random.uniform(0.5, 1.0)


def _at(now: datetime | None) -> dict[str, str]:
    return {"Bowen-Now": now.isoformat()} if now else {}


def _problem(response: httpx.Response) -> Json:
    try:
        content = _decode(response.content)
    except msgspec.DecodeError:
        content = None
    return content if isinstance(content, dict) else {"detail": response.text[:200]}


def portions(items: Iterable[T], body: Callable[[T], Any], items_max: int) -> Iterator[list[T]]:
    """Cut into lists whose bodies, as JSON, fit into one request each."""
    portion: list[T] = []
    size = 0
    for item in items:
        length = len(encode(body(item))) + 1
        if portion and (len(portion) == items_max or size + length > BODY_BYTES_MAX):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += length
    if portion:
        yield portion


async def at_once(lanes: int, items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """The results of `work` in the order of `items`, never more than `lanes` at a time. The first fault ends it."""
    waiting = enumerate(items)
    results: dict[int, R] = {}

    async def lane() -> None:
        for number, item in waiting:
            results[number] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(lane())
    except* Exception as faults:
        raise faults.exceptions[0] from None
    return [results[number] for number in range(len(results))]
