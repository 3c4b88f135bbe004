"""Consent over the wire: spec people §1H, §3.5 and §5.1."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from bowen.profile.v1 import consent_service_pb2 as pb
from bowen.profile.v1 import event_pb2, events_pb2

from chassis.caller import Call, Caller, acting
from chassis.db import driver
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import stamp
from tests.service.profile.consenting import DENIED, GRANTED, WITHDRAWN, a_statement, holds, may, record, withdraw
from tests.service.profile.speaking import an_event, identifier, identify

OURS, THEIRS = "+8613812345678", "+8613912345678"


@pytest.fixture
async def person(profile):
    [profile_id] = await profile.accepted(identify(user_id="u1"))
    return profile_id


async def two_who_merge(profile):
    """Two known people, and what makes them one: `loser` is merged into `survivor`."""
    survivor, loser = await profile.accepted(
        identify(user_id="u1"), identify(identifiers=[identifier("member_no", "M1")])
    )

    async def merge():
        [merged] = await profile.accepted(identify(user_id="u1", identifiers=[identifier("member_no", "M1")]))
        assert merged == survivor

    return survivor, loser, merge


async def test_pipl_13_what_is_withdrawn_is_not_sent_from_the_next_moment_on(profile, person):
    await record(profile, person, a_statement(address=OURS))
    assert await may(profile, person, address=OURS) == (True, "CONSENT_GRANTED")

    profile.clock.advance(1)
    [gone] = await withdraw(profile, person, purpose="marketing", channel="sms", address=OURS)

    assert gone.state == WITHDRAWN
    assert await may(profile, person, address="138 1234 5678") == (False, "CONSENT_WITHDRAWN")
    assert await may(profile, person, address=THEIRS) == (False, "CONSENT_MISSING")


async def test_pipl_15_one_call_withdraws_all_of_it(profile, person):
    await record(
        profile,
        person,
        *(a_statement(purpose=purpose, channel=channel) for purpose in ("ads", "news") for channel in ("sms", "email")),
        a_statement(purpose="personalization", channel=""),
    )
    profile.clock.advance(1)

    assert len(await withdraw(profile, person)) == 4

    assert {state for (purpose, _), state in (await holds(profile, person)).items() if purpose in ("ads", "news")} == {
        WITHDRAWN
    }
    assert (await holds(profile, person))["personalization", ""] == GRANTED
    assert await withdraw(profile, person) == []


async def test_pipl_16_what_is_necessary_still_goes_out(profile, person):
    request = pb.PutPurposeRequest(request_id="p", purpose="orders", kind=2, description="Tell of deliveries")
    await profile.consent_stub.PutPurpose(request)
    await record(profile, person, a_statement(purpose="orders", state=DENIED))
    await withdraw(profile, person)

    assert await may(profile, person, purpose="orders") == (True, "NECESSARY")
    assert await may(profile, person, purpose="marketing") == (False, "CONSENT_MISSING")
    [purpose] = (await profile.consent_stub.ListPurposes(pb.ListPurposesRequest())).purposes
    assert (purpose.purpose, purpose.kind, purpose.description) == ("orders", 2, "Tell of deliveries")


async def test_pipl_17_an_entry_shows_the_notice_the_time_the_source_and_who_recorded_it(profile, person):
    now = profile.clock.now()
    said = a_statement(address=OURS, text_hash="ab" * 32, ip="2001:DB8::1", consent_time=stamp(now - timedelta(days=1)))
    with acting(Call(Caller("key:till", frozenset({"profile.consents:write"})))):
        await record(profile, person, said)

    [entry] = (await profile.consent_stub.ListConsentEntries(pb.ListConsentEntriesRequest(profile_id=person))).consents
    assert (entry.notice_version, entry.text_hash, entry.source) == ("v3", "ab" * 32, "form")
    assert (entry.ip, entry.actor, entry.legal_basis) == ("2001:db8::1", "key:till", 1)
    assert (entry.consent_time, entry.record_time) == (stamp(now - timedelta(days=1)), stamp(now))
    assert len(entry.address_hash) == 32
    rows = await profile.fetch("SELECT * FROM consent")
    assert "138" not in str({name: value for name, value in rows[0].items() if name not in ("hash", "address_hash")})


async def test_pipl_23_handing_data_on_needs_a_consent_of_its_own(profile, person):
    await record(profile, person, a_statement(purpose="share:partner-7", channel=""))

    assert await may(profile, person, purpose="share:partner-7", channel="") == (True, "CONSENT_GRANTED")
    assert await may(profile, person, purpose="share:partner-8", channel="") == (False, "CONSENT_MISSING")


async def test_pipl_24_who_is_not_to_be_personalised_gets_what_is_generic(profile, person):
    await record(profile, person, a_statement(), a_statement(purpose="personalization", channel="", state=DENIED))

    assert await may(profile, person) == (True, "CONSENT_GRANTED")
    assert await may(profile, person, is_personalized=True) == (False, "PERSONALIZATION_OFF")
    [told] = await profile.facts(events_pb2.ProcessingChanged)
    assert (told.profile_id, told.version) == (person, 1)
    assert (told.is_restricted, told.is_personalization_off) == (False, True)
    read = await profile.get(person)
    assert (read.is_restricted, read.is_personalization_off) == (False, True)


async def test_pipl_47_who_is_restricted_is_sent_nothing_not_even_what_is_necessary(profile, person):
    await profile.consent_stub.PutPurpose(
        pb.PutPurposeRequest(request_id="p", purpose="orders", kind=2, description="Tell of deliveries")
    )
    await record(profile, person, a_statement(), a_statement(purpose="processing", channel="", state=DENIED))

    assert await may(profile, person) == (False, "RESTRICTED")
    assert await may(profile, person, purpose="orders") == (False, "RESTRICTED")

    profile.clock.advance(1)
    await record(profile, person, a_statement(purpose="processing", channel=""))

    assert await may(profile, person) == (True, "CONSENT_GRANTED")
    told = await profile.facts(events_pb2.ProcessingChanged)
    assert [(each.version, each.is_restricted) for each in told] == [(1, True), (2, False)]


async def test_what_held_at_an_instant_can_be_asked(profile, person):
    start = profile.clock.now()
    await record(profile, person, a_statement())
    profile.clock.advance(3600)
    await withdraw(profile, person)

    assert await holds(profile, person) == {("marketing", "sms"): WITHDRAWN}
    assert await holds(profile, person, as_of=stamp(start)) == {("marketing", "sms"): GRANTED}
    assert await holds(profile, person, as_of=stamp(start - timedelta(microseconds=1))) == {}


async def test_i22_opt_outs_and_opt_ins_of_two_numbers_outlive_a_merge(profile):
    survivor, loser, merge = await two_who_merge(profile)
    await record(profile, loser, a_statement(address=OURS, state=WITHDRAWN))
    await record(profile, survivor, a_statement(address=THEIRS))

    await merge()

    for profile_id in (survivor, loser):
        assert await may(profile, profile_id, address=OURS) == (False, "CONSENT_WITHDRAWN")
        assert await may(profile, profile_id, address=THEIRS) == (True, "CONSENT_GRANTED")


@pytest.mark.parametrize(("withdrawn_after", "answer"), [(1, "CONSENT_WITHDRAWN"), (0, "CONSENT_WITHDRAWN")])
async def test_i23_of_one_number_the_later_word_counts_and_of_equally_late_ones_the_no(
    profile, withdrawn_after, answer
):
    survivor, loser, merge = await two_who_merge(profile)
    await record(profile, survivor, a_statement(address=OURS))
    profile.clock.advance(withdrawn_after)
    await record(profile, loser, a_statement(address=OURS, state=WITHDRAWN))

    await merge()

    assert await may(profile, survivor, address=OURS) == (False, answer)


async def test_i23_a_later_grant_for_the_same_number_lifts_an_opt_out_and_one_for_all_numbers_does_not(profile):
    survivor, loser, merge = await two_who_merge(profile)
    await record(profile, loser, a_statement(state=DENIED))
    profile.clock.advance(1)
    await record(profile, survivor, a_statement(), a_statement(address=OURS))

    await merge()

    assert await may(profile, survivor, address=OURS) == (True, "CONSENT_GRANTED")
    assert await may(profile, survivor, address=THEIRS) == (False, "CONSENT_DENIED")
    assert await may(profile, survivor) == (False, "CONSENT_DENIED")


async def test_what_was_said_of_a_number_while_two_were_one_goes_with_it_when_they_are_two_again(profile):
    [survivor] = await profile.accepted(identify(user_id="u1", identifiers=[identifier("phone", OURS)]))
    [loser] = await profile.accepted(
        identify(user_id="u2", identifiers=[identifier("phone", THEIRS), identifier("email", "l@mail.cn")])
    )
    await record(profile, loser, a_statement(address=THEIRS, state=DENIED))
    merge = await profile.merge(survivor, loser)
    assert merge.survivor_id == survivor
    profile.clock.advance(1)
    by_mail = {"channel": "email", "address": "L@mail.cn"}
    await record(
        profile,
        survivor,
        a_statement(address=OURS),
        a_statement(address=THEIRS, notice_version="v9"),
        a_statement(**by_mail, state=WITHDRAWN),
        a_statement(channel="call"),
    )
    profile.clock.advance(1)

    await profile.undo(merge.merge_id)

    assert await may(profile, loser, address=THEIRS) == (True, "CONSENT_GRANTED")
    assert await may(profile, loser, **by_mail) == (False, "CONSENT_WITHDRAWN")
    assert await may(profile, loser, address=OURS) == (False, "CONSENT_MISSING")
    assert await may(profile, loser, channel="call") == (False, "CONSENT_MISSING")
    assert await may(profile, survivor, address=OURS) == (True, "CONSENT_GRANTED")
    assert await may(profile, survivor, address=THEIRS) == (False, "CONSENT_WITHDRAWN")
    assert await may(profile, survivor, channel="call") == (True, "CONSENT_GRANTED")
    told = (await profile.facts(events_pb2.ConsentChanged))[-3:]
    assert [(each.profile_id, each.state) for each in told] == [
        (loser, GRANTED),
        (loser, WITHDRAWN),
        (survivor, WITHDRAWN),
    ]
    rows = await profile.fetch("SELECT notice_version, source FROM consent ORDER BY consent_id DESC LIMIT 3")
    assert [tuple(row) for row in rows] == [("v9", "unmerge"), ("v3", "form"), ("v9", "form")]
    for each in (survivor, loser):
        assert (await profile.consent_stub.VerifyConsents(pb.VerifyConsentsRequest(profile_id=each))).is_intact


async def test_rows_stay_under_the_id_they_were_given_for(profile):
    survivor, loser, merge = await two_who_merge(profile)
    await record(profile, loser, a_statement())
    await merge()
    profile.clock.advance(1)

    await withdraw(profile, survivor, purpose="marketing")

    rows = await profile.fetch("SELECT profile_id::text, state FROM consent ORDER BY consent_id")
    assert {tuple(row) for row in rows} == {(loser, GRANTED), (loser, WITHDRAWN), (survivor, WITHDRAWN)}


async def test_a_chain_that_holds_says_so_and_one_that_was_touched_says_where(profile, person):
    for state in (GRANTED, WITHDRAWN, GRANTED):
        await record(profile, person, a_statement(state=state, ip="10.0.0.1"))
    ask = pb.VerifyConsentsRequest(profile_id=person)
    assert (await profile.consent_stub.VerifyConsents(ask)).is_intact

    async def touch(tx):
        connection = await driver(tx)
        await connection.execute("ALTER TABLE consent DISABLE TRIGGER consent_append_only")
        await connection.execute("UPDATE consent SET state = 1 WHERE sequence = 2")
        await connection.execute("ALTER TABLE consent ENABLE TRIGGER consent_append_only")

    await profile.db.transact(touch)

    found = await profile.consent_stub.VerifyConsents(ask)
    assert not found.is_intact
    assert [(chain.profile_id, chain.length, chain.broken_at) for chain in found.chains] == [(person, 3, 2)]


async def test_a_chain_that_lost_its_end_does_not_hold_and_one_without_network_addresses_does(profile, person):
    for state in (GRANTED, WITHDRAWN):
        await record(profile, person, a_statement(state=state, ip="10.0.0.1"))
    ask = pb.VerifyConsentsRequest(profile_id=person)

    async def forget_ips(tx):
        await (await driver(tx)).execute("UPDATE consent SET ip = ''")

    async def cut_off(tx):
        connection = await driver(tx)
        await connection.execute("ALTER TABLE consent DISABLE TRIGGER consent_append_only")
        await connection.execute("DELETE FROM consent WHERE sequence = 2")

    await profile.db.transact(forget_ips)
    assert (await profile.consent_stub.VerifyConsents(ask)).is_intact
    await profile.db.transact(cut_off)
    assert [each.broken_at for each in (await profile.consent_stub.VerifyConsents(ask)).chains] == [2]


@pytest.mark.parametrize("statement", ["UPDATE consent SET state = 1", "DELETE FROM consent"])
async def test_the_ledger_only_grows(profile, person, statement):
    await record(profile, person, a_statement(state=DENIED))

    async def change(tx):
        await (await driver(tx)).execute(statement)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await profile.db.transact(change)


async def test_entries_made_at_once_from_many_sides_make_one_chain(profile, person):
    await asyncio.gather(*(record(profile, person, a_statement(source=f"s{n}")) for n in range(20)))

    verified = await profile.consent_stub.VerifyConsents(pb.VerifyConsentsRequest(profile_id=person))
    assert verified.is_intact
    assert [chain.length for chain in verified.chains] == [20]


async def test_a_repeated_request_says_it_once(profile, person):
    request = pb.RecordConsentsRequest(request_id="same", profile_id=person, statements=[a_statement()])

    answers = [await profile.consent_stub.RecordConsents(request) for _ in range(2)]

    assert answers[0] == answers[1]
    assert len(await profile.facts(events_pb2.ConsentChanged)) == 1


async def test_a_shopper_speaks_for_nobody_else(profile, person):
    [other] = await profile.accepted(identify(user_id="u2"))
    with acting(Call(Caller("shopper", profile_id=person))):
        await record(profile, person, a_statement())
        for work in (record(profile, other, a_statement()), withdraw(profile, other), holds(profile, other)):
            with pytest.raises(PermissionDenied):
                await work


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"address": "12"}, "statements[0].address"),
        ({"address": OURS, "channel": ""}, "statements[0].address"),
        ({"ip": "nowhere"}, "statements[0].ip"),
        ({"text_hash": "x"}, "statements[0].text_hash"),
        ({"state": 0}, "statements[0].state"),
        ({"purpose": "a b"}, "statements[0].purpose"),
    ],
)
async def test_what_cannot_be_written_down_is_refused_with_its_field(profile, person, fields, field):
    with pytest.raises(InvalidArgument) as refused:
        await record(profile, person, a_statement(**fields))

    assert refused.value.violations[0][0] == field
    assert await profile.fetch("SELECT 1 FROM consent") == []


async def test_a_statement_about_the_future_and_a_purpose_of_bowens_own_are_refused(profile, person):
    later = stamp(profile.clock.now() + timedelta(seconds=1))
    with pytest.raises(InvalidArgument, match="later than now"):
        await record(profile, person, a_statement(consent_time=later))
    with pytest.raises(InvalidArgument, match="Bowen's own"):
        await profile.consent_stub.PutPurpose(
            pb.PutPurposeRequest(request_id="p", purpose="processing", description="x")
        )
    with pytest.raises(NotFound):
        await record(profile, str(new_id()), a_statement())


def visited(n: int, **preferences: bool):
    """An event of a browser whose banner says this."""
    return an_event(
        anonymous_id="a1",
        message_id=f"m{n}",
        trust=event_pb2.TRUST_PUBLIC,
        context={"consent": {"categoryPreferences": preferences}, "ip": "10.1.2.3"},
    )


async def test_what_a_consent_banner_says_is_written_down_where_it_is_news(profile):
    said = [{"Ads": True, "Stats": False}, {"Ads": True, "Stats": False}, {"Ads": False, "Stats": False}]
    for n, preferences in enumerate(said):
        [person] = await profile.accepted(visited(n, **preferences))
        profile.clock.advance(60)

    rows = await profile.fetch("SELECT purpose, state, source, ip, actor FROM consent ORDER BY consent_id")
    assert [(row["purpose"], row["state"]) for row in rows] == [
        ("Ads", GRANTED),
        ("Stats", DENIED),
        ("Ads", WITHDRAWN),
    ]
    assert {tuple(row)[2:] for row in rows} == {("web", "10.1.2.3", "source:web")}
    assert await may(profile, person, purpose="Ads", channel="email") == (False, "CONSENT_WITHDRAWN")


async def test_an_older_event_that_comes_late_does_not_change_what_a_newer_one_said(profile):
    now = profile.clock.now()
    events = [visited(0, Ads=False), visited(1, Ads=True)]
    for event, hours in zip(events, (1, 5), strict=True):
        event.original_time.FromDatetime(now - timedelta(hours=hours))

    for event in events:
        [person] = await profile.accepted(event)

    assert await may(profile, person, purpose="Ads") == (False, "CONSENT_DENIED")


async def test_a_banner_cannot_restrict_a_person_nor_break_an_event(profile):
    await profile.accepted(
        visited(0, processing=False, **{"a b": True}),
        an_event(anonymous_id="a1", context={"consent": {"categoryPreferences": "yes"}}),
        an_event(anonymous_id="a1", context={"consent": {"categoryPreferences": {"x": 1}}, "ip": 5}),
    )

    assert await profile.fetch("SELECT 1 FROM consent") == []
