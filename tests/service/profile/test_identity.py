"""Who is who, over the wire and in the database: the cases of spec people §3.6."""

import asyncio
import json
import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from bowen.profile.v1 import event_pb2, events_pb2
from bowen.profile.v1 import profile_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.stamps import moment
from services.profile.identity.domain import claim
from services.profile.identity.store import forms
from tests.service.profile.speaking import ACCEPTED, ALIAS, an_event, identifier, identify
from tests.unit.profile.test_laws import heard
from tests.unit.profile.trials import Town, named

PUBLIC = event_pb2.TRUST_PUBLIC
NOBODY = "0192f000-0000-7000-8000-000000000000"


def openid(app: str, value: str):
    return identifier("wx.openid", value, namespace=app)


def alias(previous_id: str, user_id: str, **fields):
    return an_event(type=ALIAS, previous_id=previous_id, user_id=user_id, **fields)


async def test_i2_events_of_a_shared_browser_are_on_who_was_logged_in(profile):
    stream = [
        an_event(anonymous_id="A", name="before"),
        identify(anonymous_id="A", user_id="u1"),
        an_event(anonymous_id="A", name="between"),
        identify(anonymous_id="A", user_id="u2"),
        an_event(anonymous_id="A", name="after"),
    ]
    for event in stream:
        event.trust = PUBLIC

    before, first, between, second, after = await profile.accepted(*stream)

    assert before == first == between != second == after
    assert await profile.stats() == (2, 0, 5)
    assert {event.name for event in await profile.timeline(first)} == {"before", "", "between"}
    assert {event.name for event in await profile.timeline(second)} == {"", "after"}


async def test_i5_a_conflict_is_stored_with_the_rule_and_counted(profile):
    await profile.accepted(identify(user_id="cust-123", identifiers=[identifier("email", "jane@mail.cn")]))

    events = [identify(user_id="cust-456", identifiers=[identifier("email", "jane@mail.cn")]) for _ in range(3)]
    outcomes = await profile.ingest(*events)

    assert [each.result for each in outcomes] == [ACCEPTED] * 3
    assert outcomes[0].detail == "email was not believed: LIMIT user_id 1"
    [conflict] = await profile.fetch("SELECT rule, key, count, owner_id FROM conflict")
    assert (conflict["rule"], conflict["count"]) == ("LIMIT user_id 1", 3)
    assert conflict["key"].bytes == profile.vault.index(claim("email", "", "jane@mail.cn").key)
    assert str(conflict["owner_id"]) == (await profile.lookup("user_id", "cust-123")).profile_id


async def test_i7_a_late_unionid_merges_under_the_earlier_and_others_are_told(profile):
    now = profile.clock.now()
    later, earlier = await profile.accepted(
        identify(identifiers=[openid("app2", "o2")], traits={"city": "上海"}, original_time=now - timedelta(hours=1)),
        identify(identifiers=[openid("app1", "o1")], traits={"level": 3}, original_time=now - timedelta(hours=2)),
    )
    union = identifier("wx.unionid", "U")
    await profile.accepted(identify(identifiers=[openid("app1", "o1"), union]))

    [person] = await profile.accepted(identify(message_id="link", identifiers=[openid("app2", "o2"), union]))

    assert person == earlier
    read = await profile.get(later)
    assert (read.profile_id, read.redirected_from) == (earlier, later)
    assert json.loads(read.attributes) == {"city": "上海", "level": 3}
    assert [link.identifier.type for link in read.identifiers] == ["wx.unionid", "wx.openid", "wx.openid"]
    [merge] = await profile.merges(later)
    assert (merge.survivor_id, merge.loser_id, merge.reason) == (earlier, later, "SHARED_IDENTIFIER")
    assert {each.value for each in merge.identifiers} == {"o2", "U"}
    [told] = await profile.facts(events_pb2.ProfileMerged)
    assert (told.merge_id, told.survivor_id, told.loser_id) == (merge.merge_id, earlier, later)
    assert json.loads(told.attributes) == {"city": "上海", "level": 3}
    assert told.version == 2
    await profile.assert_sound()


async def test_a_merge_keeps_all_that_undoing_it_takes(profile):
    await profile.accepted(identify(user_id="u1", traits={"name": "A"}), identify(anonymous_id="a1", traits={"x": 1}))

    await profile.accepted(identify(user_id="u1", anonymous_id="a1"))

    [row] = await profile.fetch("SELECT merge_id, before, survivor_id, loser_id, rule_version FROM merge")
    before = json.loads(forms.before(profile.vault, row["merge_id"], row["before"]))
    assert before["survivor"]["profile_id"] == str(row["survivor_id"])
    assert [link["value"] for link in before["survivor"]["links"]] == ["u1"]
    assert [link["value"] for link in before["loser"]["links"]] == ["a1"]
    assert before["survivor"]["facts"]["name"][2] == "A"
    assert before["loser"]["facts"]["x"][1:] == ["web", 1]


