"""Events come in: durable, once, with clocks corrected, each with an outcome."""

import json
from datetime import timedelta

import pytest
from bowen.profile.v1 import event_pb2, events_pb2
from bowen.profile.v1 import ingest_service_pb2 as ingest_pb

from chassis.stamps import moment
from services.profile.ingest.operations import forget_messages
from services.profile.ingest.servicer import IngestServicer
from tests.service.profile.speaking import (
    ACCEPTED,
    ALIAS,
    DUPLICATE,
    REJECTED,
    an_event,
    identifier,
    identify,
)
from tests.service.profile.vaults import a_vault


async def test_an_event_is_stored_with_its_person_and_told_to_others(profile):
    [outcome] = await profile.ingest(
        an_event(message_id="m-1", user_id="u1", anonymous_id="a1", name="Order Completed", properties={"total": 5})
    )

    assert outcome.result == ACCEPTED
    [event] = await profile.timeline(outcome.profile_id)
    assert (event.event_id, event.message_id, event.name) == (outcome.event_id, "m-1", "Order Completed")
    [told] = await profile.facts(events_pb2.EventRecorded)
    assert (told.event_id, told.profile_id, told.message_id) == (outcome.event_id, outcome.profile_id, "m-1")
    assert (told.anonymous_id, told.trust, json.loads(told.properties)) == ("a1", event_pb2.TRUST_SERVER, {"total": 5})


async def test_a_message_is_taken_once_within_a_batch_and_ever_after(profile):
    event = an_event(message_id="m-1", user_id="u1")

    within = await profile.ingest(event, event)
    [again] = await profile.ingest(event)

    assert [each.result for each in within] == [ACCEPTED, DUPLICATE]
    assert again.result == DUPLICATE
    assert {again.event_id, within[1].event_id} == {within[0].event_id}
    assert await profile.stats() == (1, 0, 1)
    assert len(await profile.facts(events_pb2.EventRecorded)) == 1


async def test_a_message_is_remembered_for_seven_days_and_forgotten_after_eight(profile):
    event = an_event(message_id="m-1", user_id="u1")
    await profile.ingest(event)

    profile.clock.advance(7 * 86_400)
    await forget_messages(profile.db, profile.clock)
    [seventh] = await profile.ingest(event)
    profile.clock.advance(86_401)
    await forget_messages(profile.db, profile.clock)

    assert seventh.result == DUPLICATE
    assert await profile.fetch("SELECT key FROM message") == []


async def test_a5_a_process_that_was_started_anew_knows_the_messages_of_a_week(profile):
    event = an_event(message_id="m-1", user_id="u1")
    await profile.ingest(event)
    profile.clock.advance(7 * 86_400)

    restarted = IngestServicer(profile.db, profile.clock, await a_vault(profile.db))
    answer = await restarted.Ingest(ingest_pb.IngestRequest(events=[event]), None)
    await restarted.close()

    assert [each.result for each in answer.outcomes] == [DUPLICATE]
    assert len(await profile.facts(events_pb2.EventRecorded)) == 1


async def test_an_event_without_message_id_is_given_one(profile):
    [outcome] = await profile.ingest(an_event(message_id="", user_id="u1"))

    assert outcome.result == ACCEPTED
    assert outcome.message_id == outcome.event_id


async def test_the_senders_clock_is_corrected_and_all_four_times_are_kept(profile):
    received = profile.clock.now()
    wrong = received - timedelta(days=400)
    [person] = await profile.accepted(
        an_event(user_id="u1", original_time=wrong, sent_time=wrong + timedelta(seconds=90), receive_time=received)
    )

    [event] = await profile.timeline(person)

    assert moment(event.timestamp) == received - timedelta(seconds=90)
    assert moment(event.original_time) == wrong
    assert moment(event.sent_time) == wrong + timedelta(seconds=90)
    assert moment(event.receive_time) == received


@pytest.mark.parametrize(("ahead", "kept"), [(3600, 3600), (3601, 0)])
async def test_an_event_is_at_most_an_hour_ahead(profile, ahead, kept):
    received = profile.clock.now()
    [person] = await profile.accepted(
        an_event(user_id="u1", original_time=received + timedelta(seconds=ahead), receive_time=received)
    )

    [event] = await profile.timeline(person)

    assert moment(event.timestamp) == received + timedelta(seconds=kept)


