"""Numbers that their owners gave up: spec people §3.2, and I13."""

import pytest
from bowen.profile.v1 import events_pb2, profile_pb2

from tests.service.profile.asking import ask, unsuppress
from tests.service.profile.consenting import a_statement, may, record
from tests.service.profile.speaking import an_event, identify
from tests.service.profile.test_identifiers import DAY, E164, PHONE, Moved, member, owner, phone
from tests.service.profile.test_identity import openid


async def test_i13_a_recycled_phone_goes_to_who_proves_it_and_its_old_owner_is_not_written_to(profile):
    now = profile.clock.now()
    [old] = await profile.accepted(identify(identifiers=[member("M1"), phone()], original_time=now - 120 * DAY))

    [new] = await profile.accepted(identify(identifiers=[member("M2"), phone()]))

    assert new != old
    assert await owner(profile) == new
    assert await profile.stats() == (2, 0, 2)
    [move] = await profile.moves(old)
    assert (move.from_profile_id, move.to_profile_id, move.identifier.value) == (old, new, E164)
    assert move.reason == profile_pb2.IdentifierMove.REASON_RECYCLED
    assert move.event_id == (await profile.timeline(new))[0].event_id
    [told] = await profile.facts(Moved)
    assert (told.move_id, told.from_profile_id, told.to_profile_id) == (move.move_id, old, new)
    assert told.reason == Moved.REASON_RECYCLED
    assert await profile.facts(events_pb2.MergeRefused) == []
    await profile.assert_sound()


@pytest.mark.parametrize("way", ["proven by another", "given to another", "taken away"])
async def test_i13_marketing_to_a_number_that_left_its_owner_stops_at_once(profile, way):
    now = profile.clock.now()
    [old] = await profile.accepted(identify(identifiers=[member("M1"), phone()], original_time=now - 120 * DAY))
    await record(profile, old, a_statement(address=PHONE), a_statement(purpose="news"))
    assert await may(profile, old, address=PHONE) == (True, "CONSENT_GRANTED")
    profile.clock.advance(60)

    [new] = await profile.accepted(identify(identifiers=[member("M2")]))
    if way == "proven by another":
        await profile.accepted(identify(identifiers=[member("M2"), phone()]))
    elif way == "given to another":
        await profile.reassign(old, "phone", PHONE, new)
    else:
        await profile.remove(old, "phone", PHONE)

    assert await may(profile, old, address=PHONE) == (False, "ADDRESS_LEFT")
    assert await may(profile, old, address=PHONE, purpose="news") == (False, "ADDRESS_LEFT")
    assert await may(profile, old, address="13912345679", purpose="news") == (True, "CONSENT_GRANTED")
    assert await may(profile, new, address=PHONE) == (False, "CONSENT_MISSING")
    profile.clock.advance(60)
    await record(profile, old, a_statement(address=PHONE))
    assert await may(profile, old, address=PHONE) == (True, "CONSENT_GRANTED")


async def test_i13_nothing_is_sent_to_a_number_whose_new_owner_was_erased(profile):
    old, new = await profile.accepted(
        identify(identifiers=[member("M1"), phone()]), identify(identifiers=[member("M2")])
    )
    await record(profile, old, a_statement(address=PHONE))
    await profile.reassign(old, "phone", PHONE, new)

    await ask(profile, "ERASE", new, scope="PERSON")
    await unsuppress(profile, phone())

    assert await may(profile, old, address=PHONE) == (False, "ADDRESS_LEFT")
    assert await profile.moves(old) == []
    await ask(profile, "ERASE", old, scope="PERSON")
    assert await profile.fetch("SELECT * FROM identifier_departure") == []


async def test_i13_a_number_that_came_back_is_written_to_again(profile):
    [old, new] = await profile.accepted(
        identify(identifiers=[member("M1"), phone()]), identify(identifiers=[member("M2")])
    )
    await record(profile, old, a_statement(address=PHONE))
    await profile.reassign(old, "phone", PHONE, new)
    assert await may(profile, old, address=PHONE) == (False, "ADDRESS_LEFT")

    await profile.reassign(new, "phone", PHONE, old)

    assert await may(profile, old, address=PHONE) == (True, "CONSENT_GRANTED")


@pytest.mark.parametrize(("days", "people"), [(89, 1), (90, 2)])
async def test_i13_a_proof_is_good_for_less_than_ninety_days(profile, days, people):
    now = profile.clock.now()
    old = identify(identifiers=[member("M1"), phone()], original_time=now - days * DAY)
    new = identify(user_id="u2", identifiers=[phone()])

    await profile.accepted(old, new)

    assert (await profile.stats())[0] == people


async def test_i13_whose_proof_is_older_does_not_take_a_phone_back(profile):
    now = profile.clock.now()
    [new] = await profile.accepted(identify(identifiers=[member("M2"), phone()]))

    [old] = await profile.accepted(identify(identifiers=[member("M1"), phone()], original_time=now - 120 * DAY))

    assert old != new
    assert await owner(profile) == new
    assert await profile.facts(Moved) == []


async def test_i13_a_new_proof_alone_keeps_the_phone_with_its_owner(profile):
    now = profile.clock.now()
    [old] = await profile.accepted(identify(identifiers=[member("M1"), phone()], original_time=now - 120 * DAY))
    assert getattr((await profile.get(old)).identifiers[1], "class") == profile_pb2.IDENTIFIER_CLASS_WEAK

    people = await profile.accepted(an_event(identifiers=[phone()]), identify(identifiers=[member("M1"), phone()]))

    assert people == [old, old]
    [_, link] = (await profile.get(old)).identifiers
    assert getattr(link, "class") == profile_pb2.IDENTIFIER_CLASS_STRONG
    assert link.last_verified_time.ToDatetime(now.tzinfo) == now


async def test_i13_where_one_side_has_nothing_stronger_it_is_a_conflict_and_the_phone_stays(profile):
    now = profile.clock.now()
    [old] = await profile.accepted(identify(user_id="u1", identifiers=[phone()], original_time=now - 120 * DAY))

    [outcome] = await profile.ingest(identify(identifiers=[openid("app", "o"), phone()]))

    assert outcome.profile_id != old
    assert outcome.detail == "phone was not believed: STALE_PROOF"
    assert await owner(profile) == old
    [told] = await profile.facts(events_pb2.MergeRefused)
    assert (told.profile_id, told.owner_id, told.rule) == (outcome.profile_id, old, "STALE_PROOF")
