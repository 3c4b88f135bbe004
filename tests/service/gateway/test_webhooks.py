"""Webhooks from an endpoint's making to the last attempt, with a real receiver."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bowen.incentive.v1.events_pb2 import WebhookMatured
from bowen.profile.v1.events_pb2 import ProfileErased

from chassis.consumer import Delivery
from chassis.db import driver
from chassis.errors import Unavailable
from chassis.ids import new_id
from chassis.stamps import stamp
from gateway.webhooks import consumers, queue
from gateway.webhooks.domain import DELAYS, sign
from tests.receiving import Post, Receiver, receiver
from tests.service.gateway.conftest import ROOT, Door, Start
from tests.service.gateway.peers import Components
from tests.waiting import eventually

SETTINGS = {"secrets_key": "k" * 32, "webhooks_anywhere": True}
ENDPOINTS, DELIVERIES = "/v1/webhook-endpoints", "/v1/webhook-deliveries"


@pytest.fixture
async def door(start: Start) -> Door:
    opened: Door = await start(**SETTINGS)
    return opened


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as there:
        yield there


async def ask(door: Door, path: str, key: str = "", **body: Any) -> Any:
    answer = await door.post(path, json=body, headers={**ROOT, "idempotency-key": key or str(new_id())})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def an_endpoint(door: Door, there: Receiver) -> tuple[str, str]:
    made = await ask(door, ENDPOINTS, name="CRM", url=there.url)
    return made["endpoint"]["endpoint_id"], made["secret"]


async def deliveries(door: Door, **asked: str) -> list[dict[str, Any]]:
    return list((await door.get(DELIVERIES, params=asked, headers=ROOT)).json()["deliveries"])


async def the_delivery(door: Door, status: str) -> dict[str, Any]:
    """The only one, once it stands so."""

    async def found() -> Any:
        return [each for each in await deliveries(door) if each["status"] == status]

    (delivery,) = await eventually(found)
    return dict((await door.get(f"{DELIVERIES}/{delivery['delivery_id']}", headers=ROOT)).json())


async def rows(door: Door, statement: str, *arguments: object) -> Any:
    return await door.db.transact(lambda tx: _rows(tx, statement, *arguments))


async def _rows(tx: Any, statement: str, *arguments: object) -> Any:
    return await (await driver(tx)).fetch(statement, *arguments)


async def be_due(door: Door) -> None:
    """What waits for its next attempt is due now."""
    await rows(door, "UPDATE webhook_delivery SET next_time = now() - interval '1 second' WHERE status = 1")


def signed_by(post: Post, *secrets: str) -> bool:
    time = datetime.fromtimestamp(int(post.headers["webhook-timestamp"])).astimezone()
    return all(
        post.headers[name] == text for name, text in sign(secrets, post.headers["webhook-id"], time, post.body).items()
    )


def a_call(endpoint_id: str, profile_id: str = "") -> WebhookMatured:
    return WebhookMatured(
        grant_id=str(new_id()),
        endpoint_id=endpoint_id,
        type="member.welcome",
        campaign_id=str(new_id()),
        campaign_version=2,
        profile_id=profile_id or str(new_id()),
        cause=str(new_id()),
        grant_time=stamp(datetime.fromisoformat("2026-06-20T04:00:00Z")),
        mature_time=stamp(datetime.fromisoformat("2026-06-27T04:00:00Z")),
    )


async def hear(door: Door, *facts: Any) -> None:
    matured = isinstance(facts[0], WebhookMatured)
    handler: Callable[..., Any] = consumers.on_webhook_matured if matured else consumers.on_profile_erased
    now = datetime.now().astimezone()
    await door.db.transact(lambda tx: handler(tx, [Delivery(new_id(), fact, now, now) for fact in facts]))


async def test_a_reward_that_matured_is_posted_signed_and_listed(door: Door, there: Receiver) -> None:
    endpoint_id, secret = await an_endpoint(door, there)

    await hear(door, call := a_call(endpoint_id))

    shown = await the_delivery(door, "DELIVERED")
    (post,) = there.posts
    assert post.path == "/hooks?brand=1"
    assert signed_by(post, secret)
    assert post.headers["webhook-id"] == f"msg_{call.grant_id}" == shown["delivery"]["message_id"]
    assert json.loads(post.body) | {"timestamp": ""} == {
        "type": "member.welcome",
        "timestamp": "",
        "data": {
            "grant_id": call.grant_id,
            "campaign_id": call.campaign_id,
            "campaign_version": 2,
            "profile_id": call.profile_id,
            "cause": call.cause,
            "level": 0,
            "grant_time": "2026-06-20T04:00:00+00:00",
            "mature_time": "2026-06-27T04:00:00+00:00",
        },
    }
    assert [(each["status_code"], each["error"]) for each in shown["attempts"]] == [(204, "")]
    assert await deliveries(door, status="PENDING") == await deliveries(door, endpoint_id=str(new_id())) == []


async def test_what_fails_is_tried_again_under_the_same_id_and_then_given_up_and_posted_anew(
    door: Door, there: Receiver
) -> None:
    endpoint_id, _ = await an_endpoint(door, there)
    there.status = lambda _: 302  # which is not followed
    await ask(door, f"{ENDPOINTS}/{endpoint_id}:test")

    for attempts in range(1, len(DELAYS) + 2):
        await eventually(lambda attempts=attempts: len(there.posts) == attempts)
        (waits,) = await eventually(lambda: deliveries(door))
        await eventually(lambda attempts=attempts: _is_noted(door, attempts))
        await be_due(door)
    failed = await the_delivery(door, "FAILED")

    assert len({post.headers["webhook-id"] for post in there.posts}) == 1
    assert [each["status_code"] for each in failed["attempts"]] == [302] * 8
    there.status = lambda _: 200
    again = await ask(door, f"{DELIVERIES}:redeliver", endpoint_id=endpoint_id)
    assert again["delivery_count"] == 1
    delivered = await the_delivery(door, "DELIVERED")
    assert delivered["delivery"]["attempt_count"] == 9
    assert (await ask(door, f"{DELIVERIES}:redeliver", endpoint_id=endpoint_id))["delivery_count"] == 0
    one = {"delivery_id": waits["delivery_id"]}
    assert (await ask(door, f"{DELIVERIES}:redeliver", **one))["delivery_count"] == 1
    await eventually(lambda: len(there.posts) == 10)


async def _is_noted(door: Door, attempts: int) -> bool:
    return len(await rows(door, "SELECT FROM webhook_attempt")) == attempts


async def test_an_endpoint_that_is_gone_is_disabled_and_what_is_due_waits_until_it_is_enabled(
    door: Door, there: Receiver
) -> None:
    endpoint_id, _ = await an_endpoint(door, there)
    there.status = lambda _: 410
    await hear(door, a_call(endpoint_id))
    await the_delivery(door, "FAILED")

    shown = (await door.get(f"{ENDPOINTS}/{endpoint_id}", headers=ROOT)).json()["endpoint"]
    assert shown["disable_time"]
    there.status = lambda _: 204
    await hear(door, a_call(endpoint_id))
    enabled = await ask(door, f"{ENDPOINTS}/{endpoint_id}:enable")

    assert "disable_time" not in enabled["endpoint"]
    await the_delivery(door, "DELIVERED")
    assert len(there.posts) == 2


async def test_a_new_secret_signs_beside_the_old_one_and_neither_is_shown_again(door: Door, there: Receiver) -> None:
    made = await ask(door, ENDPOINTS, "make it", name="CRM", url=there.url)
    endpoint_id = made["endpoint"]["endpoint_id"]
    rotated = await ask(door, f"{ENDPOINTS}/{endpoint_id}:rotate-secret", "rotate it")

    await ask(door, f"{ENDPOINTS}/{endpoint_id}:test")
    await the_delivery(door, "DELIVERED")
    assert signed_by(there.posts[0], rotated["secret"], made["secret"])
    await rows(door, "UPDATE webhook_endpoint SET overlap_end_time = now()")
    await ask(door, f"{ENDPOINTS}/{endpoint_id}:test")
    await eventually(lambda: len(there.posts) == 2)
    assert signed_by(there.posts[1], rotated["secret"])

    assert not (await ask(door, ENDPOINTS, "make it", name="CRM", url=there.url))["secret"]
    assert not (await ask(door, f"{ENDPOINTS}/{endpoint_id}:rotate-secret", "rotate it"))["secret"]
    kept = str(await rows(door, "SELECT * FROM webhook_endpoint, idempotency"))
    assert made["secret"] not in kept
    assert rotated["secret"] not in kept


async def test_a_slow_endpoint_delays_itself_only(door: Door, there: Receiver) -> None:
    slow = await ask(door, ENDPOINTS, name="slow", url=there.url + "&slow=1")
    there.status = lambda post: None if "slow" in post.path else 204
    endpoint_id, _ = await an_endpoint(door, there)

    await hear(door, *(a_call(slow["endpoint"]["endpoint_id"]) for _ in range(20)))
    await eventually(lambda: len(there.posts) == 8)  # at once, and no more
    await hear(door, a_call(endpoint_id))

    await the_delivery(door, "DELIVERED")
    assert len(there.posts) == 9


async def test_two_replicas_post_once_and_what_a_dead_one_began_is_posted_by_another(
    start: Start, there: Receiver
) -> None:
    first, second = await start(**SETTINGS), await start(**SETTINGS)
    endpoint_id, _ = await an_endpoint(first, there)
    await hear(first, *(a_call(endpoint_id) for _ in range(30)))

    async def all_delivered() -> bool:
        return len(await deliveries(second, status="DELIVERED")) == 30

    await eventually(all_delivered)
    assert len(there.posts) == len({post.headers["webhook-id"] for post in there.posts}) == 30

    now = datetime.now().astimezone()  # a replica takes one, posts it, and dies before it notes that
    await ask(first, f"{ENDPOINTS}/{endpoint_id}:disable")
    await hear(first, a_call(endpoint_id))
    await ask(first, f"{ENDPOINTS}/{endpoint_id}:enable")

    async def all_again() -> bool:
        return len(await deliveries(second, status="DELIVERED")) == 31

    await first.db.transact(lambda tx: queue.claim(tx, now, now - timedelta(seconds=1), each_max=9, busy=()))
    await eventually(all_again)


async def test_what_is_posted_about_a_person_is_forgotten_with_the_person(door: Door, there: Receiver) -> None:
    endpoint_id, _ = await an_endpoint(door, there)
    person, other = str(new_id()), str(new_id())
    await ask(door, f"{ENDPOINTS}/{endpoint_id}:disable")
    await hear(door, a_call(endpoint_id, person), a_call(endpoint_id, other))

    await hear(door, ProfileErased(profile_id=person, profile_ids=[person]))
    await hear(door, a_call(endpoint_id, person))
    await ask(door, f"{ENDPOINTS}/{endpoint_id}:enable")

    await the_delivery(door, "DELIVERED")
    assert [json.loads(post.body)["data"]["profile_id"] for post in there.posts] == [other]
    assert (await ask(door, f"{DELIVERIES}:redeliver", endpoint_id=endpoint_id))["delivery_count"] == 0
    assert person not in str(await rows(door, "SELECT * FROM webhook_delivery"))


async def test_a_call_of_an_endpoint_that_is_not_there_is_told(door: Door) -> None:
    await hear(door, a_call(str(new_id())))

    (failed,) = await deliveries(door, status="FAILED")

    assert (failed["reason"], failed["attempt_count"]) == ("ENDPOINT_UNKNOWN", 0)


async def test_what_is_over_is_forgotten_after_its_time_and_what_waits_is_not(door: Door, there: Receiver) -> None:
    endpoint_id, _ = await an_endpoint(door, there)
    await hear(door, a_call(endpoint_id), a_call(str(new_id())))
    await the_delivery(door, "DELIVERED")
    await ask(door, f"{ENDPOINTS}/{endpoint_id}:disable")
    await hear(door, a_call(endpoint_id))
    now = datetime.now().astimezone()

    kept = await door.db.transact(lambda tx: queue.forget(tx, now - timedelta(hours=1), 10))
    gone = await door.db.transact(lambda tx: queue.forget(tx, now + timedelta(hours=1), 10))

    assert (kept, gone) == (0, 2)
    assert [each["status"] for each in await deliveries(door)] == ["PENDING"]
    assert await rows(door, "SELECT FROM webhook_attempt") == []


async def test_addresses_inside_and_nowhere_are_refused_and_change_nothing(start: Start) -> None:
    door = await start(secrets_key="k" * 32)
    inside = [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://10.0.0.8:8443/",
    ]

    for url in (*inside, "https://nowhere.invalid/", f"https://{'a' * 64}.example/"):
        answer = await door.post(ENDPOINTS, json={"name": "x", "url": url}, headers={**ROOT, "idempotency-key": "k"})

        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/WEBHOOK_URL_REFUSED"), url
        assert answer.json()["errors"][0]["pointer"] == "/url"
    assert (await door.get(ENDPOINTS, headers=ROOT)).json()["endpoints"] == []


async def test_a_host_that_turned_inside_is_not_posted_to(start: Start, there: Receiver) -> None:
    door = await start(secrets_key="k" * 32)
    made = await ask(door, ENDPOINTS, name="CRM", url="https://1.1.1.1/hooks")
    await rows(door, "UPDATE webhook_endpoint SET url = $1", there.url.replace("127.0.0.1", "localhost"))

    await ask(door, f"{ENDPOINTS}/{made['endpoint']['endpoint_id']}:test")
    await eventually(lambda: _is_noted(door, 1))

    shown = await the_delivery(door, "PENDING")
    assert [(each["status_code"], each["error"]) for each in shown["attempts"]] == [(0, "ADDRESS_REFUSED")]
    assert there.posts == []


async def test_without_a_key_for_secrets_no_endpoint_is_made(start: Start, there: Receiver) -> None:
    door = await start(webhooks_anywhere=True)
    headers = {**ROOT, "idempotency-key": "k"}

    answer = await door.post(ENDPOINTS, json={"name": "x", "url": there.url}, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/WEBHOOK_SECRETS_OFF")


async def test_pipl_23_who_did_not_agree_is_not_told_of_to_others(
    door: Door, there: Receiver, components: Components
) -> None:
    made = await ask(door, ENDPOINTS, name="partner", url=there.url, recipient="partner-7")
    endpoint_id = made["endpoint"]["endpoint_id"]
    assert made["endpoint"]["recipient"] == "partner-7"
    willing, other = a_call(endpoint_id), a_call(endpoint_id)
    components.agreed.add((willing.profile_id, "share:partner-7"))

    await hear(door, other, willing)

    refused = await the_delivery(door, "FAILED")
    assert (refused["delivery"]["reason"], refused["delivery"]["attempt_count"]) == ("CONSENT_MISSING", 0)
    await the_delivery(door, "DELIVERED")
    assert [post.headers["webhook-id"] for post in there.posts] == [f"msg_{willing.grant_id}"]
    assert {caller.principal for caller in components.callers("CheckConsent")} == {"service:gateway"}
    components.agreed.add((other.profile_id, "share:partner-7"))
    await ask(door, f"{DELIVERIES}:redeliver", endpoint_id=endpoint_id)
    await eventually(lambda: len(there.posts) == 2)


async def test_pipl_23_nothing_is_posted_to_others_while_nobody_can_be_asked(
    door: Door, there: Receiver, components: Components
) -> None:
    made = await ask(door, ENDPOINTS, name="partner", url=there.url, recipient="partner-7")
    components.failure["CheckConsent"] = lambda: Unavailable("profile is away")
    await hear(door, call := a_call(made["endpoint"]["endpoint_id"]))

    async def waits_untried() -> bool:
        (waits,) = await deliveries(door)
        return (waits["status"], waits["attempt_count"]) == ("PENDING", 0)

    for times in range(1, len(DELAYS) + 3):  # more often than it would be tried
        await eventually(lambda times=times: len(components.asked("CheckConsent")) >= times)
        await eventually(waits_untried)
        await be_due(door)

    components.agreed.add((call.profile_id, "share:partner-7"))
    components.failure.clear()
    await be_due(door)

    assert (await the_delivery(door, "DELIVERED"))["delivery"]["attempt_count"] == 1
    assert len(there.posts) == 1


async def test_pipl_47_what_tells_of_who_is_only_stored_waits_untried_for_as_long_as_anything_is_kept(
    door: Door, there: Receiver, components: Components
) -> None:
    endpoint_id, _ = await an_endpoint(door, there)
    components.restricted.add((call := a_call(endpoint_id)).profile_id)
    await hear(door, call)

    async def waits_untried() -> bool:
        waiting = await deliveries(door, status="PENDING")
        return [(each["reason"], each["attempt_count"]) for each in waiting] == [("RESTRICTED", 0)]

    await eventually(waits_untried)
    for times in (2, 3):
        await be_due(door)
        await eventually(lambda times=times: len(components.asked("CheckConsent")) >= times)
        await eventually(waits_untried)
    components.restricted.clear()
    await be_due(door)
    await eventually(lambda: len(there.posts) == 1)
    components.restricted.add(call.profile_id)
    await hear(door, a_call(endpoint_id, call.profile_id))
    await eventually(waits_untried)
    await rows(door, "UPDATE webhook_delivery SET create_time = now() - interval '30 days' WHERE status = 1")
    await be_due(door)
    given_up = (await the_delivery(door, "FAILED"))["delivery"]
    assert (given_up["reason"], given_up["attempt_count"], len(there.posts)) == ("RESTRICTED", 0, 1)


async def test_a_stores_key_has_no_part_in_webhooks(door: Door) -> None:
    key = await door.new_key("gateway.webhooks:read", "gateway.webhooks:write", store_id=str(new_id()))

    answer = await door.get(ENDPOINTS, headers={"authorization": f"Bearer {key}"})

    assert answer.status_code == 403