async def test_i9_a_virtual_phone_of_an_order_links_nobody(profile):
    shop = identifier("taobao.ouid", "x1", namespace="shop1")
    jd = identifier("jd.open_id", "j1", namespace="app")
    virtual = identifier("phone", "18877771111-123")

    first, second = await profile.ingest(an_event(identifiers=[shop, virtual]), an_event(identifiers=[jd, virtual]))

    assert first.profile_id != second.profile_id
    assert "is a virtual number" in first.detail


async def test_i11_the_oaid_of_an_order_is_refused_with_the_reason(profile):
    with pytest.raises(InvalidArgument, match="an address of an order") as refused:
        await profile.lookup("taobao.oaid", "x")
    [android] = await profile.accepted(an_event(identifiers=[identifier("android.oaid", "x")]))

    assert refused.value.reason == "IDENTIFIER_INVALID"
    assert (await profile.lookup("android.oaid", "X")).profile_id == android


async def test_i14_a_circle_of_aliases_ends_as_one_person(profile):
    started = time.monotonic()

    first, second, third = await profile.accepted(alias("a", "b"), alias("b", "c"), alias("c", "a"))

    assert time.monotonic() - started < 10
    assert first == second == third
    assert await profile.stats() == (1, 0, 3)
    assert await profile.fetch("SELECT * FROM conflict") == []


async def test_i15_every_id_of_a_long_chain_is_one_hop_away(profile):
    await profile.accepted(*(identify(user_id=f"u{number}") for number in range(90)))
    for number in range(89):
        await profile.accepted(alias(f"u{number}", f"u{number + 1}"))

    people = {(await profile.lookup("user_id", f"u{number}")).profile_id for number in range(90)}

    assert len(people) == 1
    assert await profile.stats() == (1, 89, 179)
    assert {str(row["survivor_id"]) for row in await profile.fetch("SELECT survivor_id FROM redirect")} == people
    await profile.assert_sound()


async def test_i15_a_chain_in_one_batch_is_no_different(profile):
    known = [identify(user_id=f"u{number}") for number in range(90)]
    await profile.accepted(*known, *(alias(f"u{number}", f"u{number + 1}") for number in range(89)))

    assert len(await profile.partition()) == 1
    await profile.assert_sound()


async def test_i15_a_chain_of_a_thousand_new_ids_is_one_person_and_i28_one_more_is_refused(profile):
    """Ids that nobody held are no people to merge: the cap on identifiers ends the chain, and not that on merges."""
    for start in range(0, 999, 111):
        await profile.accepted(*(alias(f"u{number}", f"u{number + 1}") for number in range(start, start + 111)))
    first = (await profile.lookup("user_id", "u0")).profile_id

    [one_more] = await profile.ingest(alias("u999", "u1000"))

    held = {each.identifier.value for each in (await profile.get(first)).identifiers}
    assert held == {f"u{number}" for number in range(1000)}
    assert await profile.stats() == (2, 0, 1000)
    assert one_more.result == ACCEPTED
    assert one_more.profile_id == (await profile.lookup("user_id", "u1000")).profile_id != first
    assert one_more.detail == "user_id was not believed: LINKS_MAX"
    assert [row["rule"] for row in await profile.fetch("SELECT rule FROM conflict")] == ["LINKS_MAX"]
    await profile.assert_sound()


async def test_i15_of_a_chain_of_a_thousand_known_people_as_many_are_one_as_the_cap_allows(profile):
    """I15 and B6 contradict each other there: the cap holds, is told, and every id is one hop from whom it leads to."""
    for start in range(0, 1000, 200):
        await profile.accepted(*(identify(user_id=f"u{number}") for number in range(start, start + 200)))
    for start in range(0, 999, 111):
        await profile.accepted(*(alias(f"u{number}", f"u{number + 1}") for number in range(start, start + 111)))

    ids = [row["profile_id"] for row in await profile.fetch("SELECT profile_id FROM profile")]
    roots = dict(await profile.fetch("SELECT loser_id, survivor_id FROM redirect"))
    sizes = Counter(roots.get(each, each) for each in ids)
    assert (len(ids), sum(sizes.values()), max(sizes.values())) == (1000, 1000, 101)
    assert not roots.keys() & set(roots.values())
    refused = await profile.facts(events_pb2.MergeRefused)
    assert {each.rule for each in refused} == {"MERGES_MAX"}
    assert len(refused) == len(sizes) - 1 == 9
    await profile.assert_sound()


async def test_i16_a_public_alias_of_two_known_people_is_kept_as_an_event_with_a_warning(profile):
    first, second = await profile.accepted(identify(user_id="u1"), identify(user_id="u2"))

    [outcome] = await profile.ingest(alias("u1", "u2", trust=PUBLIC))

    assert (outcome.result, outcome.profile_id) == (ACCEPTED, second)
    assert outcome.detail == "user_id was not believed: PUBLIC_TRUST"
    assert (await profile.get(first)).redirected_from == ""
    assert len(await profile.timeline(second)) == 2


