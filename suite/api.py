"""A small client of the gateway's public API."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from suite.faults import Fault
from suite.http import Http, Response, Unanswered

TRIES_MAX = 8
BACKOFF_SECONDS = 0.1
BACKOFF_SECONDS_MAX = 5.0
TIMEOUT_SECONDS = 60.0
PAGE_SIZE = 200
FOUND, ERRORS_FROM = 302, 400
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
        try:
            self._http = Http(url, timeout_s=TIMEOUT_SECONDS)
        except ValueError as error:
            raise Fault(str(error)) from None
        self._key = {"Authorization": f"Bearer {key}"} if key else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def get(self, path: str, *, now: datetime | None = None, **params: Params) -> Json:
        """Read."""
        return await self._call("GET", _target(path, params), _at(now))

    async def post(self, path: str, body: Any, *, request_id: str = "", now: datetime | None = None) -> Json:
        """Change something. `body` is anything that can be JSON; `now` is the time of a sandbox."""
        headers = {"Content-Type": "application/json", **_at(now)}
        if request_id:
            headers["Idempotency-Key"] = request_id
        return await self._call("POST", path, headers, encode(body))

    async def items(self, path: str, field: str, **params: Params) -> AsyncIterator[Json]:
        """All items of a list, page by page."""
        token = ""
        while True:
            paged = _target(path, params | {"page_size": PAGE_SIZE, "page_token": token})
            page = await self._call("GET", paged, {})
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
        answer = _content(await self._answer("POST", "/v1/batch", headers, body))
        if rejected := answer.get("rejected"):
            raise Fault(f"events were refused: {rejected[:3]}")

    async def follow(self, token: str, *, visitor: str, address: str, now: datetime) -> str:
        """Follow a short link as a browser with a cookie does, but do not go where it leads. Returns the visit's id."""
        headers = {"Cookie": f"bowen_vid={visitor}", "X-Forwarded-For": address, **_at(now)}
        response = await self._answer("GET", f"/s/{token}", headers)
        marks = parse_qs(urlsplit(response.headers.get("location", "")).query)
        if response.status != FOUND or "bowen_touch" not in marks:
            raise Fault(f"the link /s/{token} answered {response.status}")
        return str(marks["bowen_touch"][0])

    async def _call(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Json:
        return _content(await self._answer(method, target, {**self._key, **headers}, body))

    async def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        why = ""
        for pause in _pauses():
            try:
                response = await self._http.request(method, target, headers, body)
            except Unanswered as error:
                why = str(error)
            else:
                if response.status < ERRORS_FROM:
                    return response
                refusal = ApiRefused(f"{method} {target}", response.status, _problem(response))
                if response.status not in _AGAIN and refusal.reason not in _CONFLICTS:
                    raise refusal
                why, pause = str(refusal), max(pause, float(response.headers.get("retry-after", 0)))
            await asyncio.sleep(pause)
        raise ApiUnreachable(f"{self.url} does not answer {method} {target}: {why}")


def _pauses() -> Iterator[float]:
    """How long to wait after each try, longer and longer, never in step with others."""
    for turn in range(TRIES_MAX):
        yield min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2.0**turn) * random.uniform(0.5, 1.0)


def _at(now: datetime | None) -> dict[str, str]:
    return {"Bowen-Now": now.isoformat()} if now else {}


def _target(path: str, params: Mapping[str, Params]) -> str:
    given = {name: value for name, value in params.items() if value != ""}
    return f"{path}?{urlencode(given)}" if given else path


def _content(response: Response) -> Json:
    content = _decode(response.body)
    return content if isinstance(content, dict) else {}


def _problem(response: Response) -> Json:
    try:
        return _content(response)
    except msgspec.DecodeError:
        return {"detail": response.body[:200].decode(errors="replace")}


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
