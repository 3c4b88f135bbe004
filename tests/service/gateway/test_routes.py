"""Derived routes over a real socket: paths, bodies, refusals, repeats."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from chassis import errors
from chassis.caller import current
from chassis.ids import new_id
from tests.service.gateway.conftest import ROOT, ROOT_KEY, Door, Start
from tests.service.gateway.peers import Components
from tests.waiting import eventually

ORDER = {
    "order_number": "A-1",
    "source": "pos",
    "buyer": {"identifier": {"type": "phone", "value": "13800138001"}},
    "currency_code": "CNY",
    "lines": [{"line_no": 1, "sku": "s", "quantity": 2, "gross_minor": 5000, "net_minor": 5000}],
}
PROFILE = str(new_id())[:-1] + "0"


def pointers(response) -> set[str]:
    return {error["pointer"] for error in response.json()["errors"]}


async def test_an_rpc_is_a_route(door: Door, components: Components):
    response = await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)

    assert response.status_code == 200
    profile = response.json()["profile"]
    assert profile["profile_id"] == PROFILE
    assert profile["state"] == "ACTIVE"
    assert profile["attributes"] == {"city": "杭州", "n": 1.5}
    assert profile["identifiers"] == []
    assert "create_time" not in profile
    assert components.callers("GetProfile")[0].principal == "root"


async def test_a_refusal_of_a_service_is_a_problem_document(door: Door):
    missing = PROFILE[:-1] + "f"

    response = await door.get(
        f"/v1/profiles/{missing}", headers={**ROOT, "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    )

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/PROFILE_NOT_FOUND"
    assert problem["metadata"] == {"profile_id": missing}
    assert problem["trace_id"] == "ab" * 16
    page = await door.get(problem["type"])
    assert page.json()["description"].startswith("No profile has this id")
    assert "<h1>PROFILE_NOT_FOUND" in (await door.get(problem["type"], headers={"accept": "text/html"})).text


async def test_integers_that_a_double_cannot_hold_are_text(door: Door):
    response = await door.get(f"/v1/profiles/{PROFILE}/balances", headers=ROOT)

    balance = response.json()["balances"][0]
    assert balance["available"] == 2**53 - 1
    assert balance["held"] == str(2**53)
    assert balance["debt"] == 0


async def test_every_violation_is_told_with_its_pointer(door: Door):
    body = {**ORDER, "sorce": "x", "currency_code": "cny", "lines": [{"line_no": "1", "quantity": "1e3"}]}

    response = await door.post("/v1/orders", json=body, headers={**ROOT, "idempotency-key": "a"})

    assert response.status_code == 400
    assert {"/sorce", "/currency_code", "/lines/0/line_no", "/lines/0/quantity", "/lines/0/sku"} <= pointers(response)
    details = {error["pointer"]: error["detail"] for error in response.json()["errors"]}
    assert details["/sorce"] == "is not known; did you mean `source`?"


async def test_what_only_the_service_refuses_has_the_same_form(door: Door):
    response = await door.get("/v1/profiles/not-a-uuid", headers=ROOT)

    assert response.status_code == 400
    assert pointers(response) == {"/profile_id"}


@pytest.mark.parametrize(
    "amount", ["1.5", "NaN", '"1e3"', "1e3", str(2**63), "-1", "0", "true", "null", "[1]", "Infinity"]
)
async def test_led_25_an_amount_that_is_none_is_a_4xx(door: Door, components: Components, amount: str):
    accounts = f'"debit_account":"issuer/x","credit_account":"member/{PROFILE}/available"'
    transfer = f'{{"transfer_id":"t",{accounts},"asset":"points","amount":{amount}}}'

    response = await door.post(
        "/v1/ledger/transfers",
        content=f'{{"transfers":[{transfer}]}}',
        headers={**ROOT, "content-type": "application/json"},
    )

    assert response.status_code == 400
    assert components.asked("PostTransfers") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"lines":' + b"[" * 100_000,
        b'{"buyer":{"identifier":null,"profile_id":3}}',
    ],
)
async def test_a_body_that_is_none_is_a_400(door: Door, body: bytes):
    response = await door.post("/v1/orders", content=body, headers={**ROOT, "content-type": "application/json"})

    assert response.status_code == 400
    assert response.json()["type"] in ("/problems/BODY_INVALID", "/problems/INVALID_ARGUMENT")


async def test_the_idempotency_key_becomes_the_request_id(door: Door, components: Components):
    first = await door.post("/v1/orders", json=ORDER, headers={**ROOT, "idempotency-key": "k-1"})
    second = await door.post("/v1/orders", json=ORDER, headers={**ROOT, "idempotency-key": "k-1"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert [request.request_id for request in components.asked("PlaceOrder")] == ["k-1", "k-1"]


async def test_a_mutation_needs_a_request_id_and_only_one(door: Door):
    none = await door.post("/v1/orders", json=ORDER, headers=ROOT)
    two = await door.post("/v1/orders", json={**ORDER, "request_id": "a"}, headers={**ROOT, "idempotency-key": "b"})
    same = await door.post("/v1/orders", json={**ORDER, "request_id": "a"}, headers={**ROOT, "idempotency-key": "a"})
    long = await door.post("/v1/orders", json=ORDER, headers={**ROOT, "idempotency-key": "x" * 256})

    assert (none.status_code, pointers(none)) == (400, {"/request_id"})
    assert "Idempotency-Key" in none.json()["detail"]
    assert (two.status_code, pointers(two)) == (400, {"/request_id"})
    assert same.status_code == 201
    assert long.status_code == 400


async def test_unknown_paths_and_methods_are_problems(door: Door):
    missing = await door.get("/v1/nothing", headers=ROOT)
    slash = await door.get(f"/v1/profiles/{PROFILE}/", headers=ROOT)
    wrong = await door.put(f"/v1/profiles/{PROFILE}", headers=ROOT)

    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/ROUTE_NOT_FOUND")
    assert slash.status_code == 404
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_head_is_get_without_the_body(door: Door):
    response = await door.head(f"/v1/profiles/{PROFILE}", headers=ROOT)

    assert response.status_code == 200
    assert int(response.headers["content-length"]) > 20
    assert response.content == b""


async def test_paths_and_queries_are_decoded_once_and_as_utf_8(door: Door, components: Components):
    url = "/v1/profiles:lookup?type=wx.openid&namespace=wx%2F1&value=%E6%B3%A2+%2525"

    await door.get(url, headers=ROOT)
    bad = await door.get("/v1/profiles:lookup?type=%FF", headers=ROOT)
    unknown = await door.get("/v1/profiles:lookup?type=phone&valeu=1", headers=ROOT)

    assert bad.status_code == 400
    assert unknown.json()["errors"][0]["detail"] == "is not known; did you mean `value`?"


async def test_a_large_body_is_413_before_it_is_read(start: Start):
    door = await start(body_bytes_max=10_000)

    announced = await door.post(
        "/v1/orders", content=b"x" * 20_000, headers={**ROOT, "content-type": "application/json"}
    )

    async def pieces():
        for _ in range(20):
            yield b"x" * 1000

    streamed = await door.post("/v1/orders", content=pieces(), headers={**ROOT, "content-type": "application/json"})

    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert announced.json()["metadata"] == {"limit_bytes": "10000"}


async def test_another_content_type_is_415(door: Door):
    response = await door.post("/v1/orders", content=json.dumps(ORDER), headers={**ROOT, "content-type": "text/plain"})

    assert response.status_code == 415


async def test_an_outage_is_503_and_a_fault_hides_itself(door: Door, components: Components):
    components.failure["GetProfile"] = lambda: errors.Unavailable("not now", retry_after=3)
    outage = await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)
    components.failure["GetProfile"] = lambda: RuntimeError("the secret")
    fault = await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)
    await components.stop()
    away = await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)

    assert (outage.status_code, outage.headers["retry-after"]) == (503, "3")
    assert (fault.status_code, fault.json()["detail"]) == (500, "internal error")
    assert away.status_code == 503


async def test_a_call_that_takes_too_long_is_504(start: Start, components: Components):
    door = await start(timeout_s=0.2)
    components.slow.add("GetProfile")

    async def is_late_and_cancelled() -> bool:  # at the first try, unless the machine was too busy to begin in time
        assert (await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)).status_code == 504
        return components.cancelled.is_set()

    await eventually(is_late_and_cancelled)


async def test_a_client_that_hangs_up_cancels_its_call(door: Door, components: Components):
    components.slow.add("GetProfile")
    _reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(f"GET /v1/profiles/{PROFILE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ROOT_KEY}\r\n\r\n".encode())
    await eventually(lambda: components.asked("GetProfile"))

    writer.close()

    await asyncio.wait_for(components.cancelled.wait(), 30)


async def test_more_at_once_than_the_limit_is_shed_with_503(start: Start, components: Components):
    door = await start(concurrency_max=1)
    components.slow.add("GetProfile")
    first = asyncio.create_task(door.get(f"/v1/profiles/{PROFILE}", headers=ROOT))
    await eventually(lambda: components.asked("GetProfile"))

    second = await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)
    components.release.set()

    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert (await first).status_code == 200


async def test_bowen_now_is_for_sandboxes_only(door: Door, start: Start, components: Components):
    sandbox = await start(sandbox=True, sandbox_start=datetime(2024, 1, 1, tzinfo=UTC))
    url, headers = f"/v1/profiles/{PROFILE}", {**ROOT, "bowen-now": "2024-02-03T04:05:06Z"}

    outside, inside = await door.get(url, headers=headers), await sandbox.get(url, headers=headers)
    wrong = await sandbox.get(url, headers={**ROOT, "bowen-now": "noon"})

    assert (outside.status_code, inside.status_code, wrong.status_code) == (400, 200, 400)


async def test_a_running_gateway_tells_how_it_is(door: Door):
    await door.gateway.readiness.refresh()

    assert (await door.get("/healthz")).json() == {"alive": True}
    assert (await door.get("/readyz")).status_code == 200
    assert "Bowen API" in (await door.get("/docs")).text
    document = await door.get("/openapi.json")
    assert document.json()["openapi"] == "3.1.0"
    assert (await door.get("/openapi.json", headers={"if-none-match": document.headers["etag"]})).status_code == 304


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_a_zone_moves_out_of_the_calendar_is_a_400(door: Door, time: str):
    plan = {"name": "x", "seller_rates": [{"role": "GUIDE", "rate_bp": 1}], "start_time": time}

    body = await door.post("/v1/commission-plans", json=plan, headers={**ROOT, "idempotency-key": time})
    query = await door.get(f"/v1/profiles/{PROFILE}/events", params={"start_time": time}, headers=ROOT)

    assert (body.status_code, pointers(body)) == (400, {"/start_time"})
    assert (query.status_code, pointers(query)) == (400, {"/start_time"})


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"])
async def test_a_sandbox_s_time_leaves_room_on_both_sides(start: Start, time: str):
    sandbox = await start(sandbox=True, sandbox_start=datetime(2024, 1, 1, tzinfo=UTC))

    response = await sandbox.get(f"/v1/profiles/{PROFILE}", headers={**ROOT, "bowen-now": time})

    assert response.status_code == 400
    assert "years 1970 to 2999" in response.json()["detail"]


async def test_a_refusal_that_is_a_replay_says_so(door: Door, components: Components):
    def refused() -> Exception:
        current().replayed = True
        return errors.FailedPrecondition("not now")

    components.failure["PlaceOrder"] = refused
    replay = await door.post("/v1/orders", json=ORDER, headers={**ROOT, "idempotency-key": "a"})
    components.failure["PlaceOrder"] = lambda: errors.FailedPrecondition("not now")
    first = await door.post("/v1/orders", json=ORDER, headers={**ROOT, "idempotency-key": "b"})

    assert (replay.status_code, replay.headers.get("idempotency-replayed")) == (422, "true")
    assert (first.status_code, first.headers.get("idempotency-replayed")) == (422, None)
    assert replay.json()["detail"] == "not now"


async def test_where_a_component_should_be_is_not_told(door: Door, components: Components):
    await components.stop()

    response = await door.get(f"/v1/profiles/{PROFILE}", headers=ROOT)

    assert response.status_code == 503
    assert components.target not in response.text
    assert response.json()["detail"] == "the component could not answer"
