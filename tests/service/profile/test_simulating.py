"""Rules that are tried on what is stored before they hold: spec people B15."""

from datetime import timedelta
from itertools import count

import pytest
from bowen.profile.v1 import identity_service_pb2 as pb
from bowen.profile.v1 import profile_service_pb2 as profile_pb
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from services.profile.identity.operations import simulating
from tests.service.profile.speaking import ALIAS, an_event, identifier, identify
from tests.service.profile.test_identity_rules import NEVER, NUMBERS, STRONG, WEAK, a_rule, put

DAY = timedelta(days=1)
EMAIL, PHONE = identifier("email", "jane@mail.cn"), identifier("phone", "13812345678")
RULES_OF_THE_RELEASE = 2


async def simulated(profile, *identifiers, version=0, **numbers):
    """What rules would change; those of a version where it is given."""
    fields = {name: numbers.pop(name) for name in ("limit", "page_token") if name in numbers}
    if version:
        request = pb.SimulateIdentityRulesRequest(version=version, **fields)
    else:
        said = pb.IdentityNumbers(**NUMBERS | numbers)
        request = pb.SimulateIdentityRulesRequest(numbers=said, identifiers=identifiers, **fields)
    return await profile.identity.SimulateIdentityRules(request)


def changes(answer):
    """What would be otherwise, how often."""
    return {pb.IdentityChange.Kind.Name(each.kind)[5:]: each.count for each in answer.counts if each.count}


def examples(answer, kind):
    return [each for each in answer.examples if pb.IdentityChange.Kind.Name(each.kind) == f"KIND_{kind}"]


async def everything(profile):
    """All rows of all tables."""
    tables = await profile.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return {table: sorted(map(str, await profile.fetch(f'SELECT * FROM "{table}"'))) for (table,) in tables}


async def test_b15_a_second_user_id_would_be_the_same_person_if_two_were_allowed(profile):
    one, other, third = await profile.accepted(
        identify(user_id="cust-1", identifiers=[EMAIL]),
        identify(user_id="cust-2", identifiers=[EMAIL]),
        identify(user_id="cust-3"),
    )
    before = await everything(profile)

    answer = await simulated(profile, a_rule("user_id", STRONG, 1, 2))

    assert (answer.profile_count_before, answer.profile_count_after, answer.profile_count) == (3, 2, 3)
    assert changes(answer) == {"MERGE_ADDED": 1}
    [added] = examples(answer, "MERGE_ADDED")
    assert list(added.profile_ids) == sorted([one, other])
    largest, smallest = answer.largest_groups
    assert (list(largest.profile_ids), largest.profile_count, largest.identifier_count) == (sorted([one, other]), 2, 3)
    assert list(smallest.profile_ids) == [third]
    assert (answer.event_count, answer.next_page_token) == (3, "")
    assert await everything(profile) == before


async def test_b15_merges_values_and_people_that_would_not_be(profile):
    now = profile.clock.now()
    shared = identifier("email", "shop@mail.cn")
    [old] = await profile.accepted(identify(user_id="u1", original_time=now - 40 * DAY, identifiers=[PHONE]))
    [young] = await profile.accepted(identify(identifiers=[identifier("wx.openid", "o1", namespace="app"), EMAIL]))
    [one] = await profile.accepted(identify(user_id="u1", identifiers=[EMAIL]))
    [merge] = await profile.merges(one)
    for number in range(4):
        await profile.accepted(identify(user_id=f"s{number}", identifiers=[shared]))

    weak = await simulated(profile, a_rule("email", WEAK, 12, 5))
    strict = await simulated(profile, seen_max=2, merges_max=1)
    without = await simulated(profile, a_rule("email", NEVER, 12, 5), a_rule("wx.openid", NEVER, 6, 1))

    assert changes(weak) == {"MERGE_REMOVED": 1, "PROFILE_SPLIT": 1}
    [removed] = examples(weak, "MERGE_REMOVED")
    assert (removed.merge_id, list(removed.profile_ids)) == (merge.merge_id, [old, young])
    assert [list(each.profile_ids) for each in examples(weak, "PROFILE_SPLIT")] == [[one]]
    assert (weak.profile_count_before, weak.profile_count_after) == (5, 6)
    assert changes(strict) == {"IDENTIFIER_QUARANTINED": 1}
    [suspect] = examples(strict, "IDENTIFIER_QUARANTINED")
    assert (suspect.type, suspect.namespace, len(suspect.profile_ids)) == ("email", "", 1)
    assert "shop@mail.cn" not in str(strict)
    assert changes(without)["IDENTIFIER_BLOCKED"] == 3
    assert without.profile_count_after == 5


