"""The Segment wire: the answers of `spec people` §2.2, and what reaches profile."""

import asyncio
import base64
import gzip
import json
import os
from typing import Any

import psutil
import pytest

from chassis import errors
from tests.service.gateway.conftest import Door, Start
from tests.service.gateway.peers import Components

TRACK = {"userId": "u-1", "event": "Product Viewed", "messageId": "m-1", "properties": {"sku": "s"}}
SUCCESS = {"success": True}


def basic(write_key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()}


def sent(components: Components) -> list[Any]:
    return [event for event in asked(components) if not event.HasField("refused")]


def refused(components: Components) -> list[Any]:
    return [event for event in asked(components) if event.HasField("refused")]


def asked(components: Components) -> list[Any]:
    return [event for request in components.asked("Ingest") for event in request.events]


@pytest.fixture
async def write_key(door: Door) -> str:
    return await door.new_write_key()


PATHS = {
    "track": TRACK,
    "identify": {"userId": "u-1", "traits": {"city": "Hangzhou"}},
    "alias": {"previousId": "a", "userId": "b"},
    "group": {"userId": "u-1", "groupId": "g"},
    "page": {"anonymousId": "a-1", "name": "Home"},
    "screen": {"anonymousId": "a-1", "name": "Home"},
    "batch": {"batch": [{**TRACK, "type": "track"}]},
}


@pytest.mark.parametrize("path", [*PATHS, *(name[0] for name in PATHS)])
async def test_every_path_takes_its_kind(door: Door, components: Components, write_key: str, path: str):
    name = next(name for name in PATHS if name == path or name[0] == path)

    response = await door.post(f"/v1/{path}", json=PATHS[name], headers=basic(write_key))

    assert (response.status_code, response.json()) == (200, SUCCESS)
    kind = "track" if name == "batch" else name
    event = sent(components)[0]
    assert (
        event.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[event.type].name
        == f"EVENT_TYPE_{kind.upper()}"
    )
    assert components.callers("Ingest")[0].principal == "service:gateway"


async def test_the_write_key_stands_in_the_header_or_in_the_body(door: Door, write_key: str):
    in_header = await door.post("/v1/track", json={**TRACK, "writeKey": "nonsense"}, headers=basic(write_key))
    in_body = await door.post("/v1/track", json={**TRACK, "writeKey": write_key})
    without_colon = {"authorization": "Basic " + base64.b64encode(write_key.encode()).decode()}
    tolerated = await door.post("/v1/track", json=TRACK, headers=without_colon)
    bearer = await door.post(
        "/v1/track", json={**TRACK, "writeKey": write_key}, headers={"authorization": "Bearer oauth"}
    )

    assert {answer.status_code for answer in (in_header, in_body, tolerated, bearer)} == {200}


@pytest.mark.parametrize("headers", [{}, basic("wk_" + "x" * 32), {"authorization": "Basic !!"}])
async def test_an_unknown_write_key_is_a_401(door: Door, headers: dict[str, str]):
    response = await door.post("/v1/track", json=TRACK, headers=headers)

    assert response.status_code == 401
    assert response.json()["success"] is False
    assert {"code", "message"} <= response.json().keys()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 200_000, b'{"batch": 3}', b'{"batch": {}}']
)
async def test_what_is_no_json_is_a_400_with_code_and_message(door: Door, write_key: str, body: bytes):
    response = await door.post("/v1/batch", content=body, headers=basic(write_key))

    assert response.status_code == 400
    assert {"code", "message", "success"} == response.json().keys()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("track", {"event": "x"}),
        ("track", {"event": "x", "userId": None, "anonymousId": ""}),
        ("identify", {"traits": {}}),
        ("track", {**TRACK, "properties": {"x": "y" * 33_000}}),
        ("batch", {"batch": [], "x": "y" * 520_000}),
        ("batch", {"batch": [TRACK], "context": {"x": "y" * 9000}}),
    ],
)
async def test_nobody_named_or_too_large_is_a_400(
    door: Door, components: Components, write_key: str, path: str, body: Any
):
    response = await door.post(f"/v1/{path}", json=body, headers=basic(write_key))

    assert response.status_code == 400
    assert {"code", "message", "success"} == response.json().keys()
    assert sent(components) == []


