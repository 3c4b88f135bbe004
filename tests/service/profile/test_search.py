"""Finding people by a part of a name or number: spec people §1C, C3, C6, C8; H6."""

import json
import random

import pytest
from bowen.profile.v1 import group_pb2
from bowen.profile.v1 import privacy_service_pb2 as privacy_pb
from bowen.profile.v1 import search_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, PermissionDenied
from services.profile.attributes import operations as attributes
from services.profile.identity import operations as identity
from services.profile.privacy.operations import searching
from services.profile.search.domain import fold
from tests.service.profile.asking import ask
from tests.service.profile.speaking import identifier, identify
from tests.service.profile.test_groups import join, leave

CLERK = Caller("key:desk", frozenset({"profile.search:read"}))
TILL = Caller("key:till", frozenset({"profile.search:read", "profile.groups:write"}), store_id="s1")
STORE = group_pb2.GROUP_TYPE_STORE


async def search(profile, query):
    return await profile.search_stub.SearchProfiles(pb.SearchProfilesRequest(q=query))


async def found(profile, query):
    return [each.profile_id for each in (await search(profile, query)).profiles]


async def a_person(profile, number, name="王小明", phone="13912345678"):
    [person] = await profile.accepted(
        identify(user_id=f"u{number}", identifiers=[identifier("phone", phone)], traits={"name": name})
    )
    return person


async def test_c3_search_finds_exactly_those_who_have_the_fragment(profile):
    dice = random.Random(7)
    people = {}
    for number in range(60):
        name = "".join(dice.choices("王李张小明红 an", k=dice.randint(2, 5)))
        phone = f"139{dice.randint(0, 99_999_999):08d}"
        people[await a_person(profile, number, name, phone)] = name, f"86{phone}"
    fragments = {"王", "小明", "nan", "1391"}
    for name, phone in people.values():
        start = dice.randint(0, 7)
        fragments |= {name[: dice.randint(1, 4)], phone[start : start + dice.randint(4, 6)]}

    checked = 0
    for fragment in sorted(fragments):
        of_number = fragment.isdigit()
        expected = [
            person
            for person, (name, phone) in sorted(people.items())
            if (fragment in phone if of_number else fold(fragment) in fold(name))
        ]
        try:
            seen = await search(profile, fragment)
        except InvalidArgument:
            continue
        checked += 1
        assert [each.profile_id for each in seen.profiles] == expected[: searching.FOUND_MAX], fragment
        assert seen.has_more == (len(expected) > searching.FOUND_MAX)
    assert checked > 80


async def test_who_was_called_otherwise_is_found_by_the_new_name_alone(profile):
    person = await a_person(profile, 1, "Zhang San")
    profile.clock.advance(1)
    await profile.accepted(identify(user_id="u1", traits={"name": "Li Si", "city": "上海"}))
    await profile.accepted(identify(user_id="u1", traits={"city": "北京"}))

    assert await found(profile, "zhang") == []
    assert await found(profile, "ＬＩ si") == [person]


async def test_c6_what_is_found_is_masked_and_noted_without_the_fragment(profile):
    person = await a_person(profile, 1)

    with acting(Call(CLERK)):
        [seen] = (await search(profile, "5678")).profiles

    assert json.loads(seen.attributes)["name"] == "王**"
    assert "13912345678" not in str(seen)
    [look] = (await profile.privacy_stub.ListAuditEntries(privacy_pb.ListAuditEntriesRequest())).entries
    assert (look.action, look.actor, look.profile_id) == ("SEARCH", "key:desk", person)
    assert look.reason == "by a part of the phone"


async def test_c8_a_store_finds_its_own_customers_while_they_are(profile):
    own, other = await a_person(profile, 1), await a_person(profile, 2, phone="13912340000")
    await join(profile, own, "s1", kind=STORE, start=-5)
    await join(profile, other, "s2", kind=STORE, start=-5)

    with acting(Call(TILL)):
        assert await found(profile, "王小明") == [own]
        assert await found(profile, "1391234") == [own]
    assert await found(profile, "王小明") == sorted([own, other])
    await leave(profile, own, "s1", kind=STORE)

    with acting(Call(TILL)):
        assert await found(profile, "王小明") == []


async def test_c8_who_was_merged_is_a_customer_under_either_id(profile):
    one = await a_person(profile, 1)
    other = await a_person(profile, 2, "李四", "13912340000")
    await join(profile, other, "s1", kind=STORE)
    merge = await profile.merge(one, other)

    with acting(Call(TILL)):
        assert await found(profile, "5678") == [merge.survivor_id]
    await profile.undo(merge.merge_id)

    assert await found(profile, "李四") == [other]
    assert await found(profile, "王小明") == [one]
    assert await found(profile, "40000") == [other]
    with acting(Call(TILL)):
        assert await found(profile, "5678") == []


async def test_h6_search_finds_nothing_of_who_was_erased(profile):
    person = await a_person(profile, 1)
    await ask(profile, "ERASE", person)

    assert await found(profile, "王小明") == await found(profile, "5678") == []


async def test_what_code_of_before_wrote_is_indexed_later(profile):
    people = sorted([await a_person(profile, 1), await a_person(profile, 2, "王二", "13912340000")])

    async def as_before(tx):
        await tx.exec_driver_sql("UPDATE attribute_set SET name_tokens = '{}', named_version = 0")
        await tx.exec_driver_sql("UPDATE identifier SET phone_tokens = NULL")

    await profile.db.transact(as_before)
    assert await found(profile, "王") == await found(profile, "1391234") == []

    for _ in range(2):
        await attributes.index_names(profile.db, profile.vault)
        await identity.index_phones(profile.db, profile.vault)

    assert await found(profile, "王") == await found(profile, "1391234") == people


async def test_a_name_that_code_of_before_changed_is_indexed_later(profile):
    person = await a_person(profile, 1, "Zhang San")

    async def as_before(tx):
        await tx.exec_driver_sql("UPDATE attribute_set SET version = version + 1, name_tokens = '{1}'")

    await profile.db.transact(as_before)
    await profile.accepted(identify(user_id="u1", traits={"city": "上海"}))
    assert await found(profile, "zhang") == []
    await attributes.index_names(profile.db, profile.vault)

    assert await found(profile, "zhang") == [person]


async def test_names_and_numbers_do_not_stand_in_the_index(profile):
    await a_person(profile, 1)
    [row] = await profile.fetch("SELECT name_tokens, phone_tokens FROM attribute_set JOIN identifier USING (profile_id)"
                                " WHERE type = 'phone'")  # fmt: skip

    assert (len(row["name_tokens"]), len(row["phone_tokens"])) == (6, 10)
    assert min(map(abs, row["name_tokens"])) > 1_000_000


async def test_many_are_bounded_and_it_is_said_so(profile):
    await profile.accepted(*(identify(user_id=f"u{n}", traits={"name": "王小明"}) for n in range(25)))

    seen = await search(profile, "王")

    assert (len(seen.profiles), seen.has_more) == (20, True)


async def test_shoppers_look_for_nobody_and_short_fragments_find_nobody(profile):
    person = await a_person(profile, 1)
    with acting(Call(Caller("shopper:1", profile_id=person))):
        with pytest.raises(PermissionDenied):
            await search(profile, "王小明")
    for query in ("ab", "138"):
        with pytest.raises(InvalidArgument, match="FRAGMENT_TOO_SHORT"):
            await search(profile, query)
