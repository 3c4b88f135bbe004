"""What people ask for: to be restricted, corrected, told. Spec people §5.2, H5, H10."""

from uuid import UUID

import pytest
from bowen.profile.v1 import privacy_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from services.profile.privacy import operations
from tests.service.profile.asking import OTHERS, PHONE, State, a_life, ask, bundle, state, suppress
from tests.service.profile.consenting import a_statement, may, record
from tests.service.profile.speaking import identifier, identify


async def test_pipl_47_a_person_is_restricted_by_request_until_they_say_otherwise(profile):
    [person] = await profile.accepted(identify(user_id="user-1"))
    await record(profile, person, a_statement())

    request = await ask(profile, "RESTRICT", person)

    assert request.state == State.STATE_COMPLETED
    assert await may(profile, person) == (False, "RESTRICTED")


async def test_pipl_44_an_objection_is_a_no_to_its_purposes(profile):
    [person] = await profile.accepted(identify(user_id="user-1"))
    await record(profile, person, a_statement(channel=""), a_statement(purpose="news", channel=""))
    profile.clock.advance(1)

    await ask(profile, "OBJECT", person, purposes=["marketing"])
    await ask(profile, "OBJECT", person)

    assert await may(profile, person) == (False, "CONSENT_DENIED")
    assert await may(profile, person, purpose="news") == (True, "CONSENT_GRANTED")
    assert await may(profile, person, purpose="news", is_personalized=True) == (False, "PERSONALIZATION_OFF")


async def test_pipl_46_attributes_are_corrected_by_request(profile):
    [person] = await profile.accepted(identify(user_id="user-1", traits={"city": "Xian", "age": 3}))
    profile.clock.advance(1)

    await ask(profile, "RECTIFY", person, attributes='{"city": "西安", "age": null}')

    assert (await profile.get(person)).attributes == '{"city":"西安"}'


