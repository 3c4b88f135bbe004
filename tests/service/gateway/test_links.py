"""Short links: where they lead, who came, and that they answer whatever is down."""

from urllib.parse import parse_qs, urlsplit

from chassis import errors
from tests.service.gateway.conftest import Door, Start
from tests.service.gateway.peers import LINK, Components
from tests.waiting import eventually

MISSING = "B" * 22


async def recorded(components: Components, count: int) -> list:
    def touches() -> list:
        return [touch for request in components.asked("RecordTouches") for touch in request.touches]

    await eventually(lambda: len(touches()) >= count)
    return touches()


async def test_a_link_leads_to_its_target_with_the_visit_s_marks(door: Door, components: Components):
    response = await door.get(f"/s/{LINK}")

    assert response.status_code == 302
    target = urlsplit(response.headers["location"])
    query = parse_qs(target.query)
    assert (target.netloc, target.path, target.fragment) == ("mall.example", "/p/1", "top")
    assert query["colour"] == ["red"]
    touch = (await recorded(components, 1))[0]
    assert query["bowen_touch"] == [touch.touch_id]
    assert query["bowen_visitor"] == [touch.visitor_id]
    assert response.cookies["bowen_vid"] == touch.visitor_id
    assert response.headers["cache-control"] == "no-store"
    assert components.callers("RecordTouches")[0].principal == "service:gateway"


async def test_a_known_visitor_keeps_the_name(door: Door, components: Components):
    door.cookies.clear()

    named = await door.get(f"/s/{LINK}?v=from-link")
    await door.get(f"/s/{LINK}?v=from-link", headers={"cookie": "ajs_anonymous_id=%22segment-1%22"})
    door.cookies.clear()
    await door.get(f"/s/{LINK}?v=from-link", headers={"cookie": "bowen_vid=mine; ajs_anonymous_id=other"})
    door.cookies.clear()
    await door.get(f"/s/{LINK}?v=<script>", headers={"cookie": "bowen_vid={}"})

    visitors = [touch.visitor_id for touch in await recorded(components, 4)]
    assert visitors[:3] == ["from-link", "segment-1", "mine"]
    assert len(visitors[3]) == 36
    assert "set-cookie" not in named.headers


async def test_a_look_or_a_fetch_ahead_is_no_visit(door: Door, components: Components):
    head = await door.head(f"/s/{LINK}")
    ahead = await door.get(f"/s/{LINK}", headers={"sec-purpose": "prefetch"})
    await door.get(f"/s/{LINK}")

    assert (head.status_code, ahead.status_code) == (302, 302)
    assert len(await recorded(components, 1)) == 1


async def test_an_unknown_link_is_a_404_page(door: Door):
    for token in (MISSING, "x" * 65, "no-such", "%2e%2e", "https:%2f%2fevil.example"):
        response = await door.get(f"/s/{token}")
        assert response.status_code == 404
        assert response.headers["content-type"].startswith("text/html")


async def test_a_link_leads_to_allowed_hosts_only(start: Start, components: Components):
    components.links[MISSING] = "https://evil.example/"
    components.links["C"] = "javascript:alert(1)"
    door = await start(link_hosts=("mall.example",))

    assert (await door.get(f"/s/{LINK}")).status_code == 302
    assert (await door.get(f"/s/{MISSING}")).status_code == 404
    assert (await door.get("/s/C")).status_code == 404


async def test_a_target_beyond_ascii_is_encoded(door: Door, components: Components):
    components.links["D"] = "https://mall.example/商品?q=波纹&x=%20"

    location = (await door.get("/s/D")).headers["location"]

    assert location.isascii()
    assert location.startswith("https://mall.example/%E5%95%86%E5%93%81?q=%E6%B3%A2%E7%BA%B9&x=%20&bowen_touch=")


async def test_a_known_link_answers_while_distribution_is_down_and_no_visit_is_lost(door: Door, components: Components):
    await door.get(f"/s/{LINK}")
    await recorded(components, 1)
    components.failure["GetShareLink"] = lambda: errors.Unavailable("down")
    components.failure["RecordTouches"] = lambda: errors.Unavailable("down")

    known = [(await door.get(f"/s/{LINK}")).status_code for _ in range(20)]
    unknown = await door.get(f"/s/{MISSING}")
    await eventually(lambda: len(components.asked("RecordTouches")) > 1)
    components.failure.clear()

    assert known == [302] * 20
    assert (unknown.status_code, unknown.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert int(unknown.headers["retry-after"]) >= 1
    await eventually(lambda: len(door.gateway.touches) == 0)
    touches = {touch.touch_id for touch in await recorded(components, 21)}
    assert len(touches) == 21


async def test_a_visit_that_is_refused_does_not_hold_up_the_others(door: Door, components: Components):
    components.failure["RecordTouches"] = lambda: errors.InvalidArgument("touches[0].token", "is odd")

    for _ in range(3):
        await door.get(f"/s/{LINK}")

    await eventually(lambda: components.asked("RecordTouches") and len(door.gateway.touches) == 0)
    assert (await door.get(f"/s/{LINK}")).status_code == 302


async def test_visits_beyond_the_queue_are_counted_as_lost(start: Start, components: Components):
    components.slow.add("RecordTouches")
    door = await start(touches_max=3)

    answers = [(await door.get(f"/s/{LINK}")).status_code for _ in range(5)]

    assert answers == [302] * 5
    assert door.gateway.touches.lost == 2
    components.release.set()


async def test_what_is_wrong_with_a_request_is_no_outage(door: Door):
    odd = await door.get(f"/s/{LINK}?v=%ff")
    now = await door.get(f"/s/{LINK}", headers={"bowen-now": "2026-01-01T00:00:00Z"})

    assert odd.status_code == 302
    assert now.status_code == 400
    assert now.headers["content-type"].startswith("text/html")


async def test_a_target_that_is_no_address_leads_nowhere(door: Door, components: Components):
    for number, target in enumerate(("https://[", "http:///x", "https://?x", "https://a\u2100b.example/")):
        components.links[f"E{number}"] = target
        assert (await door.get(f"/s/E{number}")).status_code == 404
