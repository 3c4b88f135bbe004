"""What goes wrong is said in one form: a status, a reason, the field and the rule."""

import asyncio
import gzip

import httpx
import pytest

from chassis.ids import new_id
from tests.e2e.world import World, problem

pytestmark = pytest.mark.timeout(120)


async def test_every_fault_of_a_body_is_named_at_once(world: World):
    body = {
        "order_number": "",
        "buyer": {"profile_id": "x"},
        "currency_code": "cny",
        "lines": [{"line_no": 0}],
        "source": "s",
    }

    answer = await world.api.call("POST", "/v1/orders", json={**body, "request_id": "r"})

    assert answer.status_code == 400
    pointers = {each["pointer"] for each in problem(answer)["errors"]}
    assert {"/order_number", "/buyer/profile_id", "/currency_code", "/lines/0/line_no", "/lines/0/sku"} <= pointers


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"order_number": 7}', "/order_number"),
        (b'{"lines": [{"quantity": "many"}]}', "/lines/0/quantity"),
        (b'{"lines": [{"gross_minor": 1.5}]}', "/lines/0/gross_minor"),
        (b'{"nobody_knows": 1}', "/nobody_knows"),
    ],
)
async def test_a_field_of_the_wrong_kind_is_named(world: World, body: bytes, pointer: str):
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(new_id())}

    answer = await world.api.call("POST", "/v1/orders", content=body, headers=headers)

    assert answer.status_code == 400
    assert pointer in [each["pointer"] for each in problem(answer)["errors"]]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"a":' * 2000, b"\xff\xfe", b"{}{}"])
async def test_a_body_that_is_no_object_is_refused(world: World, body: bytes):
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(new_id())}

    answer = await world.api.call("POST", "/v1/orders", content=body, headers=headers)

    assert answer.status_code == 400
    assert problem(answer)["type"].startswith("/problems/")


async def test_a_rule_that_makes_no_sense_is_refused_with_its_path(world: World):
    tag = await world.a_tag()
    when = {
        "v": 1,
        "all": [{"event": {"name": "x", "window": {"last": "30d"}, "agg": "count", "op": "like", "value": 1}}],
    }

    answer = await world.api.call(
        "POST", "/v1/tag-rules", json={"tag_id": tag["tag_id"], "when": when, "request_id": "r"}
    )

    assert answer.status_code == 400
    assert problem(answer)["type"] == "/problems/RULE_INVALID"
    assert any("/when" in each["pointer"] for each in problem(answer)["errors"])


async def test_a_change_without_a_request_id_is_refused(world: World):
    _, profile_id = await world.a_person()

    answer = await world.api.call("POST", "/v1/orders", json=world.an_order(profile_id))

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.text


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer bwn_nobody", "Basic eDp5", "Bearer a.b.c"])
async def test_who_nobody_knows_is_refused(world: World, authorization: str):
    answer = await world.client.get("/v1/orders", headers={"Authorization": authorization} if authorization else {})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert problem(answer)["type"] == "/problems/UNAUTHENTICATED"


async def test_what_is_not_there_is_not_found(world: World):
    nothing = str(new_id())
    paths = [f"/v1/{noun}/{nothing}" for noun in ("profiles", "orders", "partners", "segments", "campaigns", "ripples")]

    answers = [await world.api.call("GET", path) for path in (*paths, "/v1/share-links/nothing", "/v1/nothing")]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert problem(answers[0])["type"] == "/problems/PROFILE_NOT_FOUND"
    assert problem(answers[-1])["type"] == "/problems/ROUTE_NOT_FOUND"


async def test_a_method_that_a_path_does_not_have_is_named(world: World):
    answer = await world.api.call("DELETE", "/v1/orders")

    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


async def test_a_body_of_another_kind_is_refused(world: World):
    headers = {"Content-Type": "application/xml", "Idempotency-Key": "k"}

    answer = await world.api.call("POST", "/v1/orders", content=b"<a/>", headers=headers)

    assert answer.status_code == 415
    assert problem(answer)["type"] == "/problems/CONTENT_TYPE_UNSUPPORTED"


async def test_a_body_that_unpacks_to_too_much_is_refused(world: World):
    packed = gzip.compress(b'{"order_number":"' + b"x" * 20_000_000 + b'"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Idempotency-Key": "k"}

    answer = await world.api.call("POST", "/v1/orders", content=packed, headers=headers)

    assert answer.status_code == 413
    assert problem(answer)["metadata"]["limit_bytes"]


async def test_what_the_state_does_not_allow_is_refused_with_its_reason(world: World):
    _, profile_id = await world.a_person()
    order_id = await world.a_placed_order(profile_id)

    answer = await world.api.call("POST", f"/v1/orders/{order_id}:refund", json={"request_id": str(new_id())})

    assert answer.status_code == 422
    assert problem(answer)["type"] == "/problems/ORDER_STATE"


async def test_a_name_that_is_taken_is_a_conflict(world: World):
    tag = await world.a_tag()
    body = {"group_id": tag["group_id"], "key": tag["key"], "name": "other"}

    answer = await world.api.call("POST", "/v1/tags", json={**body, "request_id": str(new_id())})

    assert answer.status_code == 409
    assert problem(answer)["type"] == "/problems/TAG_KEY_EXISTS"


async def test_who_guesses_keys_is_slowed_down(world: World):
    async def guess(number: int) -> httpx.Response:
        # The address is another one's, so that the tests that come after are not slowed down with it.
        headers = {"Authorization": f"Bearer bwn_guess{number}", "X-Forwarded-For": "198.51.100.7"}
        return await world.client.get("/v1/orders", headers=headers)

    answers = [answer for _ in range(5) for answer in await asyncio.gather(*(guess(n) for n in range(40)))]

    limited = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert all(1 <= int(answer.headers["retry-after"]) <= 300 for answer in limited)
    assert problem(limited[0])["status"] == 429


@pytest.mark.parametrize("reason", ["ORDER_STATE", "RULE_INVALID", "REQUEST_ID_REUSED", "PROFILE_NOT_FOUND"])
async def test_every_problem_has_a_page(world: World, reason: str):
    answer = await world.client.get(f"/problems/{reason}")

    assert answer.status_code == 200
    assert answer.json()["description"]
