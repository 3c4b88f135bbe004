"""Merges are undone: spec people §3.4, step 11, and cases I20, I21 and I24 as far as they are about people."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest
from bowen.profile.v1 import events_pb2

from chassis.caller import Call, Caller, acting
from chassis.errors import Conflict, FailedPrecondition, NotFound, PermissionDenied
from services.profile.identity.domain import EVENTS_MAX
from tests.service.profile.speaking import TRACK, an_event, identifier, identify
from tests.service.profile.test_identity import NOBODY, openid


async def two_made_one(profile):
    """Member m and the person behind openid o, each with something known, and the merge that an event made of them."""
    now = profile.clock.now()
    member, fan = identifier("member_no", "M"), openid("app", "o")
    await profile.accepted(
        identify(
            identifiers=[member], anonymous_id="am", traits={"name": "M", "city": "上海"}, original_time=now - DAY * 3
        ),
        identify(identifiers=[fan], anonymous_id="af", traits={"name": "F", "level": 3}, original_time=now - DAY * 2),
    )
    await profile.accepted(identify(identifiers=[member, fan], original_time=now - DAY))
    [merge] = await profile.merges((await profile.lookup("member_no", "M")).profile_id)
    return merge


DAY = timedelta(days=1)


async def held(profile, profile_id):
    return {link.identifier.value for link in (await profile.get(profile_id)).identifiers}


async def known(profile, profile_id):
    return json.loads((await profile.get(profile_id)).attributes)


async def test_an_undone_merge_gives_both_back_what_they_were(profile):
    merge = await two_made_one(profile)

    [undone] = await profile.undo(merge.merge_id)

    assert (undone.merge_id, undone.undo_actor, undone.undo_note) == (merge.merge_id, "service:tester", "they are two")
    member, fan = merge.survivor_id, merge.loser_id
    assert (await profile.get(fan)).redirected_from == ""
    assert await held(profile, member) == {"M", "am"}
    assert await held(profile, fan) == {"o", "af"}
    assert await known(profile, member) == {"name": "M", "city": "上海"}
    assert await known(profile, fan) == {"name": "F", "level": 3}
    assert len(await profile.timeline(member)) == 2
    assert len(await profile.timeline(fan)) == 1
    assert await profile.stats() == (2, 0, 3)
    await profile.assert_sound()


async def test_what_came_since_is_given_to_whom_its_identifiers_name(profile):
    merge = await two_made_one(profile)
    await profile.accepted(
        an_event(identifiers=[openid("app", "o")], anonymous_id="phone-of-f", name="of the fan"),
        an_event(anonymous_id="phone-of-f", name="of the fan too"),
        an_event(anonymous_id="am", name="of the member"),
        identify(anonymous_id="af", traits={"level": 4, "city": "北京"}),
        identify(anonymous_id="am", traits={"age": 30}),
        an_event(anonymous_id="af", name="late", original_time=profile.clock.now() - 7 * DAY),
    )

    await profile.undo(merge.merge_id)

    assert {event.name for event in await profile.timeline(merge.loser_id)} == {
        "",
        "of the fan",
        "of the fan too",
        "late",
    }
    assert {event.name for event in await profile.timeline(merge.survivor_id, name="of the member")} == {
        "of the member"
    }
    assert await held(profile, merge.loser_id) == {"o", "af", "phone-of-f"}
    assert await known(profile, merge.loser_id) == {"name": "F", "level": 4, "city": "北京"}
    assert await known(profile, merge.survivor_id) == {"name": "M", "city": "上海", "age": 30}
    told = await profile.facts(events_pb2.EventReassigned)
    assert sorted(each.name for each in told if each.type == TRACK) == ["late", "of the fan", "of the fan too"]
    assert {(each.profile_id, each.from_profile_id) for each in told} == {(merge.loser_id, merge.survivor_id)}
    await profile.assert_sound()


async def test_others_are_told_all_that_restoring_theirs_takes(profile):
    merge = await two_made_one(profile)
    await profile.accepted(identify(anonymous_id="af", traits={"level": 4}))

    await profile.undo(merge.merge_id)

    [told] = await profile.facts(events_pb2.ProfileUnmerged)
    assert (told.merge_id, told.requested_merge_id) == (merge.merge_id, merge.merge_id)
    assert (told.survivor_id, told.restored_id) == (merge.survivor_id, merge.loser_id)
    assert (told.remaining_id, list(told.restored_from_ids)) == (merge.survivor_id, [])
    assert json.loads(told.remaining_attributes) == {"name": "M", "city": "上海"}
    assert json.loads(told.restored_attributes) == {"name": "F", "level": 4}
    before = await profile.facts(events_pb2.ProfileMerged) + await profile.facts(events_pb2.ProfileUpdated)
    assert told.remaining_version == told.restored_version > max(each.version for each in before)
    assert {each.value for each in told.restored_identifiers} == {"o", "af"}
    outcomes = await profile.resolved(*([each] for each in told.restored_identifiers), create=False)
    assert list(told.restored_identifier_keys) == [each.identifier_key for each in outcomes]
    assert len(set(told.restored_identifier_keys) - {""}) == 2
    assert told.reassigned_event_count == len(await profile.facts(events_pb2.EventReassigned)) == 1


async def test_i20_the_same_link_does_not_merge_again_who_was_told_apart(profile):
    merge = await two_made_one(profile)
    await profile.undo(merge.merge_id)
    link = [identifier("member_no", "M"), openid("app", "o")]

    [outcome] = await profile.ingest(identify(identifiers=link, message_id="again"))

    assert outcome.profile_id == merge.survivor_id
    assert outcome.detail == "wx.openid was not believed: NEVER_MERGE"
    [conflict] = await profile.fetch("SELECT profile_id, owner_id, rule FROM conflict")
    assert [str(each) for each in conflict] == [merge.survivor_id, merge.loser_id, "NEVER_MERGE"]
    assert await held(profile, merge.loser_id) == {"o", "af"}


async def test_i20_it_holds_through_whom_either_was_merged_into_since(profile):
    merge = await two_made_one(profile)
    await profile.undo(merge.merge_id)
    await profile.accepted(identify(user_id="u", original_time=profile.clock.now() - 9 * DAY))
    await profile.accepted(identify(user_id="u", identifiers=[identifier("member_no", "M")]))
    assert (await profile.get(merge.survivor_id)).redirected_from == merge.survivor_id

    await profile.accepted(identify(user_id="u", identifiers=[openid("app", "o")]))

    assert await held(profile, merge.loser_id) == {"o", "af"}
    assert [row["rule"] for row in await profile.fetch("SELECT rule FROM conflict")] == ["NEVER_MERGE"]


async def test_i20_a_separation_can_be_listed_said_and_taken_back(profile):
    merge = await two_made_one(profile)
    await profile.undo(merge.merge_id)
    link = identify(identifiers=[identifier("member_no", "M"), openid("app", "o")])

    [said] = await profile.separations(merge.loser_id)
    assert (said.other_profile_id, said.merge_id, said.note) == (merge.survivor_id, merge.merge_id, "they are two")
    await profile.reunite(merge.loser_id, merge.survivor_id)
    await profile.accepted(link)

    assert await profile.separations(merge.survivor_id) == []
    assert (await profile.get(merge.loser_id)).redirected_from == merge.loser_id
    assert [bool(each.undo_time.seconds) for each in await profile.merges(merge.survivor_id)] == [False, True]
    with pytest.raises(FailedPrecondition, match="PROFILES_ARE_ONE"):
        await profile.keep_apart(merge.loser_id, merge.survivor_id)
    await profile.assert_sound()


async def test_people_who_were_told_apart_by_hand_are_never_merged(profile):
    one, other = await profile.accepted(identify(user_id="u1"), identify(identifiers=[openid("app", "o")]))
    first = await profile.keep_apart(one, other)
    again = await profile.keep_apart(other, one)

    await profile.accepted(identify(user_id="u1", identifiers=[openid("app", "o")]))

    assert len(await profile.partition()) == 2
    assert first.create_time == again.create_time
    with pytest.raises(FailedPrecondition, match="MERGE_REFUSED") as refused:
        await profile.merge(one, other)
    assert refused.value.metadata == {"rule": "NEVER_MERGE"}


async def chain(profile):
    """A + B by openid o, then B + C by openid p, which B brought along; returns the three people and both merges."""
    now = profile.clock.now()
    a, b, c = await profile.accepted(
        identify(user_id="a", traits={"a": 1}, original_time=now - 3 * DAY),
        identify(identifiers=[openid("app1", "b")], traits={"b": 1}, original_time=now - 2 * DAY),
        identify(identifiers=[openid("app2", "c")], traits={"c": 1}, original_time=now - DAY),
    )
    await profile.accepted(identify(user_id="a", identifiers=[openid("app1", "b")]))
    await profile.accepted(identify(identifiers=[openid("app1", "b"), openid("app2", "c")]))
    later, first = await profile.merges(a)
    return a, b, c, first, later


async def test_i21_a_merge_on_which_another_rests_is_not_undone_alone(profile):
    *_, first, later = await chain(profile)

    with pytest.raises(Conflict, match="MERGE_HAS_DEPENDENTS") as refused:
        await profile.undo(first.merge_id)

    assert refused.value.metadata["dependents"] == later.merge_id
    assert await profile.stats() == (1, 2, 5)
    assert await profile.facts(events_pb2.ProfileUnmerged) == []


async def test_i21_with_cascade_all_three_are_back(profile):
    a, b, c, first, later = await chain(profile)

    undone = await profile.undo(first.merge_id, cascade=True)

    assert [each.merge_id for each in undone] == [later.merge_id, first.merge_id]
    assert [each.undone_with for each in undone] == [first.merge_id, ""]
    assert await profile.partition() == {
        frozenset({"user_id//a"}),
        frozenset({"wx.openid/app1/b"}),
        frozenset({"wx.openid/app2/c"}),
    }
    assert [await known(profile, each) for each in (a, b, c)] == [{"a": 1}, {"b": 1}, {"c": 1}]
    assert [len(await profile.timeline(each)) for each in (a, b, c)] == [2, 2, 1]
    told = await profile.facts(events_pb2.ProfileUnmerged)
    assert [(each.merge_id, each.requested_merge_id) for each in told] == [
        (later.merge_id, first.merge_id),
        (first.merge_id, first.merge_id),
    ]
    await profile.assert_sound()


async def test_i21_b_and_c_may_become_one_again_since_nobody_told_them_apart(profile):
    a, b, c, first, _ = await chain(profile)
    await profile.undo(first.merge_id, cascade=True)

    await profile.accepted(identify(identifiers=[openid("app1", "b"), openid("app2", "c")]))

    assert (await profile.get(c)).profile_id == (await profile.get(b)).profile_id != a


async def test_i21_a_merge_that_does_not_rest_on_it_stands(profile):
    a, _, _, first, later = await chain(profile)
    await profile.accepted(an_event(anonymous_id="visitor", original_time=profile.clock.now() - DAY))
    await profile.accepted(identify(user_id="a", anonymous_id="visitor"))

    await profile.undo(later.merge_id)
    await profile.undo(first.merge_id)

    assert await held(profile, a) == {"a", "visitor"}
    assert await profile.stats() == (3, 1, 7)
    await profile.assert_sound()


async def test_i21_the_middle_of_a_chain_is_undone_where_the_survivor_lives_on_in_another(profile):
    now = profile.clock.now()
    low, guest, top = await profile.accepted(
        identify(identifiers=[identifier("member_no", "M")], traits={"m": 1}, original_time=now - 2 * DAY),
        an_event(anonymous_id="visitor", original_time=now - 5 * DAY),
        identify(user_id="u", traits={"u": 1}, original_time=now - DAY),
    )
    await profile.accepted(identify(identifiers=[identifier("member_no", "M")], anonymous_id="visitor"))
    await profile.accepted(identify(user_id="u", identifiers=[identifier("member_no", "M")]))
    above, below = await profile.merges(top)
    assert (above.survivor_id, above.loser_id, below.survivor_id, below.loser_id) == (top, low, low, guest)

    await profile.undo(below.merge_id)

    assert await held(profile, guest) == {"visitor"}
    assert (await profile.get(low)).profile_id == top
    assert (await profile.get(top)).create_time.ToDatetime(now.tzinfo) == now - 2 * DAY
    [told] = await profile.facts(events_pb2.ProfileUnmerged)
    assert (told.survivor_id, told.restored_id, told.remaining_id) == (low, guest, top)

    await profile.undo(above.merge_id)

    assert (await profile.get(low)).create_time.ToDatetime(now.tzinfo) == now - 2 * DAY
    assert (await profile.get(top)).create_time.ToDatetime(now.tzinfo) == now - DAY
    assert {row["merge_count"] for row in await profile.fetch("SELECT merge_count FROM profile")} == {0}
    await profile.assert_sound()


async def test_undoing_twice_and_at_once_undoes_once(profile):
    merge = await two_made_one(profile)

    first, second = await asyncio.gather(profile.undo(merge.merge_id), profile.undo(merge.merge_id))
    third = await profile.undo(merge.merge_id)

    assert first == second == third
    assert len(await profile.facts(events_pb2.ProfileUnmerged)) == 1
    await profile.assert_sound()


async def test_those_merged_before_come_back_with_whom_they_were_merged_into(profile):
    now = profile.clock.now()
    guest, fan, member = await profile.accepted(
        an_event(anonymous_id="visitor", original_time=now - DAY),
        identify(identifiers=[openid("app", "o")], original_time=now - 2 * DAY),
        identify(identifiers=[identifier("member_no", "M")], original_time=now - 3 * DAY),
    )
    await profile.accepted(identify(identifiers=[openid("app", "o")], anonymous_id="visitor"))
    await profile.accepted(identify(identifiers=[openid("app", "o"), identifier("member_no", "M")]))
    last, _ = await profile.merges(member)

    await profile.undo(last.merge_id)

    assert (await profile.get(guest)).profile_id == fan
    [told] = await profile.facts(events_pb2.ProfileUnmerged)
    assert list(told.restored_from_ids) == [guest]
    assert len(await profile.timeline(fan)) == 3
    await profile.assert_sound()


async def test_a_merge_by_hand_says_who_and_why_and_can_be_undone(profile):
    one, other = await profile.accepted(
        identify(user_id="u1", original_time=profile.clock.now() - DAY), identify(user_id="u2")
    )

    merge = await profile.merge(other, one)

    assert (merge.survivor_id, merge.loser_id, merge.reason) == (one, other, "MANUAL")
    assert (merge.actor, merge.note, list(merge.identifiers)) == ("service:tester", "same person", [])
    assert json.loads(merge.before)["loser"]["links"][0]["value"] == "u2"
    assert await held(profile, one) == {"u1", "u2"}
    await profile.undo(merge.merge_id)
    assert await held(profile, one) == {"u1"}
    with pytest.raises(FailedPrecondition, match="MERGE_REFUSED"):
        await profile.merge(one, other)
    await profile.assert_sound()


async def test_b11_merges_show_how_both_stood_only_when_asked(profile):
    merge = await two_made_one(profile)

    [shown] = await profile.merges(merge.survivor_id, include_before=True)

    assert (merge.before, merge.source_id, merge.rule_version) == ("", "web", 2)
    before = json.loads(shown.before)
    assert before["survivor"]["facts"]["city"][1:] == ["web", "上海"]
    assert {link["value"] for link in before["loser"]["links"]} == {"o", "af"}


async def test_what_does_not_exist_is_not_found_and_what_is_not_ones_own_is_denied(profile):
    [one] = await profile.accepted(identify(user_id="u1"))

    for request in (profile.undo(NOBODY), profile.merge(one, NOBODY), profile.keep_apart(NOBODY, one)):
        with pytest.raises(NotFound):
            await request
    for caller in (Caller("key:1", store_id="s1"), Caller("shopper:1", profile_id=one)):
        with acting(Call(caller)), pytest.raises(PermissionDenied):
            await profile.undo(NOBODY)


_MANY = """
INSERT INTO event SELECT (jsonb_populate_record(event, jsonb_build_object(
    'event_id', 'ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 'message_id', n::text, 'named', ''
))).* FROM event CROSS JOIN generate_series(1, $2) AS n WHERE event_id = $1
"""


async def test_a_merge_since_which_more_has_come_than_can_be_told_apart_at_once_is_not_undone(profile):
    merge = await two_made_one(profile)
    await profile.accepted(an_event(anonymous_id="af"))
    [event, *_] = await profile.timeline(merge.survivor_id)
    already = await profile.fetch("SELECT 1 FROM event WHERE event_id > $1", UUID(merge.event_id))
    room = EVENTS_MAX - len(already) - 1  # the event that merged them is one of them

    await profile.db.alone(_MANY, UUID(event.event_id), room + 1)
    with pytest.raises(FailedPrecondition, match="MERGE_EVENTS_MAX") as refused:
        await profile.undo(merge.merge_id)
    assert refused.value.metadata == {"merge_id": merge.merge_id, "events_max": str(EVENTS_MAX)}
    assert await profile.facts(events_pb2.ProfileUnmerged) == []
    assert (await profile.get(merge.loser_id)).redirected_from == merge.loser_id

    await profile.db.alone("DELETE FROM event WHERE message_id = '1'")
    await profile.undo(merge.merge_id)
    assert len(await profile.facts(events_pb2.EventReassigned)) == room + 1
