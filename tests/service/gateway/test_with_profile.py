"""The Segment wire with the real profile service behind it: what the answers promise is what is stored."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from bowen.profile.v1.group_service_pb2_grpc import add_GroupServiceServicer_to_server
from bowen.profile.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server
from bowen.profile.v1.ingest_service_pb2_grpc import add_IngestServiceServicer_to_server
from bowen.profile.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from bowen.profile.v1.rejection_service_pb2_grpc import add_RejectionServiceServicer_to_server

from chassis.clock import SystemClock
from chassis.server import Server
from services.profile.consent import operations as consents
from services.profile.groups.servicer import GroupServicer
from services.profile.identity.operations import RuleBook
from services.profile.identity.servicer import IdentityServicer, ProfileServicer
from services.profile.ingest.servicer import IngestServicer
from services.profile.rejections.servicer import RejectionServicer
from tests.databases import patient
from tests.service.gateway.conftest import ROOT, Door, Start
from tests.service.gateway.test_ingest import basic
from tests.service.profile.vaults import a_vault
from tests.waiting import eventually

SECRETS_KEY = "a secret of the tests, long enough to be one"


@pytest.fixture
async def door(fresh_database: Callable[[str], str], start: Start) -> AsyncIterator[Door]:
    """A gateway with a profile service of its own."""
    clock, db = SystemClock(), patient(fresh_database("profile"))
    server = Server(listen="127.0.0.1:0", service="profile", clock=clock)
    vault = await a_vault(db)
    book = RuleBook()
    ingest = IngestServicer(db, clock, vault, book)
    server.add(add_IngestServiceServicer_to_server, ingest)
    server.add(add_ProfileServiceServicer_to_server, ProfileServicer(db, clock, vault, book))
    server.add(add_IdentityServiceServicer_to_server, IdentityServicer(db, clock, vault, book, consents.follow))
    server.add(add_GroupServiceServicer_to_server, GroupServicer(db, clock, vault))
    server.add(add_RejectionServiceServicer_to_server, RejectionServicer(db, vault))
    port = await server.start()
    yield await start(profile_target=f"127.0.0.1:{port}", secrets_key=SECRETS_KEY)
    await ingest.close()
    await server.stop(0)
    await db.close()


async def stats(door: Door) -> dict[str, int]:
    return dict((await door.get("/v1/profiles:stats", headers=ROOT)).json())


async def test_what_is_accepted_is_there(door: Door):
    write_key = await door.new_write_key()
    person = {"type": "phone", "value": "13800138001"}
    identify = {
        "type": "identify",
        "userId": "u-1",
        "messageId": "m-1",
        "traits": {"city": "杭州"},
        "context": {"externalIds": [{"type": "phone", "id": "138 0013 8001", "verified": True}]},
    }
    track = {
        "type": "track",
        "userId": "u-1",
        "messageId": "m-2",
        "event": "Product Viewed",
        "properties": {"sku": "s"},
    }

    answer = await door.post("/v1/batch", json={"batch": [identify, track]}, headers=basic(write_key))
    again = await door.post("/v1/batch", json={"batch": [identify, track]}, headers=basic(write_key))

    assert (answer.status_code, answer.json(), again.json()) == (200, {"success": True}, {"success": True})
    profile = (await door.get("/v1/profiles:lookup", params=person, headers=ROOT)).json()["profile"]
    assert profile["attributes"]["city"] == "杭州"
    assert {one["identifier"]["type"] for one in profile["identifiers"]} >= {"user_id", "phone"}
    events = (await door.get(f"/v1/profiles/{profile['profile_id']}/events", headers=ROOT)).json()["events"]
    assert {event["message_id"] for event in events} == {"m-1", "m-2"}
    assert {"type": "TRACK", "properties": {"sku": "s"}}.items() <= next(e for e in events if e["name"]).items()
    assert (await stats(door))["event_count"] == 2


async def test_what_is_rejected_is_not_and_its_neighbours_are(door: Door):
    write_key = await door.new_write_key()
    items = [
        {"type": "track", "userId": "u-1", "event": "A"},
        {"type": "track", "event": "nobody"},
        {"type": "track", "userId": "u-1"},
        {"type": "track", "userId": "u-1", "event": "B", "properties": [1]},
        {"type": "track", "userId": "u-1", "event": "C", "properties": {"x": "a\u0000b"}},
        {"type": "track", "userId": "u-1", "event": "D", "messageId": "x" * 101},
        {
            "type": "track",
            "userId": "u-1",
            "event": "E",
            "context": {"externalIds": [{"type": "wx.openid", "id": "o"}]},
        },
        {"type": "track", "userId": "u-1", "event": "Z"},
    ]

    response = await door.post("/v1/batch", json={"batch": items}, headers=basic(write_key))

    rejected = {item["index"] for item in response.json()["rejected"]}
    assert response.status_code == 200
    assert {1, 2, 3, 5} <= rejected
    assert rejected.isdisjoint({0, 7})
    assert (await stats(door))["event_count"] == len(items) - len(rejected)
    listed = (await door.get("/v1/ingest/rejections", headers=ROOT)).json()["rejections"]
    told = [(each["code"], each["message"]) for each in response.json()["rejected"]]
    assert sorted((each["reason"], each["detail"]) for each in listed) == sorted(told)
    assert {json.loads(each["raw"])["type"] for each in listed} == {"track"}


async def test_times_at_the_ends_of_the_calendar_touch_no_neighbour(door: Door):
    write_key = await door.new_write_key()
    times = (
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z"),
        *("9999-12-31T23:59:59-12:00", "10000-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-06-20T04:00:00+99:00"),
        *("0001-01-03T00:00:00Z", "9999-12-29T00:00:00Z"),
    )
    items = [{"type": "track", "userId": "u-1", "event": "A", "messageId": at, "timestamp": at} for at in times]
    items.append({"type": "track", "userId": "u-1", "event": "\0", "messageId": "m-nul"})
    items.append({"type": "track", "userId": "u-1", "event": "Z", "messageId": "m-last"})

    response = await door.post("/v1/batch", json={"batch": items}, headers=basic(write_key))

    assert response.status_code == 200
    rejected = {item["index"]: item["code"] for item in response.json()["rejected"]}
    assert rejected == dict.fromkeys([*range(8), 10], "EVENT_INVALID")
    assert (await stats(door))["event_count"] == len(items) - len(rejected)


async def test_nobody_named_on_a_single_path_is_a_400(door: Door):
    write_key = await door.new_write_key()

    missing = await door.post("/v1/alias", json={"previousId": "a"}, headers=basic(write_key))
    blocked = await door.post("/v1/track", json={"event": "A", "userId": "null"}, headers=basic(write_key))
    named = await door.post("/v1/track", json={"event": "A", "anonymousId": "a-1"}, headers=basic(write_key))

    assert (missing.status_code, missing.json()["code"]) == (400, "identifier_missing")
    assert (blocked.status_code, blocked.json()["rejected"][0]["code"]) == (200, "IDENTIFIER_INVALID")
    assert named.json() == {"success": True}


async def test_a_view_of_a_real_profile_is_whole_but_for_what_is_away(door: Door):
    write_key = await door.new_write_key()
    await door.post("/v1/identify", json={"userId": "u-9", "traits": {"level": 3}}, headers=basic(write_key))
    found = await door.get("/v1/profiles:lookup", params={"type": "user_id", "value": "u-9"}, headers=ROOT)
    profile_id = found.json()["profile"]["profile_id"]

    family = {"type": "HOUSEHOLD", "group_id": "family-1"}
    joined = await door.post(
        f"/v1/profiles/{profile_id}/groups:join", json=family, headers=ROOT | {"idempotency-key": "join"}
    )

    async def has_both() -> Any:  # at the first try, unless the machine is very busy
        view = (await door.get(f"/v1/profiles/{profile_id}/360", headers=ROOT)).json()
        return None if {"events", "memberships"} & set(view["degraded"]) else view

    view = await eventually(has_both)
    assert view["profile"]["attributes"] == {"level": 3}
    assert view["memberships"] == joined.json()["memberships"]
    assert [event["type"] for event in view["events"]] == ["IDENTIFY"]


async def test_rules_of_who_is_who_are_tried_over_http_and_change_nothing(door: Door):
    write_key = await door.new_write_key()
    email = {"type": "email", "id": "jane@mail.cn", "verified": True}
    for user_id in ("cust-1", "cust-2"):
        body = {"userId": user_id, "context": {"externalIds": [email]}}
        assert (await door.post("/v1/identify", json=body, headers=basic(write_key))).status_code == 200
    names = ("phone_proof_days", "email_proof_days", "seen_max", "seen_hours", "merges_max", "identifiers_max")
    numbers = dict(zip(names, (90, 90, 10, 24, 100, 1000), strict=True))
    two_ids = {"type": "user_id", "class": "STRONG", "rank": 1, "limit": 2}
    before = await stats(door)

    async def tried(**body: object) -> httpx.Response:
        return await door.post("/v1/identity/simulate", json=body, headers=ROOT)

    answer = (await tried(numbers=numbers, identifiers=[two_ids])).json()
    neither, both, unknown, wrong = [
        await tried(),
        await tried(numbers=numbers, version=2),
        await tried(version=7),
        await tried(numbers=numbers, identifiers=[{**two_ids, "class": "GOOD"}]),
    ]

    assert (answer["profile_count_before"], answer["profile_count_after"]) == (2, 1)
    assert {each["kind"]: each["count"] for each in answer["counts"] if each["count"]} == {"MERGE_ADDED": 1}
    assert [len(group["profile_ids"]) for group in answer["largest_groups"]] == [2]
    assert [each.status_code for each in (neither, both, unknown, wrong)] == [400, 400, 404, 400]
    assert (neither.json()["errors"][0]["pointer"], unknown.json()["type"]) == (
        "/numbers",
        "/problems/IDENTITY_RULES_NOT_FOUND",
    )
    assert wrong.json()["errors"][0]["pointer"] == "/identifiers/0/class"
    assert await stats(door) == before