async def test_b15_what_somebody_did_by_hand_and_what_is_gone_stands(profile):
    """Moves, merges, undone merges, separations, releases, imports and what retention let go are not decided again."""
    first, second, third, fourth = await profile.accepted(
        identify(user_id="h1", identifiers=[PHONE]),
        identify(user_id="h2", identifiers=[EMAIL]),
        identify(user_id="h3"),
        identify(identifiers=[identifier("wx.openid", "o1", namespace="app")]),
    )
    row = profile_pb.ProfileRow(row_id="r1", identifiers=[identifier("member_no", "M1"), PHONE])
    await profile.imported(row)
    [created] = await profile.resolved([identifier("jd.open_id", "j1", namespace="shop"), EMAIL])
    assert created.profile_id == second
    await profile.reassign(first, "phone", PHONE.value, third)
    await profile.remove(second, "email", EMAIL.value)
    await profile.merge(first, fourth)
    undone = await profile.merge(second, third)
    await profile.undo(undone.merge_id)
    for number in range(12):
        await profile.accepted(identify(user_id=f"q{number}", identifiers=[identifier("email", "q@mail.cn")]))
    await profile.release("email", "q@mail.cn")

    answer = await simulated(profile, version=RULES_OF_THE_RELEASE)
    assert (changes(answer), answer.assumed_count) == ({}, 0)
    assert answer.profile_count_before == answer.profile_count_after == answer.profile_count == 15

    async def let_go(tx):
        await tx.exec_driver_sql("DELETE FROM event")

    await profile.db.transact(let_go)
    gone = await simulated(profile, version=RULES_OF_THE_RELEASE)
    assert (changes(gone), gone.profile_count_after, gone.assumed_count) == ({}, 15, 15)


async def test_b15_pages_add_up_and_people_who_have_to_do_with_each_other_are_on_one(profile, monkeypatch):
    """A browser that everybody uses ties them together, although it is one person's at a time."""
    for number in range(6):
        await profile.accepted(identify(user_id=f"u{number}", anonymous_id=f"shared-{number % 2}"))
    monkeypatch.setattr(simulating, "EVENTS_AT_ONCE", 3)
    candidate = a_rule("anonymous_id", STRONG, 15, 5), a_rule("user_id", STRONG, 1, 3)

    pages, token = [], ""
    while not pages or token:
        pages.append(await simulated(profile, *candidate, limit=2, page_token=token))
        token = pages[-1].next_page_token

    assert [each.profile_count_before for each in pages] == [6, 0, 0]
    assert [changes(each) for each in pages] == [{"MERGE_ADDED": 4}, {}, {}]
    assert sum(each.profile_count_after for each in pages) == 2
    monkeypatch.setattr(simulating, "EVENTS_MAX", 3)
    early = await simulated(profile, *candidate)
    assert (early.profile_count_before, bool(early.next_page_token)) == (3, True)
    monkeypatch.setattr(simulating, "EVENTS_AT_ONCE", 2)
    assert (await simulated(profile, *candidate)).skipped_count == 6


async def test_b15_what_is_blocked_today_counts_as_blocked(profile):
    await profile.accepted(identify(user_id="u1", identifiers=[PHONE]), identify(user_id="u2", identifiers=[EMAIL]))
    await profile.block("phone", PHONE.value)

    assert changes(await simulated(profile, version=RULES_OF_THE_RELEASE)) == {"IDENTIFIER_BLOCKED": 1}


