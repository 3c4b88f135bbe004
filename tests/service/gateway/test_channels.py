"""Callbacks of platforms over HTTP, with the real profile service behind them."""

from typing import Any

import pytest

from gateway.channels.domain import Kind
from tests.service.gateway.conftest import ROOT, Door
from tests.service.gateway.test_with_profile import door as door
from tests.unit.gateway import channel_fixtures as platforms
from tests.unit.gateway.test_channels import AES_KEY, CONTACT, SUBSCRIBED, encrypted, plain

SECRET = "token"
OPENID = {"type": "wx.openid", "namespace": "wx123", "value": "oOpenId"}


async def open_channel(door: Door, kind: str, namespace: str, key: str = "1", **secrets: str) -> Any:
    body = {"kind": kind, "name": "ours", "namespace": namespace, "secret": SECRET, **secrets}
    return await door.post("/v1/channels", json=body, headers={**ROOT, "idempotency-key": f"channel {key}"})


async def called(door: Door, channel: Any, callback: Any) -> Any:
    path = channel.json()["channel"]["callback_path"]
    parts = {"params": callback.query, "headers": callback.headers, "content": callback.body}
    return await door.request(callback.method, path, **parts)


async def timeline(door: Door, **identifier: str) -> list[dict[str, Any]]:
    found = await door.get("/v1/profiles:lookup", params=identifier, headers=ROOT)
    if found.status_code == 404:
        return []
    profile_id = found.json()["profile"]["profile_id"]
    return list((await door.get(f"/v1/profiles/{profile_id}/events", headers=ROOT)).json()["events"])


async def test_a_follower_of_an_official_account_is_a_person_and_a_repeat_adds_nothing(door: Door):
    channel = await open_channel(door, "WECHAT_OFFICIAL", "wx123")

    answers = [await called(door, channel, plain(SUBSCRIBED)) for _ in range(3)]

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "success")] * 3
    (event,) = await timeline(door, **OPENID)
    assert (event["name"], event["source_id"]) == ("Channel Followed", channel.json()["channel"]["channel_id"])
    assert event["properties"] == {"scene": "store-17", "ticket": "TICKET", "channel": "wechat_official"}


async def test_a_customer_whom_a_guide_added_on_wecom_is_a_person(door: Door):
    channel = await open_channel(door, "WECOM", "ww456", aes_key=AES_KEY)

    answer = await called(door, channel, encrypted(CONTACT, "ww456"))

    assert answer.status_code == 200, answer.text
    (event,) = await timeline(door, type="wecom.external_userid", namespace="ww456", value="wmCustomer")
    assert event["properties"]["employee_id"] == "guide-3"


async def test_what_is_not_signed_is_refused_and_changes_nothing(door: Door):
    channel = await open_channel(door, "WECHAT_OFFICIAL", "wx123")

    answer = await called(door, channel, plain(SUBSCRIBED, signature="0" * 40))

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/SIGNATURE_INVALID")
    assert await timeline(door, **OPENID) == []


async def test_a_closed_channel_hears_nothing(door: Door):
    channel = await open_channel(door, "WECHAT_OFFICIAL", "wx123")
    channel_id = channel.json()["channel"]["channel_id"]

    closed = await door.post(
        f"/v1/channels/{channel_id}:revoke", json={}, headers={**ROOT, "idempotency-key": "close it"}
    )

    assert closed.json()["channel"]["revoke_time"]
    assert (await called(door, channel, plain(SUBSCRIBED))).status_code == 404
    assert (await door.post("/v1/channels/no-id/callback")).status_code == 404


async def test_channels_are_listed_without_their_secrets(door: Door):
    await open_channel(door, "WECHAT_OFFICIAL", "wx123")

    listed = await door.get("/v1/channels", headers=ROOT)

    assert [channel["namespace"] for channel in listed.json()["channels"]] == ["wx123"]
    assert SECRET not in listed.text.replace("page_token", "")
    async with door.db.read() as tx:
        sealed = (await tx.exec_driver_sql("SELECT sealed FROM channel")).scalar_one()
    assert SECRET.encode() not in sealed


@pytest.mark.parametrize(
    ("field", "kind", "secrets"),
    [
        ("/aes_key", "WECOM", {}),
        ("/aes_key", "WECHAT_OFFICIAL", {"aes_key": "short"}),
        ("/secret", "WECOM", {"secret": ""}),
    ],
)
async def test_what_does_not_fit_together_is_refused_by_field(door: Door, field, kind, secrets):
    answer = await open_channel(door, kind, "ns", **secrets)

    assert answer.status_code == 400
    assert field in [error["pointer"] for error in answer.json()["errors"]]


