"""Who sees personal data as it is, and that it is noted: spec people §1C, C6 and C8."""

import json
from dataclasses import replace

import pytest
from bowen.profile.v1 import identity_service_pb2 as identity_pb
from bowen.profile.v1 import privacy_service_pb2 as pb
from bowen.profile.v1 import profile_service_pb2 as profile_pb

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, NotFound, PermissionDenied, QuotaExceeded
from chassis.ids import new_id
from chassis.stamps import stamp
from services.profile.looks.domain import LOOKUPS_MAX, MISS_COST
from tests.service.profile.speaking import an_event, identifier, identify
from tests.service.profile.test_groups import STORE, join, leave

SECRETS = ("13812345678", "zhang@mail.cn", "Zhang San")
READ = frozenset({"profile.profiles:read", "profile.identity:read"})
TILL = Caller("key:till", READ, store_id="s1")
EVERYTHING = Caller("root", READ | {"profile.pii:read", "profile.privacy:read"})


@pytest.fixture
async def person(profile):
    traits = {"name": "Zhang San", "email": "zhang@mail.cn", "phone": "13812345678", "city": "上海"}
    await profile.accepted(
        identify(identifiers=[identifier("member_no", "M1")], traits=traits),
        identify(user_id="u1", traits={"phone": "13912345678"}),
    )
    [profile_id] = await profile.accepted(
        identify(user_id="u1", identifiers=[identifier("member_no", "M1")]),
    )
    await profile.accepted(
        an_event(user_id="u1", properties={"name": "Tea", "phone": "13812345678"}, context={"traits": traits})
    )
    return profile_id


async def reveal(profile, profile_id, reason="call about order 17"):
    request = pb.RevealProfileRequest(profile_id=profile_id, reason=reason)
    return (await profile.privacy_stub.RevealProfile(request)).profile


async def looks(profile, **fields):
    return (await profile.privacy_stub.ListAuditEntries(pb.ListAuditEntriesRequest(**fields))).entries


@pytest.mark.parametrize("caller", [TILL, EVERYTHING], ids=["till", "every scope"])
async def test_c6_no_key_reads_personal_data_as_it_is(profile, person, caller):
    await join(profile, person, "s1", kind=STORE)
    with acting(Call(caller)):
        read = [
            await profile.get(person),
            await profile.lookup("member_no", "M1"),
            *await profile.timeline(person),
            *(
                await profile.stub.ListProfileMerges(
                    profile_pb.ListProfileMergesRequest(profile_id=person, include_before=True)
                )
            ).merges,
        ]

    told = "".join(map(str, read))
    assert [secret for secret in SECRETS if secret in told] == []
    shown = json.loads(read[0].attributes)
    assert shown == {"name": "Z**", "email": "z***@mail.cn", "phone": "139****5678", "city": "上海"}
    assert {link.identifier.value for link in read[0].identifiers} >= {"u1", "M1", "+86138****5678"}
    assert '"name":"Tea"' in told.replace("\\", "")


async def test_c6_what_a_merge_was_made_of_is_masked_too(profile, person):
    [merge] = await profile.merges(person)
    with acting(Call(Caller("key:brand", READ))):
        found = await profile.identity.GetMerge(identity_pb.GetMergeRequest(merge_id=merge.merge_id))

    assert found.merge.before
    assert [secret for secret in SECRETS if secret in str(found)] == []


async def test_c6_a_look_with_a_reason_shows_all_and_is_noted(profile, person):
    await join(profile, person, "s1", kind=STORE)
    with acting(Call(Caller("key:desk", frozenset({"profile.pii:read"}), store_id="s1"))):
        read = await reveal(profile, person)

    assert json.loads(read.attributes)["name"] == "Zhang San"
    [look] = await looks(profile, profile_id=person)
    assert (look.action, look.actor, look.store_id) == ("REVEAL", "key:desk", "s1")
    assert (look.reason, look.create_time) == ("call about order 17", stamp(profile.clock.now()))
    assert [each.audit_id for each in await looks(profile)] == [look.audit_id]


async def test_c8_a_key_without_the_scope_does_not_look_and_nothing_is_noted(profile, person):
    with acting(Call(TILL)):
        with pytest.raises(PermissionDenied) as refused:
            await reveal(profile, person)

    assert refused.value.metadata["scope"] == "profile.pii:read"
    assert list(await looks(profile)) == []


async def test_c8_a_till_finds_anybody_by_the_whole_number_and_sees_no_more_of_strangers(profile, person):
    with acting(Call(TILL)):
        stranger = await profile.lookup("member_no", "m1")
        for reading in (
            profile.get(person),
            profile.timeline(person),
            profile.merges(person),
            profile.get(str(new_id())),
        ):
            with pytest.raises(PermissionDenied) as refused:
                await reading
            assert refused.value.reason == "PROFILE_OUT_OF_SCOPE"
    with acting(Call(replace(TILL, scopes=TILL.scopes | {"profile.pii:read"}))), pytest.raises(PermissionDenied):
        await reveal(profile, person)
    await join(profile, person, "s1", kind=STORE)
    with acting(Call(TILL)):
        customer = await profile.lookup("member_no", "M1")
        assert (await profile.get(person)) == customer
    await leave(profile, person, "s1", kind=STORE)
    with acting(Call(TILL)), pytest.raises(PermissionDenied):
        await profile.timeline(person)

    assert (stranger.profile_id, stranger.attributes, len(stranger.identifiers)) == (person, "{}", 1)
    assert [(link.source_id, link.event_id) for link in stranger.identifiers] == [("", "")]
    assert json.loads(customer.attributes)["city"] == "上海"
    noted = [(look.action, look.actor, look.store_id, look.reason) for look in await looks(profile)]
    assert noted == [("LOOKUP", "key:till", "s1", "by member_no")] * 2


async def test_c8_who_tries_numbers_out_at_a_till_is_stopped_and_goes_on_a_minute_later(profile, person):
    with acting(Call(TILL)):
        await profile.lookup("member_no", "M1")
        for number in range((LOOKUPS_MAX - 1) // MISS_COST):
            with pytest.raises(NotFound):
                await profile.lookup("member_no", f"M-{number}9")
        with pytest.raises(QuotaExceeded) as stopped:
            await profile.lookup("member_no", "M-0")
    with acting(Call(replace(TILL, principal="key:other"))):
        await profile.lookup("member_no", "M1")
    await profile.lookup("member_no", "M1")
    profile.clock.advance(stopped.value.retry_after)
    with acting(Call(TILL)):
        await profile.lookup("member_no", "M1")

    assert stopped.value.reason == "LOOKUP_LIMIT"
    assert 0 < stopped.value.retry_after <= 60


async def test_c6_a_look_without_a_reason_or_at_nobody_shows_nothing(profile, person):
    with pytest.raises(InvalidArgument):
        await reveal(profile, person, reason="")
    with pytest.raises(NotFound):
        await reveal(profile, str(new_id()))
    assert list(await looks(profile)) == []


async def test_people_and_components_see_what_is_theirs_to_see(profile, person):
    with acting(Call(Caller("shopper", profile_id=person))):
        assert json.loads((await profile.get(person)).attributes)["name"] == "Zhang San"
    assert json.loads((await profile.get(person)).attributes)["name"] == "Zhang San"
