"""Everything about a person in one call, also while a part of the suite does not answer."""

import contextlib
import signal
import time

import httpx
import pytest

from tests.e2e.running import Suite
from tests.e2e.world import Json, World, elapsed
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)

VIEW_SECONDS_MAX = 4.0  # of a call it would wait longer
BACK_SECONDS = 60.0


async def views_whole(world: World, profile_id: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        answer = await world.api.call("GET", f"/v1/profiles/{profile_id}/360")
        return answer.status_code == 200 and not answer.json().get("degraded")
    return False


async def test_a_component_that_does_not_answer_is_named_and_the_rest_comes_in_time(world: World, suite: Suite):
    _, profile_id = await world.a_person(city="上海")
    await world.a_placed_order(profile_id)

    async def lacks_orders_only() -> Json | None:  # at the first try, unless the machine is very busy
        asked = time.monotonic()
        view = await world.api.get(f"/v1/profiles/{profile_id}/360")
        return view if view.get("degraded") == ["orders"] and elapsed(asked) < VIEW_SECONDS_MAX else None

    with suite.frozen("distribution"):
        view = await eventually(lacks_orders_only)

    assert view["profile"]["attributes"]["city"] == "上海"
    assert [event["type"] for event in view["events"]] == ["IDENTIFY"]
    assert len((await world.a_view(profile_id))["orders"]) == 1


async def test_c7_a_clerk_sees_where_a_person_stands_and_what_they_agree_to(world: World):
    _, profile_id = await world.a_person()
    levels = {"levels": [{"name": "silver", "threshold": 1_000}], "window": {"rolling_months": 12}}
    club = {"name": "club", "metric": {"asset_earned": "growth"}, **levels}
    created = await world.api.post("/v1/tier-programmes", club)
    place = f"/v1/tier-programmes/{created['programme']['programme_id']}/members/{profile_id}:place"
    await world.api.post(place, {"level": 1, "note": "a courtesy"})
    statement = {"purpose": "marketing", "channel": "sms", "state": "GRANTED", "source": "till"}
    await world.api.post(f"/v1/profiles/{profile_id}/consents", {"statements": [statement]})
    _, clerk = await world.keys("profile.profiles:read", "profile.consents:read", "incentive.tiers:read")

    async def lacks_what_they_may_not_see() -> Json | None:
        view = await clerk.get(f"/v1/profiles/{profile_id}/360")
        hidden = ["balances", "coupons", "memberships", "orders", "segments", "tags"]
        return view if sorted(view.get("degraded", [])) == hidden else None

    view = await eventually(lacks_what_they_may_not_see)
    assert [(tier["level"], tier["level_name"]) for tier in view["tiers"]] == [(1, "silver")]
    assert [(held["purpose"], held["channel"]) for held in view["consents"]] == [("marketing", "sms")]


async def test_a_component_that_died_is_named_until_it_is_back(world: World, suite: Suite):
    _, profile_id = await world.a_person()

    killed = suite.signal("tagging", signal.SIGKILL)
    asked = time.monotonic()
    view = await world.api.get(f"/v1/profiles/{profile_id}/360")

    assert elapsed(asked) < VIEW_SECONDS_MAX
    assert {"segments", "tags"} <= set(view["degraded"])
    await eventually(lambda: suite.pid("tagging") not in (0, killed), within=BACK_SECONDS)
    await eventually(lambda: views_whole(world, profile_id), within=BACK_SECONDS)


async def test_a_link_that_was_seen_leads_on_while_distribution_does_not_answer_and_its_visits_count(
    world: World, suite: Suite
):
    link = await world.a_link(sharer_partner_id=await world.a_guide(await world.a_store()))
    await world.a_visit(link["token"])

    with suite.frozen("distribution"):
        asked = time.monotonic()
        await world.a_visit(link["token"])
        assert elapsed(asked) < VIEW_SECONDS_MAX

    async def visits() -> int:
        return int((await world.api.get(f"/v1/ripples/{link['chain_id']}"))["ripple"]["touch_count"])

    await world.becomes(2, visits)


async def test_a_link_leads_to_the_gateway_that_the_suite_serves(world: World, suite: Suite):
    link = await world.a_link(sharer_partner_id=await world.a_guide(await world.a_store()))

    answer = await world.client.get(link["url"], follow_redirects=False)

    assert link["url"].startswith(suite.url)
    assert answer.status_code == 302


async def test_a_link_that_is_none_is_told_in_words(world: World):
    answer = await world.client.get("/s/nothing")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
