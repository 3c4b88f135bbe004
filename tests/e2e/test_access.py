"""Who may do what: stores, shoppers, keys that are no longer, and requests that come again."""

import asyncio
import time

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.ids import new_id
from tests.e2e.world import Api, World, elapsed, problem
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)

STORE_SCOPES = (
    "distribution.orders:read",
    "distribution.orders:write",
    "distribution.partners:read",
    "distribution.commissions:read",
)
RETRIES = 8


def shopper(world: World, key: ECKey, profile_id: str) -> Api:
    """The API as a shopper has it."""
    claims = {"iss": "https://mall.example", "aud": "bowen", "sub": profile_id, "exp": int(time.time()) + 300}
    token = jwt.encode({"alg": "ES256", "kid": "mall"}, claims, key, algorithms=["ES256"])
    return Api(world.client, f"Bearer {token}")


# ------------------------------------------------------------------------------------------------------------ stores


async def test_a_store_sees_and_changes_only_what_is_its_own(world: World):
    ours, theirs = await world.a_store(), await world.a_store()
    guide = await world.a_guide(ours)
    _, profile_id = await world.a_person()
    _, store = await world.keys(*STORE_SCOPES, store_id=ours)
    own = str((await store.post("/v1/orders", world.an_order(profile_id)))["order"]["order_id"])
    other = await world.a_placed_order(profile_id, store_id=theirs)

    orders = (await store.get("/v1/orders"))["orders"]
    asked = (await store.call("GET", "/v1/orders", params={"store_id": theirs})).json()
    partners = (await store.get("/v1/partners"))["partners"]
    paid = await store.post(f"/v1/orders/{own}:pay")
    refusals = [
        await store.call("GET", f"/v1/orders/{other}"),
        await store.call("POST", f"/v1/orders/{other}:pay", json={}, headers={"Idempotency-Key": str(new_id())}),
        await store.call("GET", f"/v1/partners/{theirs}"),
        await store.call("POST", "/v1/orders", json={**world.an_order(profile_id, store_id=theirs), "request_id": "r"}),
        await store.call("GET", f"/v1/profiles/{profile_id}"),
        await store.call(
            "POST", "/v1/api-keys", json={"request_id": "r", "name": "n", "scopes": ["gateway.keys:write"]}
        ),
    ]

    assert [order["order_id"] for order in orders] == [own]
    assert [order["order_id"] for order in asked.get("orders", [])] in ([], [own])
    assert {partner["partner_id"] for partner in partners} == {ours, guide}
    assert paid["order"]["store_id"] == ours
    assert [refusal.status_code for refusal in refusals] == [403] * len(refusals), [r.text for r in refusals]
    assert (await world.api.get(f"/v1/orders/{other}"))["order"]["state"] == "PLACED"


async def test_a_store_cannot_tell_orders_of_others_from_orders_that_are_none(world: World):
    ours, theirs = await world.a_store(), await world.a_store()
    _, profile_id = await world.a_person()
    _, store = await world.keys(*STORE_SCOPES, store_id=ours)
    other = await world.a_placed_order(profile_id, store_id=theirs)

    not_ours = await store.call("GET", f"/v1/orders/{other}")
    nobodys = await store.call("GET", f"/v1/orders/{new_id()}")

    assert (not_ours.status_code, nobodys.status_code) in ((403, 403), (403, 404))


# ---------------------------------------------------------------------------------------------------------- shoppers


async def test_a_shopper_sees_only_the_own_profile(world: World, mall_key: ECKey):
    _, mine = await world.a_person(city="上海")
    _, others = await world.a_person()
    me = shopper(world, mall_key, mine)
    parts = ("", "/360", "/events", "/balances", "/coupons", "/orders", "/grants")

    own = [await me.call("GET", f"/v1/profiles/{mine}{part}") for part in parts]
    foreign = [await me.call("GET", f"/v1/profiles/{others}{part}") for part in parts]
    operators = await me.call("GET", "/v1/orders")

    assert [answer.status_code for answer in own] == [200] * len(parts), [answer.text for answer in own]
    assert own[1].json()["profile"]["attributes"]["city"] == "上海"
    assert [answer.status_code for answer in foreign] == [403] * len(parts)
    assert operators.status_code == 403


