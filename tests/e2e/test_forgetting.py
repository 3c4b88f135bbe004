"""A person asks what is held of them, and then to be forgotten: over HTTP, by every component."""

import hashlib
import json

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


async def state(world: World, request_id: str) -> str:
    return str((await world.api.get(f"/v1/privacy/requests/{request_id}"))["privacy_request"]["state"])


async def ask(world: World, **fields: object) -> str:
    return str((await world.api.post("/v1/privacy/requests", fields))["privacy_request"]["privacy_request_id"])


async def test_a_person_is_told_and_then_forgotten_by_every_component(world: World):
    user_id, profile_id = await world.a_person(city="上海", phone="13812345678")
    order_id = await world.a_placed_order(profile_id)
    told = await ask(world, type="ACCESS", profile_id=profile_id)
    await world.becomes("COMPLETED", state, world, told)

    manifest = await world.api.get(f"/v1/privacy/requests/{told}/bundle")
    kinds = set()
    for part in manifest["parts"]:
        found = await world.api.get(f"/v1/privacy/requests/{told}/bundle/{part['service']}/{part['number']}")
        assert hashlib.sha256(found["lines"].encode()).hexdigest() == part["sha256"]
        kinds |= {(part["service"], json.loads(line)["kind"]) for line in found["lines"].splitlines()}
    assert {("profile", "profile"), ("profile", "event"), ("distribution", "order")} <= kinds

    erased = await ask(world, type="ERASE", identifier={"type": "user_id", "value": user_id})
    await world.becomes("COMPLETED", state, world, erased)

    gone = await world.api.call("GET", f"/v1/profiles/{profile_id}")
    order = (await world.api.get(f"/v1/orders/{order_id}"))["order"]
    again = await world.send("identify", userId=user_id)
    assert gone.status_code == 404
    assert order["profile_id"] != profile_id
    assert again.status_code == 200
    assert again.json()["rejected"][0]["code"] == "IDENTIFIER_SUPPRESSED"
