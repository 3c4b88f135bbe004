"""Pairs of people of whom somebody says whether they are one: spec people §1B, B3 and B13, §3.4 step 5, I12 and I20."""

import asyncio
from uuid import UUID

import pytest
from bowen.profile.v1 import review_pb2
from bowen.profile.v1 import review_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.db import driver
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Refusal
from chassis.ids import new_id
from chassis.stamps import stamp
from services.profile.reviews import operations
from services.profile.reviews.domain import Suggestion, Weight
from services.profile.reviews.store import CONFLICTS_SEARCHED_MAX
from tests.service.profile.asking import ask
from tests.service.profile.reviewing import PHONE, Item, a_family, a_member, conflicts, decide, look, queue
from tests.service.profile.speaking import identifier, identify

Conflict = review_pb2.IdentityConflict
DESK = Caller("key:desk", frozenset({"profile.reviews:read", "profile.reviews:write"}))


async def suggest(profile, one, other, probability_bp=9_500):
    alike = Suggestion(UUID(one), UUID(other), probability_bp, [Weight("name", 812), Weight("birthday", -37)])
    await profile.db.transact(lambda tx: operations.suggest(tx, [alike], now=profile.clock.now()))


async def test_i12_a_family_phone_makes_two_people_and_an_item(profile):
    one, other = await a_family(profile)

    [item] = await queue(profile)

    assert one != other
    assert (await profile.lookup("phone", "13912345678")).profile_id == one
    assert {item.profile_id, item.other_profile_id} == {one, other}
    assert (item.source, item.state) == (Item.SOURCE_CONFLICT, Item.STATE_OPEN)
    assert (item.rule, item.identifier_type) == ("LIMIT wx.unionid 1", "phone")
    assert item.event_id == (await profile.timeline(other))[0].event_id
    assert not item.HasField("resolve_time")


async def test_the_same_pair_comes_up_once_however_often_it_is_seen(profile):
    await a_family(profile)
    [first] = await queue(profile)

    await profile.accepted(a_member("U2"), a_member("U2"))

    assert await queue(profile) == [first]


async def test_what_concerns_one_person_alone_is_no_item(profile):
    await profile.accepted(identify(user_id="u1", anonymous_id="a"))
    await profile.accepted(*(identify(user_id="u1", identifiers=[]) for _ in range(2)))

    assert await queue(profile) == []


async def test_b13_both_are_shown_side_by_side_and_masked(profile):
    one, other = await a_family(profile)
    [item] = await queue(profile)

    with acting(Call(DESK)):
        seen = await look(profile, item)

    assert {seen.profile.profile_id, seen.other_profile.profile_id} == {one, other}
    assert [secret for secret in ("13912345678", "Zhang San") if secret in str(seen)] == []


async def test_b13_who_decides_that_they_are_one_merges_them_and_is_named(profile):
    one, other = await a_family(profile)
    [item] = await queue(profile)

    with acting(Call(DESK)):
        done = await decide(profile, item, "MERGE")

    [merge] = await profile.merges(one)
    assert {merge.survivor_id, merge.loser_id} == {one, other}
    assert (merge.reason, merge.actor, merge.note) == ("MANUAL", "key:desk", "called them")
    assert (done.state, done.merge_id) == (Item.STATE_MERGED, merge.merge_id)
    assert (done.actor, done.note, done.resolve_time) == ("key:desk", "called them", stamp(profile.clock.now()))
    await profile.assert_sound()


async def test_b13_who_was_told_apart_is_not_merged_and_does_not_come_up_again(profile):
    one, other = await a_family(profile)
    [item] = await queue(profile)

    done = await decide(profile, item, "NEVER_MERGE")
    await profile.accepted(a_member("U2"))

    assert done.state == Item.STATE_SEPARATED
    [said] = await profile.separations(one)
    assert (said.other_profile_id, said.note) == (other, "called them")
    assert await queue(profile, state=Item.STATE_OPEN) == []
    with pytest.raises(FailedPrecondition, match="MERGE_REFUSED"):
        await profile.merge(one, other)


async def test_b13_what_is_dismissed_changes_nothing(profile):
    await a_family(profile)
    [item] = await queue(profile)

    done = await decide(profile, item, "DISMISS")

    assert done.state == Item.STATE_DISMISSED
    assert await profile.stats() == (2, 0, 2)
    assert await queue(profile, state=Item.STATE_OPEN) == []
    assert await queue(profile) == [done]


async def test_a_decision_has_one_effect_and_another_one_is_refused(profile):
    one, _ = await a_family(profile)
    [item] = await queue(profile)

    done = await decide(profile, item, "MERGE", request_id="r1")

    assert await decide(profile, item, "MERGE", request_id="r1") == done
    assert await decide(profile, item, "MERGE") == done
    with pytest.raises(FailedPrecondition, match="REVIEW_ITEM_RESOLVED"):
        await decide(profile, item, "DISMISS")
    assert len(await profile.merges(one)) == 1