async def test_a_bad_item_does_not_touch_its_neighbours(door: Door, components: Components, write_key: str):
    items = [
        {**TRACK, "type": "track", "messageId": "again"},
        {"type": "dance", "userId": "u"},
        3,
        {**TRACK, "type": "track", "timestamp": "yesterday"},
        {**TRACK, "type": "track", "userId": True},
        {**TRACK, "type": "track", "context": []},
        {**TRACK, "type": "track", "userId": "a\u0000b"},
        {"type": "track", "event": "x"},
        {**TRACK, "type": "track", "properties": {"x": "y" * 33_000}},
        {**TRACK, "type": "track", "messageId": "m-2"},
    ]

    response = await door.post("/v1/batch", json={"batch": items}, headers=basic(write_key))

    assert response.status_code == 200
    rejected = {item["index"]: item["code"] for item in response.json()["rejected"]}
    assert rejected == {
        1: "EVENT_INVALID",
        2: "EVENT_INVALID",
        3: "EVENT_INVALID",
        4: "EVENT_INVALID",
        5: "EVENT_INVALID",
        6: "EVENT_INVALID",
        7: "IDENTIFIER_MISSING",
        8: "EVENT_TOO_LARGE",
    }
    assert [event.message_id for event in sent(components) if event.user_id] == ["again", "m-2"]


async def test_a7_items_that_are_no_events_reach_the_rejections_as_they_came(
    door: Door, components: Components, write_key: str
):
    bad = b'{"type":"dance","messageId":"m-7","writeKey":"%s"}' % write_key.encode()
    good = b'{"type":"track","event":"x","userId":"u"}'

    await door.post("/v1/batch", content=b'{"batch":[%s,%s,7]}' % (bad, good), headers=basic(write_key))

    dance, number = refused(components)
    assert (dance.message_id, dance.refused.reason, dance.source_id) == ("m-7", "EVENT_INVALID", number.source_id)
    assert (dance.refused.raw, dance.refused.raw_size) == (bad.decode().replace(write_key, "***"), len(bad))
    assert (number.refused.raw, number.message_id) == ("7", "")
    assert len(sent(components)) == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("batch", b'{"batch": [', "INVALID_JSON"),
        ("batch", b'{"batch": "' + b"x" * 520_000, "REQUEST_TOO_LARGE"),
        ("track", b'{"event": "' + b"x" * 33_000, "EVENT_TOO_LARGE"),
        ("track", b'{"event": "x"}', "IDENTIFIER_MISSING"),
    ],
)
async def test_a7_a_request_that_is_refused_reaches_the_rejections_if_its_header_tells_whose_it_is(
    door: Door, components: Components, write_key: str, path: str, body: bytes, code: str
):
    answers = [
        await door.post(f"/v1/{path}", content=body, headers=headers)
        for headers in (basic(write_key), basic("wk_" + "x" * 32), {})
    ]

    assert {answer.status_code for answer in answers} <= {400, 401}
    assert answers[0].status_code == 400
    [told] = refused(components)
    assert told.refused.reason == code
    assert len(told.refused.raw) <= 16 * 1024


async def test_a7_a_refused_request_is_refused_also_when_it_cannot_be_written_down(
    door: Door, components: Components, write_key: str
):
    components.failure["Ingest"] = lambda: errors.Unavailable("not now")

    answer = await door.post("/v1/batch", content=b"{", headers=basic(write_key))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_more_events_than_a_batch_holds_are_rejected_one_by_one(
    door: Door, components: Components, write_key: str
):
    items = [{"type": "track", "userId": "u", "event": "x", "messageId": str(number)} for number in range(2503)]

    response = await door.post("/v1/batch", json={"batch": items}, headers=basic(write_key))

    assert [item["index"] for item in response.json()["rejected"]] == [2500, 2501, 2502]
    assert [event.message_id for event in sent(components)] == [str(number) for number in range(2500)]
    assert [event.message_id for event in refused(components)] == ["2500"]