async def test_a_shopper_shares_as_nobody_else(world: World, mall_key: ECKey):
    _, mine = await world.a_person()
    _, others = await world.a_person()
    me = shopper(world, mall_key, mine)

    link = await me.post("/v1/share-links", {"target_url": "https://mall.example/p", "sharer_profile_id": mine})
    body = {"target_url": "https://mall.example/p", "sharer_profile_id": others, "request_id": str(new_id())}
    foreign = await me.call("POST", "/v1/share-links", json=body)

    assert link["share_link"]["sharer_profile_id"] == mine
    assert foreign.status_code == 403


async def test_a_shopper_whose_profile_was_merged_still_sees_it_and_nobody_else(world: World, mall_key: ECKey):
    browser, user_id = world.unique("browser"), world.unique("user")
    await world.send("track", anonymousId=browser, event="Product Viewed")
    loser = await world.profile_id(browser, "anonymous_id")
    await world.send("identify", userId=user_id)
    survivor = await world.profile_id(user_id)
    await world.send("identify", userId=user_id, anonymousId=browser)
    ids = {loser, survivor}
    now = await world.profile_id(user_id)

    seen = [await shopper(world, mall_key, each).call("GET", f"/v1/profiles/{each}") for each in ids]

    assert [answer.status_code for answer in seen] == [200, 200]
    assert {answer.json()["profile"]["profile_id"] for answer in seen} == {now}


async def test_a_token_that_somebody_else_signed_is_worth_nothing(world: World):
    _, mine = await world.a_person()
    forged = shopper(world, ECKey.generate_key("P-256", {"kid": "mall"}), mine)

    assert (await forged.call("GET", f"/v1/profiles/{mine}")).status_code == 401


# -------------------------------------------------------------------------------------------------------------- keys


async def test_a_revoked_key_is_refused_within_a_second_or_so(world: World):
    key_id, api = await world.keys("distribution.orders:read")
    await api.get("/v1/orders")
    made = await world.api.post("/v1/write-keys", {"name": world.unique("source"), "trust": "PUBLIC"})
    source = made["write_key"]
    event = {"userId": world.unique("user"), "event": "Seen"}
    assert (await world.send("track", source["write_key"], **event)).status_code == 200

    await world.api.post(f"/v1/api-keys/{key_id}:revoke")
    await world.api.post(f"/v1/write-keys/{source['source_id']}:revoke")
    revoked = time.monotonic()

    async def refused() -> bool:
        seconds = elapsed(revoked)
        statuses = await asyncio.gather(
            api.call("GET", "/v1/orders"), world.send("track", source["write_key"], **event)
        )
        are_refused = [answer.status_code for answer in statuses] == [401, 401]
        assert are_refused or seconds < 1, f"answered who asked {seconds} s after the revocation"
        return are_refused

    await eventually(refused)


async def test_a_key_does_what_its_scopes_say_and_makes_no_key_that_may_more(world: World):
    _, reader = await world.keys("distribution.orders:read")
    _, maker = await world.keys("gateway.keys:write", "distribution.orders:read")
    body = {"request_id": str(new_id()), "name": "more", "scopes": ["distribution.orders:write"]}

    unscoped = await reader.call("GET", "/v1/partners")
    above = await maker.call("POST", "/v1/api-keys", json=body)

    assert unscoped.status_code == 403
    assert problem(unscoped)["metadata"]["scope"] == "distribution.partners:read"
    assert above.status_code in (400, 403)


# ----------------------------------------------------------------------------------------------------------- repeats


