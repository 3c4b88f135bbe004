"""Two people are taken for one, by an event, and are two again: over HTTP, in every component (spec people B10)."""

from typing import Any

import pytest

from tests.e2e.world import Json, World

pytestmark = pytest.mark.timeout(180)


async def stands(world: World, profile_id: str) -> Json:
    """What is known of a person, but for when."""
    view = await world.a_view(profile_id)
    return {
        "profile_id": view["profile"]["profile_id"],
        "attributes": view["profile"].get("attributes", {}),
        "tags": sorted(tag["key"] for tag in view.get("tags", [])),
        "segments": sorted(segment["segment_id"] for segment in view.get("segments", [])),
        "points": {line["asset"]: line["available"] for line in view.get("balances", []) if line["available"]},
        "orders": sorted(order["order_id"] for order in view.get("orders", [])),
        "events": sorted(event["message_id"] for event in view.get("events", []) if event["message_id"]),
    }


async def both(world: World, profile_ids: list[str]) -> list[Json]:
    return [await stands(world, profile_id) for profile_id in profile_ids]


async def settled(world: World, profile_ids: list[str], expected: list[dict[str, Any]]) -> None:
    """Wait until what is expected of each of them is so."""

    async def seen() -> list[dict[str, Any]]:
        found = await both(world, profile_ids)
        return [{name: each[name] for name in wanted} for each, wanted in zip(found, expected, strict=True)]

    await world.becomes(expected, seen)


async def test_b10_who_was_merged_by_an_event_has_everything_back_when_the_merge_is_undone(world: World):
    viewed, vip = await world.a_tag(), await world.a_tag()
    name = world.unique("Viewed")
    await world.a_rule(viewed, {"v": 1, "event": {"name": name, "agg": "count", "op": "ge", "value": 2}})
    viewers, vips = await world.a_segment(viewed), await world.a_segment(vip)
    await world.a_campaign({"event_name": name}, {"fixed": 5})
    browser, user_id = world.unique("browser"), world.unique("user")
    for _ in range(2):
        await world.send("track", anonymousId=browser, event=name)
    await world.send("identify", userId=user_id, traits={"city": "上海"})
    await world.send("track", userId=user_id, event=name)
    people = [await world.profile_id(browser, "anonymous_id"), await world.profile_id(user_id)]
    await world.api.post(f"/v1/profiles/{people[1]}/tags", {"tag_id": vip["tag_id"]})
    orders = [await world.a_placed_order(profile_id) for profile_id in people]
    await settled(
        world,
        people,
        [
            {"tags": [viewed["key"]], "segments": [viewers], "points": {"points": 10}, "orders": [orders[0]]},
            {"tags": [vip["key"]], "segments": [vips], "points": {"points": 5}, "orders": [orders[1]]},
        ],
    )
    before = await both(world, people)

    link = await world.send("identify", userId=user_id, anonymousId=browser, messageId=world.unique("link"))
    assert link.status_code == 200
    survivor = await world.profile_id(browser, "anonymous_id")
    union = {
        "profile_id": survivor,
        "tags": sorted([viewed["key"], vip["key"]]),
        "segments": sorted([viewers, vips]),
        "points": {"points": 15},
        "orders": sorted(orders),
    }
    await settled(world, people, [union, union])
    [merge] = (await world.api.get(f"/v1/profiles/{survivor}/merges"))["merges"]
    for _ in range(2):
        undone = await world.api.post(f"/v1/merges/{merge['merge_id']}:undo", {"note": "two people, one tablet"})
        assert [each["merge_id"] for each in undone["merges"]] == [merge["merge_id"]]
        as_before = [{field: each[field] for field in each if field != "events"} for each in before]
        await settled(world, people, as_before)

    for was, now in zip(before, await both(world, people), strict=True):
        assert [each for each in now["events"] if "link-" not in each] == was["events"]
    await world.balances_are_sound()
