"""The 360° view: whole when it can be, honest when it cannot."""

import time

from chassis import errors
from chassis.ids import new_id
from tests.service.gateway.conftest import ROOT, Door, Start
from tests.service.gateway.peers import Components
from tests.waiting import eventually

PROFILE = str(new_id())[:-1] + "0"
URL = f"/v1/profiles/{PROFILE}/360"


async def test_a_view_holds_what_could_be_had_and_names_the_rest(start: Start):
    door = await start(view_part_s=20.0)

    response = await door.get(URL, headers=ROOT)

    view = response.json()
    assert response.status_code == 200
    assert view["profile"]["profile_id"] == PROFILE
    assert view["balances"][0]["asset"] == "points"
    assert view["degraded"] == ["tags", "segments", "tiers", "consents", "memberships", "coupons"]  # no answers


async def test_a_late_part_is_left_out_in_time(start: Start, components: Components):
    components.slow.add("ListProfileOrders")
    door = await start(view_part_s=0.2, timeout_s=60.0)

    async def comes_in_time() -> bool:  # at the first try, unless the machine is very busy
        started = time.monotonic()
        view = (await door.get(URL, headers=ROOT)).json()
        assert "orders" in view["degraded"]
        return "balances" not in view["degraded"] and time.monotonic() - started < 2

    await eventually(comes_in_time)


async def test_without_the_profile_there_is_no_view(door: Door, components: Components):
    missing = await door.get(f"/v1/profiles/{PROFILE[:-1]}f/360", headers=ROOT)
    components.failure["GetProfile"] = lambda: errors.Unavailable("down")
    down = await door.get(URL, headers=ROOT)
    odd = await door.get("/v1/profiles/x/360", headers=ROOT)

    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/PROFILE_NOT_FOUND")
    assert down.status_code == 503
    assert odd.status_code == 400


async def test_a_part_that_the_caller_may_not_see_is_not_shown(start: Start):
    door = await start(view_part_s=20.0)
    key = await door.new_key("profile.profiles:read")

    view = (await door.get(URL, headers={"authorization": f"Bearer {key}"})).json()

    assert view["profile"]["profile_id"] == PROFILE
    assert view["balances"] == []
    assert {"balances", "orders"} <= set(view["degraded"])
    assert "events" not in view["degraded"]