async def test_a_repeated_request_is_answered_as_the_first_time_and_says_so(world: World):
    _, profile_id = await world.a_person()
    body, headers = world.an_order(profile_id), {"Idempotency-Key": str(new_id())}

    first = await world.api.call("POST", "/v1/orders", json=body, headers=headers)
    again = await world.api.call("POST", "/v1/orders", json=body, headers=headers)
    other = await world.api.call("POST", "/v1/orders", json=world.an_order(profile_id), headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert ("idempotency-replayed" in first.headers, again.headers.get("idempotency-replayed")) == (False, "true")
    assert other.status_code == 409
    assert problem(other)["type"] == "/problems/REQUEST_ID_REUSED"


async def test_a_refusal_is_replayed_too(world: World):
    _, profile_id = await world.a_person()
    order_id = await world.a_placed_order(profile_id)
    headers = {"Idempotency-Key": str(new_id())}

    early = await world.api.call("POST", f"/v1/orders/{order_id}:deliver", json={}, headers=headers)
    await world.step(order_id, "pay")
    again = await world.api.call("POST", f"/v1/orders/{order_id}:deliver", json={}, headers=headers)

    assert (early.status_code, again.status_code) == (422, 422)
    assert problem(again) | {"trace_id": ""} == problem(early) | {"trace_id": ""}


async def test_eight_retries_at_once_place_one_order(world: World):
    _, profile_id = await world.a_person()
    body = world.an_order(profile_id)

    orders = await eight(world, "/v1/orders", body)

    assert len({order["order"]["order_id"] for order in orders}) == 1
    found = (await world.api.get(f"/v1/profiles/{profile_id}/orders"))["orders"]
    assert len(found) == 1


async def test_eight_retries_at_once_issue_one_coupon_and_redeem_it_once(world: World):
    _, profile_id = await world.a_person()
    template_id = await world.a_template()

    issued = await eight(world, f"/v1/coupon-templates/{template_id}/coupons", {"profile_id": profile_id})
    code = issued[0]["coupon"]["code"]
    used = await eight(world, f"/v1/coupons/{code}:redeem", {"order_reference": "o-1", "order_minor": 10_000})

    assert len({answer["coupon"]["coupon_id"] for answer in issued}) == 1
    assert {answer["coupon"]["state"] for answer in used} == {"REDEEMED"}
    template = (await world.api.get(f"/v1/coupon-templates/{template_id}"))["coupon_template"]
    assert (template["issued_count"], template["redeemed_count"]) == (1, 1)


async def test_eight_retries_at_once_make_one_campaign(world: World):
    name = world.unique("campaign")
    body = {
        "name": name,
        "trigger": {"event_name": world.unique("event")},
        "reward": {"asset": "points", "fixed": 1},
        "budget": 10,
        "start_time": "2026-01-01T00:00:00Z",
        "end_time": "2036-01-01T00:00:00Z",
    }

    made = await eight(world, "/v1/campaigns", body)

    assert len({answer["campaign"]["campaign_id"] for answer in made}) == 1


async def test_eight_different_redemptions_at_once_use_a_coupon_once(world: World):
    _, profile_id = await world.a_person()
    template_id = await world.a_template()
    issued = await world.api.post(f"/v1/coupon-templates/{template_id}/coupons", {"profile_id": profile_id})
    path = f"/v1/coupons/{issued['coupon']['code']}:redeem"

    answers = await asyncio.gather(
        *(
            world.api.call(
                "POST", path, json={"order_reference": f"o-{n}", "order_minor": 1, "request_id": str(new_id())}
            )
            for n in range(RETRIES)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [422] * (RETRIES - 1)


async def eight(world: World, path: str, body: dict[str, object]) -> list[dict[str, dict[str, str]]]:
    """Send the same request eight times at once, as a client that lost patience; a conflict is asked again."""
    key = str(new_id())

    async def one() -> dict[str, dict[str, str]]:
        while True:
            answer = await world.api.call("POST", path, json=body, headers={"Idempotency-Key": key})
            if answer.status_code != 409:
                assert answer.is_success, answer.text
                return dict(answer.json())
            assert problem(answer)["type"] in ("/problems/REQUEST_IN_PROGRESS", "/problems/CONFLICT"), answer.text

    async with asyncio.timeout(60):
        return list(await asyncio.gather(*(one() for _ in range(RETRIES))))