async def test_of_two_who_decide_at_once_one_decides(profile):
    await a_family(profile)
    [item] = await queue(profile)

    told = await asyncio.gather(
        decide(profile, item, "MERGE"), decide(profile, item, "NEVER_MERGE"), return_exceptions=True
    )

    assert sum(isinstance(each, Refusal) for each in told) == 1
    [stands] = await queue(profile)
    assert [each for each in told if not isinstance(each, BaseException)] == [stands]
    await profile.assert_sound()


@pytest.mark.parametrize("source", ["conflict", "suggestion"])
async def test_an_item_is_closed_when_its_people_are_merged_elsewhere(profile, source):
    one, other = await a_family(profile)
    if source == "suggestion":
        await suggest(profile, one, other)
    assert {item.state for item in await queue(profile)} == {Item.STATE_OPEN}
    await profile.merge(one, other)

    items = await queue(profile)

    assert {(item.state, item.actor) for item in items} == {(Item.STATE_MERGED, "")}
    with pytest.raises(FailedPrecondition, match="REVIEW_ITEM_RESOLVED"):
        await decide(profile, items[0], "NEVER_MERGE")


async def test_an_item_whose_people_were_merged_just_now_is_not_decided(profile):
    one, other = await a_family(profile)
    [item] = await queue(profile)
    await profile.merge(one, other)

    with pytest.raises(FailedPrecondition, match="PROFILES_ARE_ONE"):
        await decide(profile, item, "MERGE")


async def test_an_item_is_closed_when_its_people_are_told_apart_elsewhere(profile):
    one, other = await a_family(profile)
    await queue(profile)
    profile.clock.advance(1)
    merge = await profile.merge(one, other)
    await profile.undo(merge.merge_id)

    assert [item.state for item in await queue(profile)] == [Item.STATE_SEPARATED]


async def test_i20_a_link_between_two_who_were_told_apart_is_an_item(profile):
    one, _ = await a_family(profile)
    [item] = await queue(profile)
    await decide(profile, item, "DISMISS")
    [third] = await profile.accepted(identify(user_id="u3"))
    await profile.keep_apart(one, third)
    profile.clock.advance(1)

    await profile.accepted(identify(user_id="u3", identifiers=a_member("U1").identifiers[:1]))

    [new, _] = await queue(profile)
    assert (new.rule, new.state) == ("NEVER_MERGE", Item.STATE_OPEN)
    assert {new.profile_id, new.other_profile_id} == {one, third}


async def test_a_decision_holds_for_whom_the_two_were_merged_into_since(profile):
    one, other = await a_family(profile)
    [item] = await queue(profile)
    [elder] = await profile.accepted(identify(user_id="u0"))
    await profile.merge(elder, other)

    seen = await look(profile, item)
    await decide(profile, item, "MERGE")

    assert elder in {seen.profile.profile_id, seen.other_profile.profile_id}
    assert (await profile.stats())[0] == 1
    assert len({(await profile.get(each)).profile_id for each in (one, other, elder)}) == 1


async def test_items_are_listed_in_pages_by_state_source_person_and_probability(profile):
    one, other = await a_family(profile)
    conflict = (await queue(profile))[0]
    people = await profile.accepted(*(identify(user_id=f"u{n}") for n in range(5)))
    for number, person in enumerate(people):
        await suggest(profile, one, person, probability_bp=9_000 + number)
    items = await queue(profile)

    first = await profile.review_stub.ListReviewItems(pb.ListReviewItemsRequest(page_size=4))
    rest = await profile.review_stub.ListReviewItems(
        pb.ListReviewItemsRequest(page_size=4, page_token=first.next_page_token)
    )

    assert [*first.items, *rest.items] == items
    assert (len(items), rest.next_page_token) == (6, "")
    assert await queue(profile, source=Item.SOURCE_CONFLICT) == [conflict]
    assert [each.probability_bp for each in await queue(profile, min_probability_bp=9_003)] == [9_004, 9_003]
    assert await queue(profile, profile_id=other) == [conflict]
    assert [(each.field, each.weight_centibits) for each in items[0].weights] == [("name", 812), ("birthday", -37)]


async def test_a_suggestion_is_made_anew_while_it_is_open_and_never_again_once_it_was_decided(profile):
    one, other = await profile.accepted(identify(user_id="u1"), identify(user_id="u2"))
    await suggest(profile, one, other, 9_000)
    await suggest(profile, other, one, 9_100)
    [item] = await queue(profile)
    assert item.probability_bp == 9_100
    done = await decide(profile, item, "DISMISS")

    await suggest(profile, one, other, 9_900)

    assert await queue(profile) == [done]


async def test_h6_items_of_who_was_erased_are_gone_and_none_comes(profile):
    one, other = await a_family(profile)
    await suggest(profile, one, other)
    await queue(profile)

    await ask(profile, "ERASE", one, scope="PERSON")
    await suggest(profile, one, other)

    assert await queue(profile) == []