async def test_absurd_clocks_are_survived(profile):
    event = an_event(user_id="u1", receive_time=profile.clock.now())
    event.original_time.FromJsonString("0002-01-01T00:00:00Z")
    event.sent_time.FromJsonString("9998-12-31T23:59:59.999999Z")
    other = an_event(user_id="u1", receive_time=profile.clock.now())
    other.original_time.FromJsonString("9998-12-31T23:59:59.999999999Z")
    other.sent_time.FromJsonString("0002-01-01T00:00:00Z")
    third = an_event(user_id="u1")
    third.original_time.FromJsonString("0002-01-01T00:00:00Z")

    await profile.accepted(event, other, third)


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        (an_event(), "IDENTIFIER_MISSING", "userId or anonymousId"),
        (an_event(user_id="null"), "IDENTIFIER_INVALID", "user_id"),
        (an_event(user_id="u1", name=""), "EVENT_INVALID", "event"),
        (an_event(user_id="u1", name="x" * 501), "EVENT_INVALID", "event"),
        (an_event(user_id="u1", message_id="x" * 101), "EVENT_INVALID", "messageId"),
        (an_event(user_id="u1", type=0), "EVENT_INVALID", "type"),
        (an_event(user_id="u1", properties="[1]"), "EVENT_INVALID", "properties"),
        (an_event(user_id="u1", properties='{"a":'), "EVENT_INVALID", "properties"),
        (an_event(user_id="u1", properties='{"a":"\\ud800"}'), "EVENT_INVALID", "properties"),
        (an_event(user_id="u1", properties='{"a":' + "[" * 30_000 + "]" * 30_000 + "}"), "EVENT_INVALID", "properties"),
        (an_event(user_id="u1", context="x" * 70_000), "EVENT_INVALID", "context"),
        (identify(user_id="u1", traits={str(n): n for n in range(301)}), "EVENT_INVALID", "traits"),
        (an_event(type=event_pb2.EVENT_TYPE_GROUP, user_id="u1"), "EVENT_INVALID", "groupId"),
        (an_event(type=ALIAS, user_id="u1"), "IDENTIFIER_MISSING", "previousId and userId"),
        (an_event(identifiers=[identifier("taobao.oaid", "x")]), "IDENTIFIER_INVALID", "taobao.oaid"),
        (an_event(identifiers=[identifier("wx.openid", "x")]), "IDENTIFIER_INVALID", "wx.openid"),
        (an_event(identifiers=[identifier("my.own", "x")]), "IDENTIFIER_INVALID", "my.own"),
    ],
)
async def test_a_wrong_event_is_rejected_with_its_field_and_touches_no_other(profile, event, reason, field):
    before, wrong, after = await profile.ingest(an_event(user_id="u8"), event, an_event(user_id="u9"))

    assert (before.result, wrong.result, after.result) == (ACCEPTED, REJECTED, ACCEPTED)
    assert wrong.reason == reason
    assert field in wrong.detail
    assert await profile.stats() == (2, 0, 2)


async def test_unusual_json_is_kept_as_it_came(profile):
    odd = '{"a":1e300,"b":123456789012345678901234567890,"c":"\\\\u0000","d":{"d":[]}}'

    [person] = await profile.accepted(identify(user_id="u1", traits=odd))

    [event] = await profile.timeline(person)
    assert event.properties == odd
    assert (await profile.get(person)).attributes == odd


async def test_i3_a_useless_user_id_is_noted_and_the_event_kept(profile):
    [outcome] = await profile.ingest(an_event(user_id="null", anonymous_id="a1"))

    assert outcome.result == ACCEPTED
    assert "user_id is a blocked value" in outcome.detail
    [row] = await profile.fetch("SELECT event_id, named, ignored FROM event")
    assert json.loads(profile.vault.unseal(row["named"], b"e" + row["event_id"].bytes)) == ["null", "a1", "", ""]
    assert json.loads(row["ignored"]) == ["identifier of type user_id is a blocked value"]


async def test_a_rejected_message_may_be_sent_again_in_a_better_form(profile):
    wrong, better = an_event(message_id="m", user_id="u1", name=""), an_event(message_id="m", user_id="u1")

    first, second = await profile.ingest(wrong, better)

    assert (first.result, second.result) == (REJECTED, ACCEPTED)


@pytest.mark.parametrize("text", [r'{"a":"\u0000"}', '{"a":1e-20000}', '{"a":1e400}'])
async def test_json_that_its_readers_could_not_store_is_refused_alone(profile, text):
    outcomes = await profile.ingest(
        an_event(user_id="u1", properties=text), an_event(user_id="u1", traits=text), an_event(user_id="u1")
    )

    assert [outcome.result for outcome in outcomes] == [REJECTED, REJECTED, ACCEPTED]