async def test_i17_a_late_event_with_the_losers_id_is_on_the_survivor_in_its_own_day(profile):
    visitor, _ = await profile.accepted(an_event(anonymous_id="a1"), identify(user_id="u1"))
    [user] = await profile.accepted(identify(user_id="u1", anonymous_id="a1"))
    week_ago = profile.clock.now() - timedelta(days=7)

    [late] = await profile.accepted(an_event(anonymous_id="a1", name="late", original_time=week_ago))

    assert late == user != visitor
    timeline = await profile.timeline(visitor)
    assert (timeline[-1].name, moment(timeline[-1].timestamp)) == ("late", week_ago)
    assert {event.profile_id for event in timeline} == {user}
    assert len(timeline) == 4
    told = [each for each in await profile.facts(events_pb2.EventRecorded) if each.name == "late"]
    assert [(each.profile_id, moment(each.timestamp)) for each in told] == [(user, week_ago)]


async def test_crossed_merges_from_all_sides_end_as_union_find_says(profile):
    chance = random.Random(7)
    people = [[("user_id", f"u{n}"), ("phone", f"138123456{n:02d}"), ("wx.openid", "app", f"o{n}")] for n in range(30)]
    stream = [chance.sample(chance.choice(people), 2) for _ in range(300)]
    events = [identify(identifiers=[_wire(each) for each in event]) for event in stream]

    chunks = [events[start : start + 15] for start in range(0, 300, 15)]
    await asyncio.gather(*(profile.accepted(*chunk) for chunk in chunks))

    assert await profile.partition() == heard(stream).partition()
    await profile.assert_sound()


def _wire(identifier_of):
    claim = named(*identifier_of)
    return identifier(claim.kind.name, claim.value, namespace=claim.namespace, verified=claim.verified)


@pytest.mark.parametrize("size", [1, 7, 60])
async def test_how_a_stream_is_cut_into_batches_makes_no_difference(profile, size):
    chance = random.Random(3)
    pool = [("user_id", "u1"), ("user_id", "u2"), ("phone", "13812345678"), ("wx.unionid", "U"), ("~email", "a@b.cn")]
    pool += [("anonymous_id", "A"), ("anonymous_id", "B"), ("idfa", "d"), ("member_no", "m")]
    stream = [chance.sample(pool, chance.randint(1, 3)) for _ in range(60)]
    town = Town()
    for index, event in enumerate(stream):
        town.hear(*event, after=timedelta(seconds=index))

    start = profile.clock.now()
    events = [
        identify(identifiers=[_wire(each) for each in event], original_time=start + timedelta(seconds=index))
        for index, event in enumerate(stream)
    ]
    for cut in range(0, 60, size):
        await profile.accepted(*events[cut : cut + size])

    assert await profile.partition() == town.partition()
    assert (await profile.stats())[:2] == (len(town.people.persons) - town.merges, town.merges)
    await profile.assert_sound()


async def test_a_lookup_normalises_and_finds_by_one_index_hit(profile):
    [person] = await profile.accepted(identify(user_id="u1", identifiers=[identifier("phone", "13812345678")]))

    assert (await profile.lookup("phone", "+86 138-1234-5678")).profile_id == person
    with pytest.raises(NotFound) as missing:
        await profile.lookup("phone", "13812345679")
    assert missing.value.reason == "PROFILE_NOT_FOUND"
    with pytest.raises(InvalidArgument, match="needs a namespace"):
        await profile.lookup("wx.openid", "o1")


async def test_a_profile_that_does_not_exist_is_not_found(profile):
    for request in (profile.get(NOBODY), profile.timeline(NOBODY), profile.merges(NOBODY)):
        with pytest.raises(NotFound):
            await request


async def test_a_shopper_reads_only_what_is_their_own_also_under_an_old_id(profile):
    visitor, other = await profile.accepted(an_event(anonymous_id="a1"), identify(user_id="u2"))
    await profile.accepted(identify(user_id="u1"))
    [user] = await profile.accepted(identify(user_id="u1", anonymous_id="a1"))

    with acting(Call(Caller("shopper:1", profile_id=visitor))):
        assert (await profile.get(user)).profile_id == user
        assert len(await profile.timeline(visitor)) == 3
        for request in (
            profile.get(other),
            profile.timeline(other),
            profile.get("0192f000-0000-7000-8000-000000000000"),
        ):
            with pytest.raises(PermissionDenied):
                await request
        with pytest.raises(PermissionDenied):
            await profile.lookup("user_id", "u1")


async def test_merges_are_listed_in_pages_newest_first(profile):
    for number in range(4):
        await profile.accepted(an_event(anonymous_id=f"a{number}"))
    await profile.accepted(*(identify(user_id="u1", anonymous_id=f"a{number}") for number in range(4)))
    person = (await profile.lookup("user_id", "u1")).profile_id

    first = await profile.stub.ListProfileMerges(pb.ListProfileMergesRequest(profile_id=person, page_size=2))
    second = await profile.stub.ListProfileMerges(
        pb.ListProfileMergesRequest(profile_id=person, page_size=2, page_token=first.next_page_token)
    )

    found = [merge.merge_id for page in (first, second) for merge in page.merges]
    assert len(found) == 3
    assert found == sorted(found, reverse=True)
    assert second.next_page_token == ""