async def test_b13_stores_and_shoppers_have_no_part_in_it(profile):
    one, _ = await a_family(profile)
    [item] = await queue(profile)

    for caller in (Caller("key:till", DESK.scopes, store_id="s1"), Caller("shopper:1", profile_id=one)):
        with acting(Call(caller)):
            for attempt in (
                profile.review_stub.ListReviewItems(pb.ListReviewItemsRequest()),
                look(profile, item),
                conflicts(profile),
                decide(profile, item, "MERGE"),
            ):
                with pytest.raises(PermissionDenied):
                    await attempt


async def test_an_item_that_is_not_there_is_not_found(profile):
    with pytest.raises(NotFound, match="REVIEW_ITEM_NOT_FOUND"):
        await decide(profile, Item(review_item_id=str(new_id())), "MERGE")


async def test_b3_a_conflict_tells_claim_rule_event_and_what_became_of_it(profile):
    one, other = await a_family(profile)
    await profile.accepted(a_member("U2"))
    named = [each.event_id for each in await profile.timeline(other)]
    [item] = await queue(profile)

    with acting(Call(DESK)):
        [found] = (await conflicts(profile)).conflicts
    [whole] = (await conflicts(profile, profile_id=one)).conflicts

    assert (found.profile_id, found.owner_id, found.rule) == (other, one, "LIMIT wx.unionid 1")
    assert (found.identifier.type, found.identifier.value) == ("phone", "+86139****5678")
    assert whole.identifier.value == "+8613912345678"
    assert (found.event_id, found.source_id, found.count) == (named[-1], "web", 2)
    assert (found.state, found.review_item_id) == (Conflict.STATE_OPEN, item.review_item_id)
    await decide(profile, item, "MERGE")
    [merged] = (await conflicts(profile, state=Conflict.STATE_MERGED)).conflicts
    assert (merged.rule, list((await conflicts(profile, state=Conflict.STATE_OPEN)).conflicts)) == (found.rule, [])
    await profile.undo((await profile.merges(one))[0].merge_id)
    assert [each.state for each in (await conflicts(profile)).conflicts] == [Conflict.STATE_SEPARATED]


@pytest.mark.parametrize(
    ("decision", "state"), [("NEVER_MERGE", Conflict.STATE_SEPARATED), ("DISMISS", Conflict.STATE_DISMISSED)]
)
async def test_b3_a_conflict_is_settled_with_its_item_and_once_the_identifier_is_given_over(profile, decision, state):
    one, other = await a_family(profile)
    await decide(profile, (await queue(profile))[0], decision)
    assert [each.state for each in (await conflicts(profile, profile_id=other)).conflicts] == [state]

    await profile.reassign(one, "phone", PHONE, other)

    assert [each.state for each in (await conflicts(profile)).conflicts] == [Conflict.STATE_ATTACHED]


async def test_b3_a_rare_state_is_searched_for_in_steps(profile):
    one, other = await a_family(profile)
    profile.clock.advance(1)
    crowd = f"""
        INSERT INTO conflict (profile_id, key, rule, type, namespace, value, source_id, count, first_time, last_time)
        SELECT '{one}', gen_random_uuid(), 'LINKS_MAX', 'phone', '', '', 'web', 1, $1, $1
        FROM generate_series(1, {CONFLICTS_SEARCHED_MAX + 1})
    """

    async def be_crowded(tx):
        await (await driver(tx)).execute(crowd, profile.clock.now())

    await profile.db.transact(be_crowded)

    first = await conflicts(profile, state=Conflict.STATE_OPEN)
    rest = await conflicts(profile, state=Conflict.STATE_OPEN, page_token=first.next_page_token)

    assert (list(first.conflicts), bool(first.next_page_token)) == ([], True)
    assert ([each.profile_id for each in rest.conflicts], rest.next_page_token) == ([other], "")


async def test_b3_conflicts_are_listed_in_pages_by_person_and_state(profile):
    [alone] = await profile.accepted(identify(user_id="u0", identifiers=[identifier("member_no", "M1")]))
    for number in range(3):
        profile.clock.advance(1)
        await profile.accepted(identify(user_id="u0", identifiers=[identifier("member_no", f"N{number}")]))
    profile.clock.advance(1)
    one, _ = await a_family(profile)

    first = await conflicts(profile, page_size=2)
    rest = await conflicts(profile, page_size=2, page_token=first.next_page_token)

    times = [each.first_time.seconds for each in (*first.conflicts, *rest.conflicts)]
    assert (len(times), rest.next_page_token) == (4, "")
    assert times == sorted(times, reverse=True)
    lone = (await conflicts(profile, state=Conflict.STATE_ALONE)).conflicts
    assert [(each.profile_id, each.owner_id, each.rule) for each in lone] == [(alone, "", "LIMIT member_no 1")] * 3
    assert [each.profile_id for each in (await conflicts(profile, profile_id=alone)).conflicts] == [alone] * 3
    assert len((await conflicts(profile, profile_id=one)).conflicts) == 1
    with pytest.raises(InvalidArgument):
        await conflicts(profile, profile_id=one, page_token=first.next_page_token)
