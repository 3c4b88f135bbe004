"""Every path of the Segment wire gives every answer of spec people §2.2, and never another."""

import gzip
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import httpx
import pytest

from chassis import errors
from gateway.ingest.times import parse
from gateway.ingest.wire import read
from tests.service.gateway.conftest import ROOT, Door, Start
from tests.service.gateway.peers import Components
from tests.service.gateway.test_ingest import PATHS, basic

EVERY_PATH = [*PATHS, *(name[0] for name in PATHS)]
SUCCESS = {"success": True}
UNKNOWN_KEY = "wk_" + "x" * 32
RATE = {"write_key_rate": 0.01, "write_key_burst": 40}


class Wire(NamedTuple):
    """One path, and bodies that fit it."""

    path: str
    kind: str

    @property
    def is_batch(self) -> bool:
        return self.kind == "batch"

    def body(self, **more: Any) -> dict[str, Any]:
        return {**PATHS[self.kind], **more}

    def of(self, *items: dict[str, Any]) -> dict[str, Any]:
        """A body of one item."""
        return {"batch": items} if self.is_batch else items[0]

    def item(self, **more: Any) -> dict[str, Any]:
        event = PATHS[self.kind]["batch"][0] if self.is_batch else PATHS[self.kind]
        return {**event, **more}


@pytest.fixture(params=EVERY_PATH)
def wire(request: pytest.FixtureRequest) -> Wire:
    kind = next(name for name in PATHS if name == request.param or name[0] == request.param)
    return Wire(f"/v1/{request.param}", kind)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 7):
        yield body[at : at + 7]


def packed(body: bytes) -> bytes:
    return gzip.compress(body)


def assert_refused(answer: httpx.Response, status: int) -> None:
    """What a Segment SDK of any age understands: the exact status, and both words that old ones look for."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"code", "message", "success"}
    assert body["success"] is False
    assert re.fullmatch(r"[a-z_]+", body["code"])
    assert body["message"]
    assert "x-ratelimit-reset" not in answer.headers


async def test_a1_a6_every_path_gives_every_answer(start: Start, components: Components, wire: Wire):
    door: Door = await start(**RATE)
    key, other = await door.new_write_key(), await door.new_write_key("PUBLIC")
    headers = basic(key)

    async def post(body: Any, **more: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await door.post(wire.path, content=content, headers={**headers, **more})

    accepted = await post(wire.body())
    repeated = await post(wire.of(wire.item(messageId="again")))
    sdk_like = await post(wire.of(wire.item(integrations={}, _metadata={"nodeVersion": "20"})))
    invalid = await post(wire.of(wire.item(timestamp="yesterday")))
    for answer in (accepted, repeated, sdk_like):
        assert (answer.status_code, answer.json()) == (200, SUCCESS)
    assert (invalid.status_code, invalid.json()["success"]) == (200, True)
    [rejected] = invalid.json()["rejected"]
    assert (rejected["index"], rejected["code"]) == (0, "EVENT_INVALID")

    whole = json.dumps(wire.body()).encode()
    for answer in (
        await post(whole, **{"content-type": "text/plain"}),
        await post(packed(whole), **{"content-type": "text/plain", "content-encoding": "gzip"}),
        await door.post(wire.path, content=_pieces(packed(whole)), headers={**headers, "content-encoding": "gzip"}),
    ):
        assert (answer.status_code, answer.json()) == (200, SUCCESS)

    assert_refused(await post(whole[:-1]), 400)
    assert_refused(await post(b""), 400)
    assert_refused(await post(wire.body(padding="x" * 520_000)), 400)
    assert_refused(await post(wire.body(padding="x" * 5_000_000)), 400)
    assert_refused(await post(packed(b" " * 2_000_000), **{"content-encoding": "gzip"}), 400)
    nobody = {"type": "track", "event": "x", "userId": None, "anonymousId": "", "groupId": "g"}
    large = wire.item(padding="x" * 33_000)
    if wire.is_batch:
        for body, code in ((nobody, "IDENTIFIER_MISSING"), (large, "EVENT_TOO_LARGE")):
            answer = await post(wire.of(body))
            assert (answer.status_code, answer.json()["rejected"][0]["code"]) == (200, code)
    else:
        assert_refused(await post(nobody), 400)
        assert_refused(await post(large), 400)

    headers = basic(UNKNOWN_KEY)
    assert_refused(await post(wire.body()), 401)
    headers = {}
    assert_refused(await post(wire.body()), 401)
    assert (await post(wire.body(writeKey=key))).json() == SUCCESS

    headers = basic(other)
    answers = [await post(wire.body()) for _ in range(RATE["write_key_burst"] + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert_refused(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 300

    headers = basic(key)
    failures: list[Callable[[], Exception]] = [errors.Overloaded, lambda: errors.Unavailable("not now")]
    for failure in failures:
        components.failure["Ingest"] = failure
        answer = await post(wire.body())
        assert_refused(answer, 503)
        assert 1 <= int(answer.headers["retry-after"]) <= 300


async def test_a_source_that_is_closed_is_a_401(door: Door):
    made = await door.post(
        "/v1/write-keys", json={"name": "shop", "trust": "SERVER"}, headers={**ROOT, "idempotency-key": "w"}
    )
    key = made.json()["write_key"]
    path = f"/v1/write-keys/{key['source_id']}:revoke"

    closed = await door.post(path, json={}, headers={**ROOT, "idempotency-key": "close"})

    assert closed.status_code == 200, closed.text
    assert_refused(await door.post("/v1/track", json=PATHS["track"], headers=basic(key["write_key"])), 401)


@pytest.mark.parametrize("digits", range(10))
@pytest.mark.parametrize("zone", ["Z", "+00:00", "-00:00", "", "+0000"])
def test_a_time_has_any_number_of_digits_and_a_zone_or_none(digits: int, zone: str):
    fraction = "123456789"[:digits]

    moment = parse(f"2026-11-22T00:52:06{'.' * bool(digits)}{fraction}{zone}")

    assert (moment.seconds, moment.nanos) == (1_795_308_726, int(fraction.ljust(9, "0")) if fraction else 0)


def test_a_time_of_another_zone_is_the_same_instant():
    assert parse("2026-11-22T08:52:06.458+08:00") == parse("2026-11-22T00:52:06.458Z")


def test_a_date_is_when_its_day_begins():
    assert parse("2026-11-22") == parse("2026-11-22T00:00:00Z")
    for text in ("2026-11-22T", "2026-11-22Z", "2026-11-22+08:00", "2026-02-30"):
        with pytest.raises(ValueError, match="is no"):
            parse(text)


@pytest.mark.parametrize("kind", ["", "track"])
def test_half_an_emoji_takes_no_event_away(kind: str):
    whole, cut = r"\ud83d\ude00", r"\uD83D"
    item = f'{{"userId":"u","properties":{{"a":"x{cut}","b":"{whole}{cut}","c":"\\{cut}"}}}}'
    body = item if kind else f'{{"batch":[{item},{{"userId":"next"}}]}}'

    first, *others = read(body.encode(), kind, "").items

    assert json.loads(first)["properties"] == {"a": "x\ufffd", "b": "\U0001f600\ufffd", "c": cut}
    assert others == ([] if kind else [b'{"userId":"next"}'])