async def test_what_stands_once_for_a_batch_holds_for_every_item(door: Door, components: Components, write_key: str):
    body = {
        "sentAt": "2026-11-22T00:52:07.000123+00:00",
        "context": {"library": {"name": "analytics-python"}, "ip": "1.2.3.4"},
        "batch": [
            {**TRACK, "type": "track", "timestamp": "2026-11-22T08:52:06.458+08:00", "context": {"ip": "9.9.9.9"}},
            {**TRACK, "type": "track", "timestamp": "2026-11-22T00:52:06.123456789Z"},
        ],
    }

    await door.post("/v1/batch", json=body, headers=basic(write_key))

    first, second = sent(components)
    assert json.loads(first.context) == {"library": {"name": "analytics-python"}, "ip": "9.9.9.9"}
    assert json.loads(second.context) == body["context"]
    assert (first.sent_time.nanos, second.original_time.nanos) == (123_000, 123_456_789)
    assert first.original_time.ToJsonString() == "2026-11-22T00:52:06.458Z"
    assert first.source_id == second.source_id != ""


async def test_a_number_is_an_id_and_null_is_none(door: Door, components: Components, write_key: str):
    body = {"userId": 42, "anonymousId": None, "event": "x", "unknown": {"extra": 1}, "integrations": {}}

    response = await door.post("/v1/track", json=body, headers=basic(write_key))

    event = sent(components)[0]
    assert response.status_code == 200
    assert (event.user_id, event.anonymous_id) == ("42", "")
    assert len(event.message_id) == 36


async def test_identifiers_come_from_the_context(door: Door, components: Components, write_key: str):
    context = {
        "traits": {"city": "Hangzhou", "vip": True},
        "externalIds": [
            {"id": "o-1", "type": "wx.openid", "namespace": "wx1", "collection": "users", "encoding": "none"},
            {"id": "o-2", "type": "wx.openid@wx2"},
            {"id": "x", "type": "phone", "encoding": "sha256"},
            {"id": "", "type": "phone"},
            {"id": "y", "type": "BAD TYPE"},
            "nonsense",
        ],
        "device": {"type": "iOS", "advertisingId": "IDFA-1", "adTrackingEnabled": True, "token": "push"},
        "app": {"namespace": "com.shop"},
    }

    await door.post(
        "/v1/identify", json={"userId": "u", "traits": {"vip": None}, "context": context}, headers=basic(write_key)
    )

    event = sent(components)[0]
    found = {(one.type, one.namespace, one.value) for one in event.identifiers}
    assert found == {
        ("wx.openid", "wx1", "o-1"),
        ("wx.openid", "wx2", "o-2"),
        ("push_token", "com.shop", "push"),
        ("idfa", "", "IDFA-1"),
    }
    assert json.loads(event.traits) == {"city": "Hangzhou", "vip": None}


async def test_packed_and_streamed_as_text_is_taken(door: Door, components: Components, write_key: str):
    packed = gzip.compress(json.dumps({"batch": [{**TRACK, "type": "track"}] * 3}).encode())

    async def pieces():
        for at in range(0, len(packed), 10):
            yield packed[at : at + 10]

    response = await door.post(
        "/v1/b",
        content=pieces(),
        headers={**basic(write_key), "content-encoding": "gzip", "content-type": "text/plain"},
    )

    assert (response.status_code, response.json()) == (200, SUCCESS)
    assert len(sent(components)) == 3


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b'{"batch": []}', mtime=0)[:-5]),
        ("gzip", b""),
        ("br", b"x"),
    ],
)
async def test_what_cannot_be_unpacked_is_a_400(door: Door, write_key: str, encoding: str, body: bytes):
    response = await door.post("/v1/b", content=body, headers={**basic(write_key), "content-encoding": encoding})

    assert response.status_code == 400
    assert {"code", "message", "success"} == response.json().keys()


