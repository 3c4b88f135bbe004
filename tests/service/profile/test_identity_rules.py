"""The numbers by which it is decided who is who: versions that hold for what comes (spec people §3.1, §3.2, B5)."""

from datetime import timedelta

import pytest
from bowen.profile.v1 import identity_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, PermissionDenied
from chassis.ids import new_id
from services.profile.identity.domain import KINDS
from tests.service.profile.speaking import identifier, identify

STRONG, ACCOUNT, WEAK, NEVER = 1, 2, 3, 4
NUMBERS = {
    "phone_proof_days": 90,
    "email_proof_days": 90,
    "seen_max": 10,
    "seen_hours": 24,
    "merges_max": 100,
    "identifiers_max": 1000,
}
DAY = timedelta(days=1)
PHONE = identifier("phone", "13812345678")


def a_rule(name, strength, rank, limit, *, is_unproven=False, days=0):
    fields = {"class": strength, "rank": rank, "limit": limit}
    return pb.IdentifierRule(type=name, is_unproven=is_unproven, period_days=days, **fields)


async def put(profile, *identifiers, **numbers):
    request = pb.PutIdentityRulesRequest(
        request_id=str(new_id()),
        numbers=pb.IdentityNumbers(**NUMBERS | numbers),
        identifiers=identifiers,
        note="recycled sooner",
    )
    return (await profile.identity.PutIdentityRules(request)).rules


async def listed(profile):
    return list((await profile.identity.ListIdentityRules(pb.ListIdentityRulesRequest())).rules)


async def test_until_somebody_sets_them_the_rules_of_the_release_hold(profile):
    [only] = await listed(profile)

    assert (only.version, only.actor, only.HasField("create_time")) == (2, "", False)
    assert only.numbers == pb.IdentityNumbers(**NUMBERS)
    said = {(each.type, each.is_unproven): each for each in only.identifiers}
    assert said["phone", False] == a_rule("phone", STRONG, 4, 3)
    assert said["phone", True] == a_rule("phone", WEAK, 13, 5, is_unproven=True)
    assert said["anonymous_id", False] == a_rule("anonymous_id", WEAK, 15, 5, days=7)
    assert len(said) == len(KINDS) + 2
    assert (await put(profile)).version == 2
    assert len(await listed(profile)) == 1


async def test_a_version_says_who_and_why_and_merges_name_it(profile):
    one, two = await put(profile, seen_max=5), await put(profile, seen_max=4)
    assert (one.version, two.version, two.actor, two.note) == (3, 4, "service:tester", "recycled sooner")
    assert [each.version for each in await listed(profile)] == [4, 3, 2]

    await profile.accepted(identify(user_id="u1"), identify(identifiers=[PHONE]))
    [person] = await profile.accepted(identify(user_id="u1", identifiers=[PHONE]))
    other, third = await profile.accepted(identify(user_id="u2"), identify(user_id="u3"))
    by_hand = await profile.merge(other, third)

    assert [each.rule_version for each in [*await profile.merges(person), by_hand]] == [4, 4]


async def test_a_version_says_what_types_of_identifiers_may_do_and_keeps_its_meaning(profile):
    email = identifier("email", "jane@mail.cn")
    one = await put(profile, a_rule("user_id", STRONG, 1, 2), a_rule("idfa", NEVER, 14, 1))

    [first, second] = await profile.accepted(
        identify(user_id="cust-123", identifiers=[email]), identify(user_id="cust-456", identifiers=[email])
    )
    [outcome] = await profile.ingest(identify(user_id="cust-123", identifiers=[identifier("idfa", "1abc")]))
    assert (first, "names nobody under the rules" in outcome.detail) == (second, True)

    await put(profile, a_rule("email", WEAK, 12, 5))
    both = identify(user_id="cust-789"), identify(user_id="cust-789", identifiers=[email])
    third, fourth = await profile.accepted(*both)
    assert len({first, third, fourth}) == 2  # as the weak one it is now, it goes to whoever shows it
    assert (await profile.lookup("email", email.value)).profile_id == third
    held = {each.identifier.type: getattr(each, "class") for each in (await profile.get(third)).identifiers}
    assert held == {"user_id": STRONG, "email": WEAK}
    said = {(each.type, each.is_unproven): each for each in (await listed(profile))[1].identifiers}
    assert (said["user_id", False].limit, said["email", False].rank, said["email", False]) == (
        2,
        12,
        a_rule("email", STRONG, 12, 5),
    )
    assert one.identifiers == (await listed(profile))[1].identifiers


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([a_rule("taobao.oaid", STRONG, 1, 1)], "of type taobao.oaid is not a known type"),
        ([a_rule("x.", STRONG, 1, 1)], "of type x. is not a known type"),
        ([a_rule("loyalty_card", STRONG, 1, 1)], "of type loyalty_card is not a known type"),
        ([a_rule("x.card", STRONG, 2, 1, is_unproven=True)], "of type x.card knows no proofs"),
        ([a_rule("user_id", STRONG, 1, 1, is_unproven=True)], "of type user_id knows no proofs"),
        ([a_rule("idfa", WEAK, 14, 1), a_rule("idfa", WEAK, 14, 2)], "of type idfa is named twice"),
        ([a_rule("idfa", WEAK, 14, 0)], "limit"),
        ([a_rule("idfa", WEAK, 99, 1)], "rank"),
        ([a_rule("idfa", 9, 14, 1)], "class"),
    ],
)
async def test_a_rule_of_identifiers_that_says_nothing_is_refused_by_name(profile, rules, told):
    with pytest.raises(InvalidArgument, match=told):
        await put(profile, *rules)
    assert len(await listed(profile)) == 1