@pytest.mark.parametrize(
    ("type_name", "fields", "field"),
    [
        ("ERASE", {"purposes": ["x"]}, "purposes"),
        ("ACCESS", {"scope": "PERSON"}, "scope"),
        ("RECTIFY", {}, "attributes"),
        ("ACCESS", {"identifier": identifier("user_id", "user-1")}, "profile_id"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(profile, type_name, fields, field):
    [person] = await profile.accepted(identify(user_id="user-1"))

    with pytest.raises(InvalidArgument) as refused:
        await ask(profile, type_name, person, **fields)

    assert refused.value.violations[0][0] == field


async def test_a_request_about_nobody_is_refused(profile):
    with pytest.raises(NotFound):
        await ask(profile, "ERASE", str(new_id()))
    with pytest.raises(NotFound):
        await ask(profile, "ACCESS", identifier=identifier("user_id", "nobody"))


async def test_a_stores_key_makes_no_requests_and_does_not_see_the_list(profile):
    [person] = await profile.accepted(identify(user_id="user-1"))
    scopes = frozenset({"profile.privacy:write", "profile.privacy:read", "profile.suppressions:write"})
    with acting(Call(Caller("key:till", scopes, store_id="s1"))):
        for work in (
            ask(profile, "ERASE", person),
            suppress(profile, identifier("phone", PHONE)),
            profile.privacy_stub.ListPrivacyRequests(pb.ListPrivacyRequestsRequest()),
            profile.privacy_stub.ListAuditEntries(pb.ListAuditEntriesRequest()),
        ):
            with pytest.raises(PermissionDenied):
                await work


async def test_pipl_45_h5_a_bundle_holds_all_there_is_and_is_not_whole_before_everybody_answered(profile):
    person = await a_life(profile)
    request = await ask(profile, "ACCESS", person)

    with pytest.raises(FailedPrecondition) as refused:
        await bundle(profile, request)
    assert refused.value.metadata["waiting_for"] == "distribution,incentive,tagging"
    for service in OTHERS:
        for number in (1, 0):
            line = f'{{"kind": "thing", "n": {number}}}\n'
            await profile.db.transact(
                lambda tx, service=service, number=number, line=line: operations.provide(
                    tx, profile.vault, request.privacy_request_id, service, number, 2, line, now=profile.clock.now()
                )
            )
    found = await bundle(profile, request)

    [shown] = found["profile/profile"]
    assert {link["identifier"]["value"] for link in shown["identifiers"]} >= {"user-1", "M-00417", PHONE, "dev-7"}
    assert shown["attributes"]["name"] == "Zhang San"
    assert {each["name"] for each in found["profile/attribute"]} >= {"name", "email"}
    assert len(found["profile/event"]) == len(await profile.timeline(person))
    assert [(each["state"], each["notice_version"]) for each in found["profile/consent"]] == [
        ("CONSENT_STATE_WITHDRAWN", "v3")
    ]
    assert len(found["profile/merge"]) == len(await profile.merges(person))
    assert [each["n"] for each in found["tagging/thing"]] == [0, 1]
    looks = (await profile.privacy_stub.ListAuditEntries(pb.ListAuditEntriesRequest(profile_id=person))).entries
    assert {(look.action, look.reason) for look in looks} == {("BUNDLE", request.privacy_request_id)}
    assert "Zhang San" not in str(await profile.fetch("SELECT lines FROM bundle_part"))


async def test_h5_a_bundle_tells_which_identifiers_came_and_went_and_names_nobody_else(profile):
    one, other = await profile.accepted(
        identify(user_id="u1", traits={"phone": PHONE}), identify(user_id="u2", traits={"email": "a@mail.cn"})
    )
    moved = await profile.reassign(one, "phone", PHONE, other)
    removed = await profile.remove(other, "email", "a@mail.cn")

    async def told(person):
        lines = (await _answered(profile, await ask(profile, "ACCESS", person)))["profile/identifier_move"]
        return [(each["move_id"], each.get("from_profile_id"), each.get("to_profile_id")) for each in lines]

    assert await told(one) == [(moved.move_id, one, None)]
    assert await told(other) == [(removed.move_id, other, None), (moved.move_id, None, other)]


async def _answered(profile, request):
    """The bundle, when all other services said that they hold nothing."""
    for service in OTHERS:
        await profile.db.transact(
            lambda tx, service=service: operations.provide(
                tx, profile.vault, UUID(request.privacy_request_id), service, 0, 1, "", now=profile.clock.now()
            )
        )
    return await bundle(profile, request)


async def test_a_bundle_goes_with_its_person_and_with_time(profile):
    person = await a_life(profile)
    [other] = await profile.accepted(identify(user_id="u5"))
    first, second = await ask(profile, "EXPORT", person), await ask(profile, "EXPORT", other)

    await ask(profile, "ERASE", person, scope="PERSON")
    assert (await state(profile, first)).state == State.STATE_CANCELLED
    assert {str(row[0]) for row in await profile.fetch("SELECT privacy_request_id FROM bundle_part")} == {
        second.privacy_request_id
    }

    profile.clock.advance(30 * 86_400 + 1)
    await profile.db.transact(lambda tx: operations.expire_bundles(tx, profile.clock.now()))
    assert await profile.fetch("SELECT 1 FROM bundle_part") == []


async def test_requests_are_listed_the_latest_first_and_the_open_ones_alone(profile):
    [person] = await profile.accepted(identify(user_id="user-1"))
    done, open_one = await ask(profile, "RESTRICT", person), await ask(profile, "ACCESS", person)

    async def listed(**fields):
        answer = await profile.privacy_stub.ListPrivacyRequests(pb.ListPrivacyRequestsRequest(**fields))
        return [each.privacy_request_id for each in answer.privacy_requests]

    assert await listed() == [open_one.privacy_request_id, done.privacy_request_id]
    assert await listed(open_only=True) == [open_one.privacy_request_id]
