"""API keys and write keys: made once, shown once, gone within a second."""

import asyncio
import time

from sqlalchemy import text

from chassis.ids import new_id
from tests.service.gateway.conftest import ROOT, Door, Start
from tests.service.gateway.peers import Components
from tests.waiting import eventually

PROFILE = str(new_id())[:-1] + "0"
READ = "profile.profiles:read"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def test_a_key_opens_what_its_scopes_say_and_nothing_else(door: Door, components: Components):
    key = await door.new_key(READ)

    seen = await door.get(f"/v1/profiles/{PROFILE}", headers=bearer(key))
    refused = await door.get(f"/v1/profiles/{PROFILE}/balances", headers=bearer(key))

    assert key.startswith("bk_")
    assert seen.status_code == 200
    assert (refused.status_code, refused.json()["metadata"]) == (403, {"scope": "incentive.ledger:read"})
    caller = components.callers("GetProfile")[0]
    assert caller.principal.startswith("key:")
    assert caller.scopes == {READ}


async def test_nobody_gets_in_without_a_key_that_holds(door: Door):
    url = f"/v1/profiles/{PROFILE}"

    answers = [
        await door.get(url, headers=headers)
        for headers in (
            {},
            bearer("bk_" + "x" * 32),
            bearer("nonsense"),
            {"authorization": "Basic eDo="},
            {"authorization": "Bearer"},
        )
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].headers["www-authenticate"].startswith("Bearer")
    assert answers[0].json()["type"] == "/problems/UNAUTHENTICATED"


async def test_a_key_is_shown_once_and_stored_as_a_hash_only(door: Door):
    body = {"name": "shop", "scopes": [READ]}
    headers = {**ROOT, "idempotency-key": "one"}

    first = await door.post("/v1/api-keys", json=body, headers=headers)
    second = await door.post("/v1/api-keys", json=body, headers=headers)

    key = first.json()["key"]
    assert key
    assert second.json() == {**first.json(), "key": ""}
    assert second.headers["idempotency-replayed"] == "true"
    async with door.db.read() as tx:
        kept = str((await tx.execute(text("SELECT to_jsonb(k) FROM api_key k"))).all())
        noted = (await tx.execute(text("SELECT response FROM idempotency"))).scalars().all()
    assert key not in kept
    assert key.encode() not in b"".join(noted)


async def test_eight_repeats_at_once_make_one_key(door: Door):
    body = {"name": "shop", "scopes": [READ]}
    headers = {**ROOT, "idempotency-key": "one"}

    answers = await asyncio.gather(*(door.post("/v1/api-keys", json=body, headers=headers) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["api_key"]["key_id"] for answer in answers}) == 1
    assert sum(1 for answer in answers if answer.json()["key"]) == 1
    listed = await door.get("/v1/api-keys", headers=ROOT)
    assert len(listed.json()["api_keys"]) == 1


async def test_the_same_request_id_with_other_content_is_refused(door: Door):
    await door.new_key(READ, request_id="one")

    response = await door.post(
        "/v1/api-keys", json={"name": "other", "scopes": [READ]}, headers={**ROOT, "idempotency-key": "one"}
    )

    assert (response.status_code, response.json()["type"]) == (409, "/problems/REQUEST_ID_REUSED")


async def test_a_revoked_key_opens_nothing_within_a_second(door: Door):
    key = await door.new_key(READ)
    url = f"/v1/profiles/{PROFILE}"
    assert (await door.get(url, headers=bearer(key))).status_code == 200
    key_id = (await door.get("/v1/api-keys", headers=ROOT)).json()["api_keys"][0]["key_id"]

    revoked = await door.post(f"/v1/api-keys/{key_id}:revoke", json={}, headers={**ROOT, "idempotency-key": "r"})
    answered = time.monotonic()

    async def is_refused() -> bool:
        seconds = time.monotonic() - answered
        status = (await door.get(url, headers=bearer(key))).status_code
        assert status == 401 or seconds < 1, f"{status} to who asked {seconds} s after the revocation"
        return status == 401

    await eventually(is_refused)
    assert revoked.json()["api_key"]["revoke_time"].endswith("Z")


