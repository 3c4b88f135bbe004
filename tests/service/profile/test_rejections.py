"""Events that were not stored can be seen: spec people §1A, A7."""

import asyncio
import json
from datetime import timedelta

import pytest
from bowen.profile.v1 import ingest_service_pb2 as ingest_pb
from bowen.profile.v1 import rejection_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.errors import PermissionDenied
from services.profile.privacy import operations as privacy
from services.profile.rejections.domain import RAW_LENGTH_MAX
from tests.service.profile.asking import ask, everything, suppress
from tests.service.profile.speaking import REJECTED, an_event, identifier, identify
from tests.service.profile.test_retention import keep

DAY = 86_400
OPERATOR = Caller("key:operator", frozenset({"profile.rejections:read"}))


async def rejections(profile, **fields):
    return (await profile.rejection_stub.ListRejections(pb.ListRejectionsRequest(**fields))).rejections


def unread(raw, *, source_id="web", reason="EVENT_INVALID", detail="is no event", message_id=""):
    item = ingest_pb.RefusedItem(reason=reason, detail=detail, raw=raw, raw_size=len(raw.encode()))
    return ingest_pb.IncomingEvent(source_id=source_id, message_id=message_id, refused=item)


async def test_a7_a_rejected_event_is_listed_with_its_reason_and_as_it_came(profile):
    wrong = an_event(message_id="m-1", user_id="u1", name="", properties={"total": 5}, context={"ip": "1.2.3.4"})

    await profile.ingest(an_event(user_id="u2"), wrong)

    [told] = await rejections(profile)
    assert (told.source_id, told.reason, told.message_id) == ("web", "EVENT_INVALID", "m-1")
    assert told.detail == "event is required for track"
    assert json.loads(told.raw) == {
        "type": "track",
        "messageId": "m-1",
        "userId": "u1",
        "properties": {"total": 5},
        "context": {"ip": "1.2.3.4"},
    }
    assert (told.raw_size, told.seen_count) == (len(told.raw), 1)


async def test_a7_what_the_gateway_could_not_read_is_listed_as_it_came(profile):
    [outcome] = await profile.ingest(unread('{"userId": tru', detail="is no JSON", message_id="m-9"))

    assert (outcome.result, outcome.reason, outcome.detail) == (REJECTED, "EVENT_INVALID", "is no JSON")
    [told] = await rejections(profile)
    assert (told.raw, told.raw_size, told.message_id) == ('{"userId": tru', 14, "m-9")
    assert await profile.stats() == (0, 0, 0)


async def test_a7_rejections_are_paged_newest_first_by_source_reason_and_time(profile):
    for number in range(5):
        await profile.ingest(unread(f"[{number}]", source_id="pos"), an_event(source_id="web", message_id=str(number)))
        profile.clock.advance(60)

    request = pb.ListRejectionsRequest(source_id="pos", page_size=2)
    pages = []
    while True:
        answer = await profile.rejection_stub.ListRejections(request)
        pages.append([each.raw for each in answer.rejections])
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    recent = pb.ListRejectionsRequest(source_id="pos")
    recent.start_time.FromDatetime(profile.clock.now() - timedelta(seconds=120))
    recent.end_time.FromDatetime(profile.clock.now() - timedelta(seconds=60))

    assert pages == [["[4]", "[3]"], ["[2]", "[1]"], ["[0]"]]
    assert [each.message_id for each in await rejections(profile, reason="IDENTIFIER_MISSING")] == list("43210")
    assert [each.raw for each in (await profile.rejection_stub.ListRejections(recent)).rejections] == ["[3]"]


async def test_a7_the_very_same_event_is_kept_once_and_counted(profile):
    await profile.ingest(unread("[1]"), unread("[1]"), unread("[1]", source_id="pos"))
    profile.clock.advance(60)
    await asyncio.gather(*(profile.ingest(unread("[1]"), unread("[2]")) for _ in range(4)))

    found = {(each.source_id, each.raw): each for each in await rejections(profile)}

    assert {place: each.seen_count for place, each in found.items()} == {
        ("web", "[1]"): 6,
        ("pos", "[1]"): 1,
        ("web", "[2]"): 4,
    }
    assert found["web", "[1]"].last_seen_time.seconds - found["web", "[1]"].create_time.seconds == 60


async def test_a7_a_long_event_is_cut_off(profile):
    await profile.ingest(unread('{"a":"' + "x" * 40_000 + '"}'))

    [told] = await rejections(profile)

    assert (len(told.raw), told.raw_size) == (RAW_LENGTH_MAX, 40_008)


async def test_a7_what_came_is_sealed_at_rest_and_masked_for_keys(profile):
    await profile.ingest(
        identify(
            message_id="m",
            user_id="u1",
            identifiers=[identifier("wx.openid", "x")] * 51,
            traits={"name": "Zhang San", "phone": "13812345678"},
        ),
        unread('{"name": "Zhang San", "phone": "13812345678", oops'),
        unread("Zhang San 13812345678"),
    )

    stored = await everything(profile)
    assert not any(secret in stored for secret in ("Zhang San", "13812345678"))
    with acting(Call(OPERATOR)):
        shown = [each.raw for each in await rejections(profile)]
    assert not any(secret in raw for secret in ("Zhang San", "13812345678") for raw in shown)
    assert shown[:2] == ["***", '{"name": "***", "phone": "***", oops']
    assert json.loads(shown[2])["userId"] == "u1"
    whole = [each.raw for each in await rejections(profile)]
    assert all("Zhang San" in raw for raw in whole)


async def test_a7_of_a_suppressed_person_nothing_is_kept_but_that_they_came(profile):
    await suppress(profile, identifier("user_id", "u1"))

    await profile.ingest(*(an_event(user_id="u1", properties={"secret": n}) for n in range(3)))

    [told] = await rejections(profile)
    assert (told.reason, told.raw, told.message_id, told.seen_count) == ("IDENTIFIER_SUPPRESSED", "", "", 3)


async def test_a7_an_erased_persons_rejected_events_go_with_them(profile):
    [person] = await profile.accepted(identify(user_id="u1", traits={"phone": "13812345678"}))
    await profile.ingest(
        an_event(user_id="u1", name=""),
        unread('{"type": "dance", "traits": {"phone": "138 1234 5678"}}'),
        unread('{"type": "dance", "context": {"externalIds": [{"type": "user_id", "id": "u1"}]}}'),
        an_event(user_id="u2", name="", message_id="another's"),
    )

    await ask(profile, "ERASE", person)

    assert [each.message_id for each in await rejections(profile)] == ["another's"]


@pytest.mark.parametrize(("days", "kept_days"), [(None, 30), (7, 7)])
async def test_a7_rejections_are_let_go_after_their_time(profile, days, kept_days):
    if days is not None:
        await keep(profile, "rejection", days)
    await profile.ingest(unread("[1]"))

    profile.clock.advance(kept_days * DAY)
    await privacy.retain(profile.db, profile.vault, profile.clock.now())
    before = await rejections(profile)
    profile.clock.advance(1)
    await privacy.retain(profile.db, profile.vault, profile.clock.now())

    assert (len(before), await rejections(profile)) == (1, [])


async def test_a7_a_store_sees_no_rejections(profile):
    with acting(Call(Caller("key:till", frozenset({"profile.rejections:read"}), store_id="s1"))):
        with pytest.raises(PermissionDenied):
            await rejections(profile)
