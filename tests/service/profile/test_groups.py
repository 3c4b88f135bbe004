"""Households, customers of stores, companies, with intervals: spec people §1B, B16."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest
from bowen.profile.v1 import event_pb2, events_pb2, group_pb2
from bowen.profile.v1 import group_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import moment, stamp
from services.profile.privacy.domain import about
from tests.service.profile.asking import ask
from tests.service.profile.speaking import an_event, identifier, identify

HOUSEHOLD, STORE, COMPANY = group_pb2.GROUP_TYPE_HOUSEHOLD, group_pb2.GROUP_TYPE_STORE, group_pb2.GROUP_TYPE_COMPANY
SCOPES = frozenset({"profile.groups:read", "profile.groups:write"})
TILL = Caller("key:till", SCOPES, store_id="s1")
GROUP = event_pb2.EVENT_TYPE_GROUP


def at(profile, hours):
    return profile.clock.now() + timedelta(hours=hours)


async def join(profile, person, group_id="g", *, kind=HOUSEHOLD, start=None, end=None, **fields):
    request = pb.JoinGroupRequest(request_id=str(new_id()), profile_id=person, type=kind, group_id=group_id, **fields)
    if start is not None:
        request.start_time.CopyFrom(stamp(at(profile, start)))
    if end is not None:
        request.end_time.CopyFrom(stamp(at(profile, end)))
    return list((await profile.group_stub.JoinGroup(request)).memberships)


async def leave(profile, person, group_id="g", *, kind=HOUSEHOLD, when=0):
    request = pb.LeaveGroupRequest(request_id=str(new_id()), profile_id=person, type=kind, group_id=group_id)
    request.leave_time.CopyFrom(stamp(at(profile, when)))
    return list((await profile.group_stub.LeaveGroup(request)).memberships)


async def members(profile, group_id="g", *, kind=HOUSEHOLD, when=0, **fields):
    request = pb.ListGroupMembersRequest(type=kind, group_id=group_id, as_of=stamp(at(profile, when)), **fields)
    return await profile.group_stub.ListGroupMembers(request)


async def ids(profile, group_id="g", **fields):
    return {member.profile_id for member in (await members(profile, group_id, **fields)).members}


async def groups_of(profile, person, *, when=None):
    as_of = None if when is None else stamp(at(profile, when))
    request = pb.ListProfileGroupsRequest(profile_id=person, as_of=as_of)
    return list((await profile.group_stub.ListProfileGroups(request)).memberships)


async def traits(profile, group_id, kind=COMPANY):
    request = pb.GetGroupRequest(type=kind, group_id=group_id)
    return json.loads((await profile.group_stub.GetGroup(request)).group.traits)


@pytest.fixture
async def pair(profile):
    return await profile.accepted(identify(user_id="u1"), identify(identifiers=[identifier("member_no", "M2")]))


async def test_b16_who_joins_and_leaves_belongs_in_between(profile, pair):
    one, _ = pair
    await join(profile, one, start=-10)
    [ended] = await leave(profile, one, when=-2)

    assert (moment(ended.start_time), moment(ended.end_time)) == (at(profile, -10), at(profile, -2))
    assert {when: await ids(profile, when=when) for when in (-11, -10, -2.001, -2, 0)} == {
        -11: set(),
        -10: {one},
        -2.001: {one},
        -2: set(),
        0: set(),
    }
    assert await groups_of(profile, one) == [ended]
    assert await groups_of(profile, one, when=0) == []


async def test_b16_saying_it_again_adds_nothing_and_who_left_may_come_back(profile, pair):
    one, _ = pair
    first = await join(profile, one, start=-10)
    assert await join(profile, one, start=-9) == first
    await leave(profile, one, when=-5)

    both = await join(profile, one)

    assert [(moment(each.start_time), each.HasField("end_time")) for each in both] == [
        (at(profile, -10), True),
        (at(profile, 0), False),
    ]
    assert len(await profile.facts(events_pb2.MembershipChanged)) == 3


async def test_b16_an_end_that_is_known_is_kept_and_what_was_covered_is_not_said_twice(profile, pair):
    one, _ = pair
    await join(profile, one, start=2, end=4)

    spans = await join(profile, one, start=0, end=6)

    assert [(moment(each.start_time), moment(each.end_time)) for each in spans] == [
        (at(profile, start), at(profile, end)) for start, end in ((0, 2), (2, 4), (4, 6))
    ]
    assert {when: bool(await ids(profile, when=when)) for when in (-1, 0, 3, 5, 6)} == {
        -1: False, 0: True, 3: True, 5: True, 6: False
    }  # fmt: skip


async def test_b16_merged_people_belong_to_what_either_does_and_undoing_needs_no_work(profile, pair):
    one, other = pair
    await join(profile, one, "g", start=-10)
    await join(profile, other, "g", start=-20)
    await join(profile, other, "h", start=-20)
    merge = await profile.merge(one, other)

    together = await members(profile, "g")
    assert [(each.profile_id, moment(each.start_time)) for each in together.members] == [
        (merge.survivor_id, at(profile, -20))
    ]
    assert {each.group_id for each in await groups_of(profile, one)} == {"g", "h"}
    await profile.undo(merge.merge_id)

    assert await ids(profile, "g") == {one, other}
    assert [each.group_id for each in await groups_of(profile, one)] == ["g"]
    assert await ids(profile, "h") == {other}


async def test_b16_who_leaves_leaves_under_every_id(profile, pair):
    one, other = pair
    await join(profile, one, start=-10)
    await join(profile, other, start=-20)
    await profile.merge(one, other)

    assert len(await leave(profile, one)) == 2

    assert await ids(profile) == set()
    with pytest.raises(NotFound, match="MEMBERSHIP_NOT_FOUND"):
        await leave(profile, other)


async def test_who_leaves_at_the_instant_of_joining_never_belonged(profile, pair):
    one, _ = pair
    await join(profile, one, start=0)

    assert await leave(profile, one, when=0) == []

    assert await groups_of(profile, one) == []
    assert [each.is_void for each in await profile.facts(events_pb2.MembershipChanged)] == [False, True]


async def test_b16_a_group_call_joins_with_the_traits_of_the_group(profile):
    call = {"type": GROUP, "user_id": "u1", "group_id": "acme"}

    [person] = await profile.accepted(
        an_event(**call, traits={"name": "Acme", "phone": "13912345678"}, original_time=at(profile, -3))
    )
    await profile.accepted(an_event(**call, traits={"name": "Older"}, original_time=at(profile, -5)))

    [late, first] = await groups_of(profile, person)
    assert (moment(late.start_time), moment(late.end_time)) == (at(profile, -5), at(profile, -3))
    assert (moment(first.start_time), first.HasField("end_time")) == (at(profile, -3), False)
    assert (first.type, first.group_id, first.actor) == (COMPANY, "acme", "web")
    assert await traits(profile, "acme") == {"name": "Acme", "phone": "13912345678"}
    assert json.loads((await profile.get(person)).attributes) == {}
    assert (await profile.fetch("SELECT facts FROM people_group"))[0]["facts"].startswith("bowen-sealed:")
    with acting(Call(Caller("key:brand", SCOPES))):
        assert await traits(profile, "acme") == {"name": "Acme", "phone": "139****5678"}


async def test_b16_a_late_group_call_does_not_bring_back_who_left(profile):
    call = {"type": GROUP, "user_id": "u1", "group_id": "h1", "traits": {"group_type": "household"}}
    [person] = await profile.accepted(an_event(**call, original_time=at(profile, -9)))
    await leave(profile, person, "h1", when=-2)

    await profile.accepted(an_event(**call, original_time=at(profile, -4)))
    assert await ids(profile, "h1") == set()
    await profile.accepted(an_event(**call, original_time=at(profile, -1)))

    assert await ids(profile, "h1") == {person}


async def test_a9_what_anybody_can_speak_for_joins_nobody(profile):
    [outcome] = await profile.ingest(
        an_event(type=GROUP, anonymous_id="a1", group_id="acme", trust=event_pb2.TRUST_PUBLIC, traits={"name": "x"})
    )

    assert outcome.detail == "group needs a trusted source"
    assert await groups_of(profile, outcome.profile_id) == []
    with pytest.raises(NotFound, match="GROUP_NOT_FOUND"):
        await traits(profile, "acme")


async def test_the_same_is_said_by_many_at_once_and_holds_once(profile, pair):
    one, _ = pair

    await asyncio.gather(
        *(join(profile, one, start=-n, traits=json.dumps({f"t{n}": n})) for n in range(4)),
        *(profile.accepted(an_event(type=GROUP, user_id=f"u{n}", group_id="g",
                                    traits={"group_type": "household", "size": n})) for n in range(4)),
    )  # fmt: skip

    overlapping = await profile.fetch(
        "SELECT 1 FROM membership a JOIN membership b USING (profile_id, type, group_id)"
        " WHERE a.membership_id <> b.membership_id AND a.start_time < coalesce(b.end_time, 'infinity')"
        " AND b.start_time < coalesce(a.end_time, 'infinity')"
    )
    assert overlapping == []
    assert {"t0", "t1", "t2", "t3", "size"} <= (await traits(profile, "g", HOUSEHOLD)).keys()
    assert len(await ids(profile)) == 4


async def test_members_come_in_pages(profile):
    people = await profile.accepted(*(identify(user_id=f"u{n}") for n in range(5)))
    for person in people:
        await join(profile, person)
    first = await members(profile, page_size=3)
    rest = await members(profile, page_size=3, page_token=first.next_page_token)

    assert [each.profile_id for each in (*first.members, *rest.members)] == sorted(people)
    assert rest.next_page_token == ""


async def test_a_store_has_its_own_customers_and_nothing_else(profile, pair):
    one, other = pair
    await join(profile, other, "s2", kind=STORE)
    await join(profile, one, "h")

    with acting(Call(TILL)):
        await join(profile, one, "s1", kind=STORE)
        assert await ids(profile, "s1", kind=STORE) == {one}
        assert [each.group_id for each in await groups_of(profile, one)] == ["s1"]
        assert await groups_of(profile, other) == []
        for attempt in (
            join(profile, one, "s2", kind=STORE),
            leave(profile, other, "s2", kind=STORE),
            members(profile, "s2", kind=STORE),
            members(profile, "s1", kind=COMPANY),
            traits(profile, "h", HOUSEHOLD),
        ):
            with pytest.raises(PermissionDenied):
                await attempt


async def test_a_shopper_sees_their_own_groups(profile, pair):
    one, other = pair
    await join(profile, one)

    with acting(Call(Caller("shopper:1", profile_id=one))):
        assert [each.group_id for each in await groups_of(profile, one)] == ["g"]
        with pytest.raises(PermissionDenied):
            await groups_of(profile, other)
        with pytest.raises(PermissionDenied):
            await join(profile, one, "vip", kind=COMPANY)


async def test_h5_h6_groups_are_in_the_bundle_and_go_with_the_person(profile, pair):
    one, other = pair
    for kind in (HOUSEHOLD, COMPANY):
        await join(profile, one, kind=kind, traits=json.dumps({"address": "1 Nanjing Road"}))
    await join(profile, other, kind=COMPANY)
    exported = await ask(profile, "EXPORT", one)

    [part] = await profile.fetch(
        "SELECT * FROM bundle_part WHERE privacy_request_id = $1", UUID(exported.privacy_request_id)
    )
    lines = profile.vault.unseal(part["lines"], about(part["privacy_request_id"], "profile", 0)).splitlines()
    assert [json.loads(line)["group_id"] for line in lines if '"kind":"membership"' in line] == ["g", "g"]
    await ask(profile, "ERASE", one)

    assert await ids(profile, kind=HOUSEHOLD) == set()
    assert await ids(profile, kind=COMPANY) == {other}
    assert [row["type"] for row in await profile.fetch("SELECT type FROM people_group")] == [COMPANY]


async def test_a_membership_of_nobody_or_one_that_ends_before_it_begins_is_refused(profile, pair):
    one, _ = pair
    with pytest.raises(InvalidArgument, match="MEMBERSHIP_INVALID"):
        await join(profile, one, start=2, end=2)
    with pytest.raises(NotFound, match="PROFILE_NOT_FOUND"):
        await join(profile, str(new_id()))
    with pytest.raises(NotFound, match="GROUP_NOT_FOUND"):
        await traits(profile, "nobody", COMPANY)
    assert await profile.fetch("SELECT 1 FROM membership") == []