async def test_a_key_gives_no_more_than_it_holds(door: Door):
    maker = await door.new_key(READ, "gateway.keys:write")

    more = await door.post(
        "/v1/api-keys",
        json={"name": "x", "scopes": [READ, "incentive.ledger:write", "no.such:read"]},
        headers={**bearer(maker), "idempotency-key": "m"},
    )

    assert (more.status_code, more.json()["type"]) == (400, "/problems/SCOPE_UNKNOWN")
    assert [error["pointer"] for error in more.json()["errors"]] == ["/scopes/1", "/scopes/2"]
    assert (await door.new_key(READ, key=maker)).startswith("bk_")


async def test_a_store_s_key_makes_and_sees_keys_of_that_store_only(door: Door, components: Components):
    store, other = str(new_id()), str(new_id())
    maker = await door.new_key(READ, "gateway.keys:write", "gateway.keys:read", store_id=store)

    unbound = await door.post(
        "/v1/api-keys", json={"name": "x", "scopes": [READ]}, headers={**bearer(maker), "idempotency-key": "1"}
    )
    elsewhere = await door.post(
        "/v1/api-keys",
        json={"name": "x", "scopes": [READ], "store_id": other},
        headers={**bearer(maker), "idempotency-key": "2"},
    )
    own = await door.new_key(READ, store_id=store, key=maker)
    await door.get(f"/v1/profiles/{PROFILE}", headers=bearer(own))

    assert (unbound.status_code, elsewhere.status_code) == (403, 403)
    assert components.callers("GetProfile")[0].store_id == store
    await door.new_key(READ)
    seen = (await door.get("/v1/api-keys", headers=bearer(maker))).json()["api_keys"]
    assert {key["store_id"] for key in seen} == {store}
    assert (await door.get("/v1/write-keys", headers=bearer(maker))).status_code == 403


async def test_keys_are_listed_in_pages_oldest_first(door: Door):
    for number in range(5):
        await door.new_key(READ, request_id=str(number))

    first = (await door.get("/v1/api-keys?page_size=3", headers=ROOT)).json()
    second = (await door.get(f"/v1/api-keys?page_size=3&page_token={first['next_page_token']}", headers=ROOT)).json()
    garbage = await door.get("/v1/api-keys?page_token=x", headers=ROOT)

    ids = [key["key_id"] for key in first["api_keys"] + second["api_keys"]]
    assert (len(first["api_keys"]), len(second["api_keys"])) == (3, 2)
    assert ids == sorted(ids)
    assert second["next_page_token"] == ""
    assert garbage.status_code == 400


async def test_a_write_key_says_its_trust_and_can_be_revoked(door: Door):
    await door.new_write_key("PUBLIC")
    listed = (await door.get("/v1/write-keys", headers=ROOT)).json()["write_keys"][0]
    url = f"/v1/write-keys/{listed['source_id']}:revoke"

    revoked = await door.post(url, json={}, headers={**ROOT, "idempotency-key": "r"})
    missing = await door.post(f"/v1/write-keys/{new_id()}:revoke", json={}, headers={**ROOT, "idempotency-key": "n"})

    assert (listed["trust"], listed["write_key"]) == ("PUBLIC", "")
    assert "revoke_time" in revoked.json()["write_key"]
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/KEY_NOT_FOUND")


async def test_a_key_is_limited_by_itself(start: Start):
    door = await start(key_rate=0.01, key_burst=5)
    first, second = await door.new_key(READ), await door.new_key("incentive.ledger:read")
    url = f"/v1/profiles/{PROFILE}/balances"

    answers = [(await door.get(url, headers=bearer(second))) for _ in range(7)]
    other = await door.get(f"/v1/profiles/{PROFILE}", headers=bearer(first))

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert other.status_code == 200


async def test_guessing_keys_is_limited_by_address(start: Start):
    door = await start(address_rate=0.01, address_burst=3)

    answers = [
        (await door.get(f"/v1/profiles/{PROFILE}", headers=bearer(f"bk_{number:032}"))).status_code
        for number in range(5)
    ]

    assert answers == [401, 401, 401, 429, 429]
