"""What is known of people, their timelines, imports and resolving."""

import asyncio
import json
from datetime import timedelta

import pytest
from bowen.profile.v1 import events_pb2
from bowen.profile.v1 import profile_service_pb2 as pb

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from tests.service.profile.speaking import an_event, identifier, identify

Result = pb.ImportProfilesOutcome


async def attributes(profile, user_id="u1"):
    return json.loads((await profile.lookup("user_id", user_id)).attributes)


def a_row(row_id="r1", *, values=None, time=None, **identifiers):
    row = pb.ProfileRow(row_id=row_id, attributes=json.dumps(values or {}))
    row.identifiers.extend(identifier(name, value) for name, value in (identifiers or {"member_no": row_id}).items())
    if time:
        row.time.CopyFrom(stamp(time))
    return row


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_the_latest_value_by_event_time_holds_in_any_order_of_arrival(profile, order):
    now = profile.clock.now()
    events = [
        identify(user_id="u1", traits={"city": "Paris", "name": "A"}, original_time=now - timedelta(hours=3)),
        identify(user_id="u1", traits={"city": None, "age": 1}, original_time=now - timedelta(hours=2)),
        identify(user_id="u1", traits={"name": "", "age": 2}, original_time=now - timedelta(hours=1)),
    ]

    for index in order:
        await profile.accepted(events[index])

    assert await attributes(profile) == {"name": "", "age": 2}


async def test_others_are_told_of_each_change_once_with_a_growing_version(profile):
    await profile.accepted(identify(user_id="u1", traits={"a": 1}), identify(user_id="u1", traits={"b": 2}))
    profile.clock.advance(1)
    await profile.accepted(identify(user_id="u1", traits={"a": 1}))
    profile.clock.advance(1)
    await profile.accepted(identify(user_id="u1", traits={"a": 3, "b": None}))

    told = await profile.facts(events_pb2.ProfileUpdated)

    assert [(each.version, list(each.changed), json.loads(each.attributes)) for each in told] == [
        (1, ["a", "b"], {"a": 1, "b": 2}),
        (2, ["a", "b"], {"a": 3}),
    ]


async def test_traits_of_a_group_are_not_the_persons(profile):
    await profile.accepted(an_event(type=5, user_id="u1", group_id="g", traits={"industry": "retail"}))

    assert await attributes(profile) == {}


async def test_a_phone_and_an_address_in_traits_are_weak_identifiers(profile):
    [person] = await profile.accepted(identify(user_id="u1", traits={"phone": "138 1234 5678", "email": "A@b.cn"}))

    for found in (await profile.lookup("phone", "13812345678"), await profile.lookup("email", "a@B.cn")):
        assert found.profile_id == person
    shown = {link.identifier.type: link for link in (await profile.get(person)).identifiers}
    assert not shown["phone"].identifier.verified
    assert getattr(shown["phone"], "class") == 3
    assert getattr(shown["user_id"], "class") == 1