async def test_b1_a_type_of_the_brands_own_names_people_once_a_rule_says_what_it_may_do(profile):
    card, other = (identifier("x.loyalty_card", value, namespace="club") for value in ("A 1", "A 2"))
    [early] = await profile.ingest(identify(user_id="u0", identifiers=[card]))
    assert "of type x.loyalty_card is not a known type" in early.detail

    await put(profile, a_rule("x.loyalty_card", STRONG, 2, 1))
    visitor, member = await profile.accepted(identify(identifiers=[card]), identify(user_id="u1"))
    [survivor] = await profile.accepted(identify(user_id="u1", identifiers=[card]))
    await profile.accepted(identify(user_id="u1", identifiers=[other]))  # one is the limit

    assert survivor in (visitor, member)
    assert (await profile.lookup("x.loyalty_card", " A 1 ", "club")).profile_id == survivor
    [merge] = await profile.merges(survivor)
    held = {(each.identifier.value, getattr(each, "class")) for each in (await profile.get(survivor)).identifiers}
    assert held == {("u1", STRONG), ("A 1", STRONG)}
    await profile.undo(merge.merge_id)
    assert (await profile.lookup("x.loyalty_card", "A 1", "club")).profile_id == visitor

    await put(profile)
    [late] = await profile.ingest(identify(user_id="u2", identifiers=[card]))
    assert "of type x.loyalty_card is not a known type" in late.detail
    [link] = (await profile.get(visitor)).identifiers
    assert (link.identifier.type, getattr(link, "class")) == ("x.loyalty_card", NEVER)
    await profile.accepted(identify(user_id="u3", anonymous_id="b"), identify(identifiers=[card], anonymous_id="b"))


@pytest.mark.parametrize(("days", "is_recycled"), [(90, False), (30, True)])
async def test_a_phone_goes_over_sooner_where_its_proof_is_good_for_less(profile, days, is_recycled):
    now = profile.clock.now()
    [old] = await profile.accepted(identify(user_id="u1", identifiers=[PHONE], original_time=now - 40 * DAY))
    await put(profile, phone_proof_days=days)
    assert (await profile.lookup("phone", PHONE.value)).profile_id == old  # nothing is decided again

    await profile.accepted(identify(user_id="u2", identifiers=[PHONE]))

    assert ((await profile.lookup("phone", PHONE.value)).profile_id != old) is is_recycled


async def test_a_value_is_quarantined_by_the_limit_that_holds_when_it_is_seen(profile):
    async def seen(first, count):
        for number in range(first, first + count):
            await profile.accepted(identify(user_id=f"u{number}", identifiers=[identifier("email", "a@shop.cn")]))

    await seen(0, 5)
    await put(profile, seen_max=3)
    assert list((await profile.quarantined()).identifiers) == []

    await seen(5, 1)

    [suspect] = (await profile.quarantined()).identifiers
    assert suspect.identifier.type == "email"


@pytest.mark.parametrize("name", sorted(NUMBERS))
async def test_a_number_below_one_or_missing_is_refused_by_name(profile, name):
    for wrong in (0, -1, 5000):
        with pytest.raises(InvalidArgument, match=name):
            await put(profile, **{name: wrong})
    assert len(await listed(profile)) == 1


async def test_no_store_sets_rules_or_reads_them(profile):
    with acting(Call(Caller("key:1", store_id="s1"))):
        for request in (put(profile, seen_max=1), listed(profile)):
            with pytest.raises(PermissionDenied):
                await request
