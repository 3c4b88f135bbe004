"""From a friend's link to points, commission and back, over the whole suite."""

from typing import Any

import pytest

from chassis.ids import new_id
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


def visited(window: str = "1d") -> dict[str, Any]:
    return {
        "v": 1,
        "event": {"name": "Product Viewed", "window": {"last": window}, "agg": "count", "op": "ge", "value": 2},
    }


async def test_a_shared_link_becomes_points_and_commission_and_a_refund_takes_both_back(world: World):
    store_id = await world.a_store()
    guide_id = await world.a_guide(store_id)
    await world.a_plan()
    tag = await world.a_tag()
    await world.a_rule(tag, visited())
    segment_id = await world.a_segment(tag)
    welcome = await world.a_campaign({"segment_id": segment_id}, {"fixed": 88}, rewards_per_profile_max=1)
    buying = await world.a_campaign({"order_paid": {}}, {"order_rate_bp": 100})
    link = await world.a_link(sharer_partner_id=guide_id)
    user_id = world.unique("user")

    # A shopper follows the link and looks around without saying who they are, and then says so.
    touch_id, visitor = await world.a_visit(link["token"])
    for _ in range(2):
        assert (await world.send("track", anonymousId=visitor, event="Product Viewed")).status_code == 200
    assert (await world.send("identify", userId=user_id, traits={"city": "上海"})).status_code == 200
    known = await world.profile_id(user_id)
    anonymous = await world.profile_id(visitor, "anonymous_id")
    assert known != anonymous
    assert (await world.send("identify", userId=user_id, anonymousId=visitor)).status_code == 200
    profile_id = await world.profile_id(user_id)
    assert await world.profile_id(visitor, "anonymous_id") == profile_id
    merges = (await world.api.get(f"/v1/profiles/{profile_id}/merges"))["merges"]
    assert [{merge["survivor_id"], merge["loser_id"]} for merge in merges] == [{known, anonymous}]

    # The visits tag the person, the tag puts them into the segment, the segment gives points.
    async def segments() -> list[str]:
        answer = await world.api.get(f"/v1/profiles/{profile_id}/segments")
        return [segment["segment_id"] for segment in answer["segments"]]

    async def grants() -> list[tuple[str, int, int]]:
        found = (await world.api.get(f"/v1/profiles/{profile_id}/grants"))["grants"]
        return sorted((grant["campaign_id"], grant["amount"], grant["reversed_amount"]) for grant in found)

    await world.becomes([segment_id], segments)
    await world.becomes([(welcome, 88, 0)], grants)

    # They buy: the guide whose link they followed is credited, and they earn points on what they paid.
    order_id = await world.a_placed_order(profile_id, store_id=store_id)
    paid = await world.step(order_id, "pay")
    credit = paid["attribution"]
    assert (credit["step"], credit["partner_id"], credit["touch_id"]) == ("LAST_CLICK", guide_id, touch_id)
    await world.becomes(sorted([(welcome, 88, 0), (buying, 100, 0)]), grants)
    assert await world.points(profile_id) == 188

    # Delivered: commission is due and posted to the ledger, to the guide and to the store above.
    await world.step(order_id, "deliver")

    async def commissions() -> list[tuple[str, int, int, str, bool]]:
        found = (await world.api.get("/v1/commissions", order_id=order_id))["commissions"]
        return sorted(
            (each["share"], each["amount_minor"], each["reversed_minor"], each["state"], each["posted"])
            for each in found
        )

    async def earned(partner_id: str) -> int:
        return await world.balance(f"partner/{partner_id}/pending", "commission.CNY") + await world.balance(
            f"partner/{partner_id}/available", "commission.CNY"
        )

    await world.becomes([("PARENT", 200, 0, "ACCRUED", True), ("SELLER", 1000, 0, "ACCRUED", True)], commissions)
    assert (await earned(guide_id), await earned(store_id)) == (1000, 200)
    ripple = (await world.api.get(f"/v1/ripples/{link['chain_id']}"))["ripple"]
    assert (ripple["touch_count"], ripple["visitor_count"], ripple["order_count"]) == (1, 1, 1)

    view = await world.a_view(profile_id)
    assert view["profile"]["profile_id"] == profile_id
    assert view["profile"]["attributes"]["city"] == "上海"
    assert [each["key"] for each in view["tags"]] == [tag["key"]]
    assert [each["segment_id"] for each in view["segments"]] == [segment_id]
    assert [(each["asset"], each["available"]) for each in view["balances"]] == [("points", 188)]
    assert [each["order_id"] for each in view["orders"]] == [order_id]
    sent = sorted(each["type"] for each in view["events"] if each["type"] != "HAPPENING")
    assert sent == ["IDENTIFY", "IDENTIFY", "TRACK", "TRACK"]

    # They send it back: what followed from the purchase goes, what they earned before stays.
    refunded = await world.step(order_id, "refund")
    assert (refunded["state"], refunded["refunded_minor"]) == ("REFUNDED", 10_000)
    await world.becomes([("PARENT", 200, 200, "REVERSED", True), ("SELLER", 1000, 1000, "REVERSED", True)], commissions)
    await world.becomes(sorted([(welcome, 88, 0), (buying, 100, 100)]), grants)
    assert await world.points(profile_id) == 88
    assert (await earned(guide_id), await earned(store_id)) == (0, 0)
    await world.balances_are_sound()
    await world.api.post(f"/v1/campaigns/{buying}:pause")


async def test_an_order_of_the_segment_wire_is_an_order_like_any_other(world: World):
    user_id, profile_id = await world.a_person()
    number = world.unique("order")
    content = {
        "order_id": number,
        "currency": "CNY",
        "products": [{"product_id": "sku-1", "price": 12.34, "quantity": 2}],
    }
    event = {"userId": user_id, "event": "Order Completed", "properties": content, "messageId": str(new_id())}

    for _ in range(2):
        assert (await world.send("track", **event)).status_code == 200

    async def orders() -> list[tuple[str, int, str]]:
        found = (await world.api.get(f"/v1/profiles/{profile_id}/orders"))["orders"]
        return [(order["order_number"], order["net_minor"], order["state"]) for order in found]

    await world.becomes([(number, 2468, "PAID")], orders)


async def test_people_who_turn_out_to_be_one_have_one_balance(world: World):
    campaign = await world.a_campaign({"event_name": world.unique("Shared")}, {"fixed": 5})
    name = (await world.api.get(f"/v1/campaigns/{campaign}"))["campaign"]["trigger"]["event_name"]
    browser, user_id = world.unique("browser"), world.unique("user")
    await world.send("track", anonymousId=browser, event=name)
    await world.send("track", userId=user_id, event=name)
    first, second = await world.profile_id(browser, "anonymous_id"), await world.profile_id(user_id)
    await world.becomes(5, world.points, first)
    await world.becomes(5, world.points, second)

    await world.send("identify", userId=user_id, anonymousId=browser)

    assert await world.profile_id(browser, "anonymous_id") == await world.profile_id(user_id)
    await world.becomes(10, world.points, first)
    await world.becomes(10, world.points, second)
    await world.balances_are_sound()
