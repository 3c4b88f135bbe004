"""Identifiers that grow old, are handed on, seen with too many, blocked: spec people §3.2, §3.3, B4, B5 and B14."""

import asyncio
from datetime import timedelta

import pytest
from bowen.profile.v1 import event_pb2, events_pb2, profile_pb2

from chassis.caller import Call, Caller, acting
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound
from chassis.stamps import stamp
from tests.service.profile.speaking import ACCEPTED, REJECTED, an_event, identifier, identify
from tests.service.profile.test_identity import NOBODY
from tests.service.profile.test_people import a_row

PHONE = "13912345678"
E164 = "+8613912345678"
DAY = timedelta(days=1)
PUBLIC = event_pb2.TRUST_PUBLIC
Moved = events_pb2.IdentifierMoved


def phone(value=PHONE, *, verified=True):
    return identifier("phone", value, verified=verified)


def member(number):
    return identifier("member_no", number)


async def owner(profile, type_name="phone", value=PHONE):
    return (await profile.lookup(type_name, value)).profile_id


async def test_a_link_tells_whose_word_attached_it(profile):
    [imported] = await profile.imported(a_row("r1", member_no="M1"))
    [visitor] = await profile.accepted(an_event(anonymous_id="dev-1", source_id="shop-web", trust=PUBLIC))
    [arrival] = await profile.timeline(visitor)
    await profile.accepted(identify(anonymous_id="dev-1", identifiers=[member("M1"), phone()], source_id="till"))
    [sign_in, _] = await profile.timeline(imported.profile_id)

    with acting(Call(Caller("key:desk", frozenset({"profile.profiles:read"})))):
        links = {link.identifier.type: link for link in (await profile.get(imported.profile_id)).identifiers}

    assert {name: (link.source_id, link.event_id, link.trust) for name, link in links.items()} == {
        "member_no": ("members", "", event_pb2.TRUST_SERVER),
        "phone": ("till", sign_in.event_id, event_pb2.TRUST_SERVER),
        "anonymous_id": ("shop-web", arrival.event_id, PUBLIC),
    }
    assert links["phone"].identifier.value == "+86139****5678"
    assert links["phone"].last_verified_time == stamp(profile.clock.now())


async def test_a_contact_nobody_proved_is_handed_over_and_told_of(profile):
    [first] = await profile.accepted(identify(user_id="u1", identifiers=[phone(verified=False)]))

    [second] = await profile.accepted(identify(user_id="u2", identifiers=[phone(verified=False)], anonymous_id="a1"))

    assert await owner(profile) == second
    [told] = await profile.facts(Moved)
    assert (told.from_profile_id, told.to_profile_id, told.reason) == (first, second, Moved.REASON_HANDED_OVER)


async def test_i1_a_device_of_a_store_ends_as_suspect_and_merges_nobody(profile):
    tablet = identifier("android.id", "store-tablet", namespace="pos")
    for number in range(50):
        await profile.accepted(
            identify(identifiers=[phone(f"139123456{number:02d}"), tablet], original_time=profile.clock.now())
        )

    assert await profile.stats() == (50, 0, 50)
    [suspect] = (await profile.quarantined()).identifiers
    assert (suspect.identifier.value, suspect.seen_count) == ("store-tablet", 11)
    [told] = await profile.facts(events_pb2.IdentifierQuarantined)
    assert (told.identifier.value, told.profile_id, told.seen_count) == ("store-tablet", suspect.profile_id, 11)
    assert await owner(profile, "phone", "13912345649") != suspect.profile_id
    await profile.assert_sound()


@pytest.mark.parametrize("known", [True, False])
async def test_i4_a_value_an_integration_made_up_is_quarantined_and_what_it_merged_can_be_undone(profile, known):
    phones = [f"1391234{number:04d}" for number in range(3_000)]
    slices = [phones[start : start + 600] for start in range(0, 3_000, 600)]
    for slice_of in slices if known else ():
        await profile.accepted(*(identify(identifiers=[phone(each)]) for each in slice_of))

    for slice_of in slices:
        await profile.accepted(
            *(identify(user_id="qa-user", identifiers=[phone(each, verified=known)]) for each in slice_of)
        )

    people, merges, _ = await profile.stats()
    assert merges == (2 if known else 0)
    assert people == (2_998 if known else 2_986)  # else it held five numbers, and hid ten until it was noticed
    assert [each.identifier.value for each in (await profile.quarantined()).identifiers] == ["qa-user"]
    assert len(await profile.facts(events_pb2.IdentifierQuarantined)) == 1
    for row in await profile.fetch("SELECT merge_id FROM merge ORDER BY sequence DESC"):
        await profile.undo(str(row["merge_id"]))
    assert (await profile.stats())[:2] == (people + merges, 0)
    await profile.assert_sound()