async def test_a_bomb_is_refused_in_little_memory(door: Door, write_key: str):
    bomb = gzip.compress(b" " * 400_000_000)
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss

    answers = await asyncio.gather(
        *(door.post("/v1/b", content=bomb, headers={**basic(write_key), "content-encoding": "gzip"}) for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {400}
    assert process.memory_info().rss - before < 50_000_000


async def test_a_page_of_any_origin_may_send(door: Door, write_key: str):
    origin = {"origin": "https://shop.example"}
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-retry-count"}

    preflight = await door.options("/v1/t", headers={**origin, **asks})
    answer = await door.post("/v1/t", json=TRACK, headers={**origin, **basic(write_key)})
    refused = await door.post("/v1/t", content=b"{", headers={**origin, **basic(write_key)})

    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert preflight.status_code == 200
    assert all(name in allowed for name in ("authorization", "content-type", "x-retry-count"))
    assert {one.headers["access-control-allow-origin"] for one in (preflight, answer, refused)} == {"*"}


@pytest.mark.parametrize("path", ["/v1/projects/{}/settings", "/projects/{}/settings"])
async def test_an_sdk_reads_where_to_send_to(door: Door, write_key: str, path: str):
    response = await door.get(path.format(write_key), headers={"host": "events.example"})
    unknown = await door.get(path.format("wk_nonsense"))

    destination = response.json()["integrations"]["Segment.io"]
    assert response.status_code == 200
    assert (destination["apiKey"], destination["apiHost"]) == (write_key, "events.example/v1")
    assert unknown.status_code == 401


@pytest.mark.parametrize(
    "failure",
    [
        lambda: errors.Unavailable("not now"),
        lambda: errors.Overloaded(),
        lambda: errors.DeadlineExceeded("too late"),
        lambda: errors.Conflict("again"),
        lambda: RuntimeError("a fault"),
    ],
)
async def test_what_is_not_durable_is_a_503(door: Door, components: Components, write_key: str, failure: Any):
    components.failure["Ingest"] = failure

    response = await door.post("/v1/track", json=TRACK, headers=basic(write_key))

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert {"code", "message", "success"} == response.json().keys()


async def test_a_source_that_sends_too_fast_is_told_when_to_come_back(start: Start):
    door = await start(write_key_rate=0.01, write_key_burst=2)
    write_key = await door.new_write_key()

    answers = [await door.post("/v1/track", json=TRACK, headers=basic(write_key)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 300
    assert "x-ratelimit-reset" not in answers[2].headers
    assert {"code", "message", "success"} == answers[2].json().keys()


async def test_concurrent_requests_share_calls(door: Door, components: Components, write_key: str):
    await asyncio.gather(
        *(door.post("/v1/track", json={**TRACK, "messageId": str(n)}, headers=basic(write_key)) for n in range(60))
    )

    assert len(sent(components)) == 60
    assert len(components.asked("Ingest")) < 60


@pytest.mark.parametrize("properties", [r'{"a":"\u0000"}', r'{"\u0000":1}', '{"a":1e-20000}', '{"a":1e400}'])
@pytest.mark.parametrize("field", ["properties", "traits", "context"])
async def test_json_that_no_database_takes_is_rejected_with_the_reason(
    door: Door, components: Components, write_key: str, field: str, properties: str
):
    body = f'{{"batch":[{{"type":"track","event":"e","userId":"u","{field}":{properties}}}]}}'

    response = await door.post("/v1/batch", content=body.encode(), headers=basic(write_key))

    assert response.status_code == 200
    [rejected] = response.json()["rejected"]
    assert rejected["code"] == "EVENT_INVALID"
    assert f"{field} must not hold" in rejected["message"]
    assert sent(components) == []
