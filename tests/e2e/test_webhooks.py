"""A campaign's webhook on its whole way: order, reward, maturity, NATS, the signed post."""

import json
from datetime import UTC, datetime, timedelta

from tests.e2e.world import FOLLOWS, World
from tests.receiving import receiver
from tests.waiting import eventually


async def test_a_paid_order_is_posted_to_the_brands_own_system(world: World) -> None:
    now = datetime.now(UTC)
    async with receiver() as crm:
        endpoint = await world.api.post("/v1/webhook-endpoints", {"name": world.unique("CRM"), "url": crm.url})
        endpoint_id = endpoint["endpoint"]["endpoint_id"]
        webhook = {"webhook": {"endpoint_id": endpoint_id, "type": "order.thanks"}, "maturity": {"base": "PAID"}}
        terms = {
            "trigger": {"order_paid": {"net_minor_min": 5_000}},
            "effects": [webhook],
            "start_time": (now - timedelta(hours=1)).isoformat(),
            "end_time": (now + timedelta(days=1)).isoformat(),
        }
        body = {"name": world.unique("campaign"), "terms": terms, "budget": 1_000}
        campaign_id = (await world.api.post("/v1/campaigns", body))["campaign"]["campaign_id"]
        await world.api.post(f"/v1/campaigns/{campaign_id}:start")
        _, profile_id = await world.a_person()

        order_id = await world.a_placed_order(profile_id)
        await world.step(order_id, "pay")
        await eventually(lambda: crm.posts, within=FOLLOWS)

    (post,) = crm.posts
    told = json.loads(post.body)
    assert told["type"] == "order.thanks"
    expected = {"campaign_id": campaign_id, "profile_id": profile_id, "cause": order_id}
    assert {name: told["data"][name] for name in expected} == expected
    (grant,) = (await world.api.get(f"/v1/profiles/{profile_id}/grants"))["grants"]
    assert (grant["endpoint_id"], grant["grant_id"]) == (endpoint_id, told["data"]["grant_id"])