async def test_a_timeline_is_paged_newest_first_over_a_person_and_all_that_were_merged_into_them(profile):
    start = profile.clock.now() - timedelta(days=1)
    events = [
        an_event(anonymous_id="a1" if n % 2 else "", user_id="" if n % 2 else "u1", name=f"n{n}", original_time=start)
        for n in range(8)
    ]
    for n, event in enumerate(events):
        event.original_time.FromDatetime(start + timedelta(minutes=n // 2))
    await profile.accepted(*events)
    [person] = await profile.accepted(identify(user_id="u1", anonymous_id="a1"))

    names, token = [], ""
    while True:
        request = pb.ListProfileEventsRequest(profile_id=person, page_size=3, page_token=token)
        page = await profile.stub.ListProfileEvents(request)
        names += [event.name for event in page.events]
        token = page.next_page_token
        if not token:
            break

    assert sorted(names) == sorted(["", *(f"n{n}" for n in range(8))])
    assert [name[1:2] for name in names if name in ("n0", "n7")] == ["7", "0"]
    assert len(await profile.timeline(person, name="n3")) == 1
    window = {"start_time": stamp(start + timedelta(minutes=1)), "end_time": stamp(start + timedelta(minutes=2))}
    assert {event.name for event in await profile.timeline(person, **window)} == {"n2", "n3"}


async def test_a_page_token_is_good_for_its_own_list_only(profile):
    people = await profile.accepted(*(an_event(user_id=f"u{n % 2}") for n in range(6)))
    page = await profile.stub.ListProfileEvents(pb.ListProfileEventsRequest(profile_id=people[0], page_size=1))

    for wrong in (
        pb.ListProfileEventsRequest(profile_id=people[1], page_token=page.next_page_token),
        pb.ListProfileEventsRequest(profile_id=people[0], page_token="x"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await profile.stub.ListProfileEvents(wrong)
        assert refused.value.violations[0][0] == "page_token"


async def test_an_import_has_an_outcome_per_row_and_is_repeated_without_effect(profile):
    rows = [
        a_row("1", values={"city": "Xi'an"}, member_no="m1", phone="13812345678"),
        a_row("2", member_no="m2", phone="138****1234"),
        a_row("3", phone="12345"),
        a_row("4", values={"city": None, "vip": True}, member_no="m1"),
    ]
    rows.append(pb.ProfileRow(row_id="5", identifiers=[identifier("wx.openid", "o")]))

    first = await profile.imported(*rows)
    told = len(await profile.facts(events_pb2.ProfileUpdated))
    again = await profile.imported(*rows)

    assert [each.result for each in first] == [
        Result.RESULT_CREATED,
        Result.RESULT_CREATED,
        Result.RESULT_REJECTED,
        Result.RESULT_UPDATED,
        Result.RESULT_REJECTED,
    ]
    assert "is masked" in first[1].detail
    assert [each.reason for each in (first[2], first[4])] == ["IDENTIFIER_INVALID"] * 2
    assert first[3].profile_id == first[0].profile_id
    assert json.loads((await profile.get(first[0].profile_id)).attributes)["vip"] is True
    unchanged = {Result.RESULT_DUPLICATE, Result.RESULT_REJECTED}
    assert {each.result for each in again} == unchanged
    assert [each.profile_id for each in again] == [each.profile_id for each in first]
    assert len(await profile.facts(events_pb2.ProfileUpdated)) == told
    assert await profile.stats() == (2, 0, 0)


async def test_a_row_with_other_content_under_the_same_id_updates_the_person(profile):
    await profile.imported(a_row("1", values={"a": 1}, member_no="m1"))
    profile.clock.advance(1)

    [outcome] = await profile.imported(a_row("1", values={"a": 2}, member_no="m1"))

    assert outcome.result == Result.RESULT_UPDATED
    assert json.loads((await profile.get(outcome.profile_id)).attributes) == {"a": 2}


async def test_a10_rows_of_one_id_in_one_import_each_tell_their_own_person(profile):
    rows = [a_row("r1", user_id=name) for name in ("u1", "u1", "u2", "u2")]

    outcomes = await profile.imported(*rows)
    again = await profile.imported(*rows)

    one, other = [(await profile.lookup("user_id", name)).profile_id for name in ("u1", "u2")]
    assert [each.profile_id for each in outcomes] == [each.profile_id for each in again] == [one, one, other, other]
    assert [each.result for each in outcomes] == [
        *(Result.RESULT_CREATED, Result.RESULT_DUPLICATE),
        *(Result.RESULT_CREATED, Result.RESULT_DUPLICATE),
    ]


async def test_old_facts_of_an_import_do_not_replace_newer_ones(profile):
    now = profile.clock.now()
    await profile.accepted(identify(user_id="u1", traits={"city": "now"}, original_time=now - timedelta(days=1)))

    await profile.imported(a_row("1", values={"city": "then"}, time=now - timedelta(days=300), user_id="u1"))

    assert await attributes(profile) == {"city": "now"}
    person = await profile.lookup("user_id", "u1")
    assert person.create_time == stamp(now - timedelta(days=300))


async def test_an_import_merges_two_known_people_that_a_row_says_are_one(profile):
    await profile.imported(a_row("1", member_no="m1"), a_row("2", user_id="u1"))

    [outcome] = await profile.imported(a_row("3", member_no="m1", user_id="u1"))

    assert outcome.profile_id == (await profile.lookup("user_id", "u1")).profile_id
    [merge] = await profile.merges(outcome.profile_id)
    assert merge.event_id == ""
    await profile.assert_sound()


async def test_the_same_import_from_eight_sides_has_one_effect(profile):
    rows = [a_row(str(n), values={"n": n}, member_no=f"m{n}", phone=f"138123456{n:02d}") for n in range(20)]

    answers = await asyncio.gather(*(profile.imported(*rows) for _ in range(8)))

    created = [each for outcomes in answers for each in outcomes if each.result == Result.RESULT_CREATED]
    assert len(created) == 20
    assert await profile.stats() == (20, 0, 0)
    assert len(await profile.facts(events_pb2.ProfileUpdated)) == 20


async def test_resolving_finds_people_and_creates_them_only_when_asked_to(profile):
    [known] = await profile.accepted(identify(user_id="u1"))
    sets = [[identifier("user_id", "u1")], [identifier("phone", "13812345678")], [identifier("taobao.oaid", "x")]]

    found = await profile.resolved(*sets, create=False)
    made = await profile.resolved(*sets)
    again = await profile.resolved(*sets)

    assert [each.reason for each in found] == ["", "PROFILE_NOT_FOUND", "IDENTIFIER_INVALID"]
    assert [each.profile_id for each in found] == [known, "", ""]
    assert made[1].profile_id
    assert list(made) == list(again)
    assert await profile.stats() == (2, 0, 1)


async def test_identifiers_that_are_resolved_together_become_one_persons(profile):
    [both] = await profile.resolved([identifier("member_no", "m1"), identifier("phone", "13812345678")])

    assert (await profile.lookup("phone", "13812345678")).profile_id == both.profile_id