async def test_i3_what_means_nobody_makes_nobody_one(profile):
    values = ["null", '"null"', "0", "test", "“undefined”", "ＮＵＬＬ"]
    events = [
        identify(user_id=values[number % len(values)], identifiers=[phone(f"139{number:08d}", verified=False)])
        for number in range(3_000)
    ]

    outcomes = [each for start in (0, 1_500) for each in await profile.ingest(*events[start : start + 1_500])]

    assert {each.result for each in outcomes} == {ACCEPTED}
    assert {each.detail for each in outcomes} == {"identifier of type user_id is a blocked value"}
    assert await profile.stats() == (3_000, 0, 3_000)


async def test_a_member_with_a_new_browser_at_every_visit_is_not_suspect(profile):
    for number in range(20):
        await profile.accepted(an_event(anonymous_id=f"visit-{number}"))
        await profile.accepted(identify(user_id="u1", anonymous_id=f"visit-{number}"))

    assert list((await profile.quarantined()).identifiers) == []


async def test_b5_what_was_seen_with_many_over_days_is_not_suspect(profile):
    now = profile.clock.now()
    for number in range(30):
        seen = now - timedelta(hours=12) * (30 - number)
        await profile.accepted(identify(user_id=f"u{number}", anonymous_id="family-computer", original_time=seen))

    assert list((await profile.quarantined()).identifiers) == []
    assert await owner(profile, "anonymous_id", "family-computer") == await owner(profile, "user_id", "u29")


async def test_b5_a_suspect_value_names_nobody_until_it_is_released(profile):
    for number in range(12):
        await profile.accepted(identify(user_id=f"u{number}", anonymous_id="kiosk"))
    holder = await owner(profile, "anonymous_id", "kiosk")
    [alone] = await profile.accepted(an_event(anonymous_id="kiosk"))
    assert alone == holder != await owner(profile, "user_id", "u11")

    assert await profile.release("anonymous_id", "kiosk")
    assert not await profile.release("anonymous_id", "kiosk")
    await profile.accepted(identify(user_id="u11", anonymous_id="kiosk"))

    assert await owner(profile, "anonymous_id", "kiosk") == await owner(profile, "user_id", "u11")
    assert list((await profile.quarantined()).identifiers) == []


async def test_quarantined_identifiers_are_listed_in_pages(profile):
    for device in ("kiosk-1", "kiosk-2", "kiosk-3"):
        await profile.accepted(*(identify(user_id=f"{device}-u{number}", anonymous_id=device) for number in range(11)))

    first = await profile.quarantined(page_size=2)
    second = await profile.quarantined(page_size=2, page_token=first.next_page_token)

    found = [each.identifier.value for page in (first, second) for each in page.identifiers]
    assert sorted(found) == ["kiosk-1", "kiosk-2", "kiosk-3"]
    assert second.next_page_token == ""


async def test_b14_an_identifier_that_is_taken_away_names_nobody(profile):
    [person] = await profile.accepted(identify(user_id="u1", identifiers=[phone()]))

    move = await profile.remove(person, "phone", PHONE)

    assert (move.from_profile_id, move.to_profile_id, move.actor, move.note) == (
        person,
        "",
        "service:tester",
        "recycled",
    )
    with pytest.raises(NotFound):
        await owner(profile)
    [told] = await profile.facts(Moved)
    assert (told.from_profile_id, told.to_profile_id, told.reason) == (person, "", Moved.REASON_REMOVED)
    with pytest.raises(NotFound, match="IDENTIFIER_NOT_FOUND"):
        await profile.remove(person, "phone", PHONE)
    with pytest.raises(NotFound, match="PROFILE_NOT_FOUND"):
        await profile.remove(NOBODY, "phone", PHONE)


async def test_b14_an_identifier_is_given_to_another_and_events_stay(profile):
    old, new = await profile.accepted(
        identify(user_id="u1", identifiers=[phone()]), identify(identifiers=[member("M2")])
    )

    move = await profile.reassign(old, "phone", PHONE, new)

    assert await owner(profile) == new
    assert move.reason == profile_pb2.IdentifierMove.REASON_REASSIGNED
    assert [each.move_id for each in await profile.moves(new)] == [move.move_id]
    assert [len(await profile.timeline(each)) for each in (old, new)] == [1, 1]
    assert await profile.accepted(an_event(identifiers=[phone()])) == [new]
    with pytest.raises(FailedPrecondition, match="PROFILES_ARE_ONE"):
        await profile.reassign(new, "phone", PHONE, new)
    with pytest.raises(NotFound, match="PROFILE_NOT_FOUND"):
        await profile.reassign(new, "phone", PHONE, NOBODY)
    await profile.assert_sound()