async def test_a_store_has_no_part_in_channels(door: Door):
    key = await door.new_key("gateway.channels:read", store_id="0192f000-0000-7000-8000-000000000001")

    assert (await door.get("/v1/channels", headers={"authorization": f"Bearer {key}"})).status_code == 403


PEOPLE = {
    Kind.DOUYIN: {"type": "douyin.open_id", "namespace": "client-key", "value": "shopper-open-id"},
    Kind.XIAOHONGSHU: {"type": "xhs.open_id", "namespace": "xhs-app", "value": "xhs-user"},
    Kind.TAOBAO: {"type": "taobao.ouid", "namespace": "shop-1", "value": "o-uid"},
    Kind.JD: {"type": "jd.open_id", "namespace": "jd-shop", "value": "jd-open-id"},
    Kind.WEIBO: {"type": "weibo.uid", "namespace": "weibo-app", "value": "2489518277"},
    Kind.POS: {"type": "member_no", "value": "M-1"},
    Kind.CALL_CENTRE: {"type": "phone", "value": "13912345678"},
}


@pytest.mark.parametrize("kind", PEOPLE)
async def test_what_a_platform_repeats_is_one_event_of_one_person(door: Door, kind: Kind):
    channel = await open_channel(door, kind.name, platforms.NAMESPACES[kind])

    answers = [await called(door, channel, platforms.SIGNED[kind]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    (event,) = await timeline(door, **PEOPLE[kind])
    assert event["properties"]["channel"] == kind.name.lower()
    assert event["source_id"] == channel.json()["channel"]["channel_id"]


async def test_i09_a_virtual_phone_of_two_orders_links_nobody(door: Door):
    taobao = await open_channel(door, "TAOBAO", "shop-1", "taobao")
    jd = await open_channel(door, "JD", "jd-shop", "jd")
    virtual = "18877771111-123"
    trade = {"tid": 1, "status": "WAIT_BUYER_PAY", "payment": "1.00", "ouid": "o-uid", "receiver_mobile": virtual}
    order = {"order_id": 1, "order_state": "LOCKED", "order_payment": "1.00", "open_id_buyer": "jd-open-id",
             "consignee_info": {"mobile": virtual}}  # fmt: skip

    for channel, record in ((taobao, trade), (jd, order)):
        assert (await called(door, channel, platforms.export({"order": record}))).json() == {"taken": 1, "skipped": 0}

    assert await timeline(door, type="phone", value="18877771111") == []
    (one,), (other,) = [await timeline(door, **PEOPLE[kind]) for kind in (Kind.TAOBAO, Kind.JD)]
    assert (one["name"], other["name"]) == ("Order Placed", "Order Placed")
    assert one["event_id"] != other["event_id"]


async def test_i10_the_member_pass_of_a_group_makes_two_shops_know_one_person(door: Door):
    shops = [await open_channel(door, "TAOBAO", f"group/shop-{number}", f"shop {number}") for number in (1, 2)]
    trade = {"status": "WAIT_BUYER_PAY", "payment": "1.00", "omid": "om-id"}

    for number, shop in enumerate(shops, start=1):
        record = {"order": {**trade, "tid": number, "ouid": f"o-{number}"}}
        assert (await called(door, shop, platforms.export(record))).status_code == 200

    of_one, of_other = [
        await timeline(door, type="taobao.ouid", namespace=f"shop-{number}", value=f"o-{number}") for number in (1, 2)
    ]
    assert len(of_one) == 2
    assert of_one == of_other


async def test_an_export_that_breaks_a_rule_names_record_and_field_and_changes_nothing(door: Door):
    channel = await open_channel(door, "POS", "tills")
    wrong = {**platforms.SALE, "receipt_no": "2", "total": "1.00"}

    answer = await called(door, channel, platforms.export([platforms.SALE, wrong]))

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/CALLBACK_INVALID")
    assert "records[1].total" in answer.json()["detail"]
    assert await timeline(door, **PEOPLE[Kind.POS]) == []


async def test_a_call_from_a_number_that_cannot_be_is_among_the_rejections(door: Door):
    channel = await open_channel(door, "CALL_CENTRE", "calls")

    answer = await called(door, channel, platforms.export({**platforms.CALL, "number": "12345678"}))

    source = {"source_id": channel.json()["channel"]["channel_id"]}
    listed = await door.get("/v1/ingest/rejections", params=source, headers=ROOT)
    assert answer.json() == {"taken": 1, "skipped": 0}
    (rejection,) = listed.json()["rejections"]
    assert rejection["source_id"] == source["source_id"]