async def test_b15_rules_to_try_are_given_or_named_and_only_the_brand_tries_them(profile):
    await put(profile, merges_max=7)
    assert changes(await simulated(profile, version=3)) == {}
    for version, refusal in ((4, NotFound), (-1, InvalidArgument)):
        with pytest.raises(refusal):
            await simulated(profile, version=version)
    for wrong in (
        pb.SimulateIdentityRulesRequest(),
        pb.SimulateIdentityRulesRequest(version=2, numbers=pb.IdentityNumbers(**NUMBERS)),
        pb.SimulateIdentityRulesRequest(numbers=pb.IdentityNumbers(**NUMBERS | {"seen_max": 0})),
        pb.SimulateIdentityRulesRequest(version=2, page_token="none"),
    ):
        with pytest.raises(InvalidArgument):
            await profile.identity.SimulateIdentityRules(wrong)
    with acting(Call(Caller("key:1", store_id="s1"))), pytest.raises(PermissionDenied):
        await simulated(profile, version=2)


_worlds = count(1)
NAMES = [
    *(("user_id", "u{}"), ("member_no", "m{}"), ("phone", "1381234567{}"), ("~phone", "1381234567{}")),
    *(("email", "e{}@mail.cn"), ("anonymous_id", "a{}"), ("idfa", "d{}")),
]
named = st.tuples(st.sampled_from(NAMES), st.integers(0, 2))
said = st.tuples(
    st.lists(named, min_size=1, max_size=3, unique=True),
    st.integers(0, 200),
    st.sampled_from(["event", "alias", "row"]),
)
CANDIDATES = [
    ((), {}),
    ((a_rule("user_id", STRONG, 1, 2), a_rule("member_no", STRONG, 2, 2)), {}),
    ((a_rule("email", WEAK, 12, 5),), {"phone_proof_days": 30}),
    ((a_rule("anonymous_id", STRONG, 15, 5),), {"seen_max": 1}),
    ((a_rule("phone", STRONG, 1, 1), a_rule("user_id", WEAK, 14, 2), a_rule("idfa", NEVER, 14, 1)), {"merges_max": 2}),
]


async def hear(profile, world, story):
    """A story, each sentence a message of its own."""
    start = profile.clock.now() - timedelta(days=300)
    for at, (ids, day, how) in enumerate(story):
        claims = [
            identifier(kind.lstrip("~"), text.format(number), verified="~" not in kind) for (kind, text), number in ids
        ]
        if how == "row":
            row = profile_pb.ProfileRow(row_id=f"{world}-{at}", identifiers=claims)
            row.time.FromDatetime(start + day * DAY)
            await profile.imported(row)
        else:
            alias = {"type": ALIAS, "user_id": "u0", "previous_id": f"u{day % 3}"} if how == "alias" else {}
            await profile.ingest(an_event(identifiers=claims, original_time=start + day * DAY, **alias))


async def emptied(profile):
    async def empty(tx):
        tables = (
            "profile, identifier, redirect, merge, conflict, identifier_move, separation, event, evidence, encounter"
        )
        await tx.exec_driver_sql(f"TRUNCATE {tables}, identity_rules, counter, message, import_row, attribute_set")

    await profile.db.transact(empty)


laws = settings(max_examples=25)


@laws
@given(story=st.lists(said, min_size=1, max_size=8), candidate=st.sampled_from(CANDIDATES))
async def test_b15_what_is_foretold_is_what_comes_of_it_and_what_holds_changes_nothing(profile, story, candidate):
    identifiers, numbers = candidate
    await emptied(profile)
    await put(profile, seen_max=9)
    await hear(profile, next(_worlds), story)

    same = await simulated(profile, version=3)
    foretold = await simulated(profile, *identifiers, **numbers)

    people = (await profile.stats())[0]
    assert changes(same) == {}
    assert same.profile_count_before == same.profile_count_after == foretold.profile_count_before == people
    assert (same.assumed_count, same.skipped_count, same.next_page_token) == (0, 0, "")
    await emptied(profile)
    await put(profile, *identifiers, **NUMBERS | numbers)
    await hear(profile, next(_worlds), story)
    assert (await profile.stats())[0] == foretold.profile_count_after