async def test_b2_an_identifier_is_not_given_to_whom_it_would_be_too_many(profile):
    old, new = await profile.accepted(identify(user_id="u1"), identify(user_id="u2"))

    with pytest.raises(FailedPrecondition, match="IDENTIFIER_REFUSED") as refused:
        await profile.reassign(old, "user_id", "u1", new)

    assert refused.value.metadata == {"rule": "LIMIT user_id 1"}
    assert await owner(profile, "user_id", "u1") == old
    assert await profile.moves(old) == []


async def test_b14_moves_are_listed_in_pages_for_all_ids_of_a_person(profile):
    [person] = await profile.accepted(identify(user_id="u1", identifiers=[phone(), phone("13912345679")]))
    first = await profile.remove(person, "phone", PHONE)
    second = await profile.remove(person, "phone", "13912345679")

    assert [each.move_id for each in await profile.moves(person)] == [second.move_id, first.move_id]
    assert [each.move_id for each in await profile.moves(person, page_size=1)] == [second.move_id]


async def test_b4_what_an_operator_blocks_names_nobody_and_is_named_in_the_outcome(profile):
    blocked = await profile.block("phone", "021-6234 5678")
    again = await profile.block("phone", "+862162345678")
    await profile.block("", "(?i)qa-.*", is_pattern=True)

    outcomes = await profile.ingest(
        identify(user_id="u1", identifiers=[phone("02162345678")]),
        identify(user_id="u2", identifiers=[phone("02162345678")]),
        identify(user_id="QA-7", anonymous_id="a"),
        identify(user_id="qa-8"),
    )

    assert blocked == again
    assert (blocked.value, blocked.actor, blocked.note) == ("+862162345678", "service:tester", "of the store")
    assert [each.result for each in outcomes] == [ACCEPTED, ACCEPTED, ACCEPTED, REJECTED]
    assert [each.detail for each in outcomes[:3]] == [
        "identifier of type phone is a blocked value",
        "identifier of type phone is a blocked value",
        "identifier of type user_id is a blocked value",
    ]
    assert outcomes[3].reason == "IDENTIFIER_INVALID"
    assert await profile.partition() == {
        frozenset({f"{each}"}) for each in ("user_id//u1", "user_id//u2", "anonymous_id//a")
    }


async def test_b4_a_list_of_blocked_values_can_be_read_and_shortened(profile):
    blocked = await profile.block("user_id", "kiosk")

    assert [each.blocked_value_id for each in await profile.blocked()] == [blocked.blocked_value_id]
    await profile.unblock(blocked.blocked_value_id)

    assert await profile.blocked() == []
    assert [each.result for each in await profile.ingest(identify(user_id="kiosk"))] == [ACCEPTED]
    with pytest.raises(NotFound, match="BLOCKED_VALUE_NOT_FOUND"):
        await profile.unblock(blocked.blocked_value_id)


@pytest.mark.parametrize(
    ("type_name", "value", "is_pattern", "told"),
    [
        ("shoe_size", "43", False, "type is not a known type"),
        ("phone", "none", False, "value is no telephone number"),
        ("user_id", "(a", True, "value is none of RE2"),
        ("user_id", r"(a)\1", True, "value is none of RE2"),
        ("", ".*", True, "value would block everything"),
        ("", "", False, "value"),
    ],
)
async def test_b4_what_cannot_be_blocked_is_refused_and_changes_nothing(profile, type_name, value, is_pattern, told):
    with pytest.raises(InvalidArgument, match=told):
        await profile.block(type_name, value, is_pattern=is_pattern)

    assert await profile.blocked() == []


async def test_b4_a_pattern_takes_time_in_proportion_to_the_value(profile):
    await profile.block("user_id", "(a+)+b", is_pattern=True)

    outcomes = await asyncio.wait_for(profile.ingest(identify(user_id="a" * 200)), 30)

    assert [each.result for each in outcomes] == [ACCEPTED]


async def test_i28_the_hundred_and_first_merge_is_refused_and_told_once(profile):
    now = profile.clock.now()
    events = []
    for number in range(102):
        seen = now - 8 * DAY * (102 - number)
        events += [
            an_event(anonymous_id=f"a{number}", original_time=seen),
            identify(user_id="u1", anonymous_id=f"a{number}", original_time=seen),
        ]
    await profile.accepted(*events)

    outcomes = await profile.ingest(*(identify(user_id="u1", anonymous_id="a101") for _ in range(3)))

    user = await owner(profile, "user_id", "u1")
    assert {each.profile_id for each in outcomes} == {user}
    assert {each.detail for each in outcomes} == {"anonymous_id was not believed: MERGES_MAX"}
    assert (await profile.stats())[1] == 100
    [told] = await profile.facts(events_pb2.MergeRefused)
    assert (told.profile_id, told.rule, told.identifier.value) == (user, "MERGES_MAX", "a101")
    assert told.owner_id == await owner(profile, "anonymous_id", "a101")
