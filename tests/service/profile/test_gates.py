"""Sensitive attributes by separate consent, children by their guardian's: spec people §5.1 (PIPL articles 28-31)."""

import json

import msgspec
import pytest
from bowen.profile.v1 import attribute_service_pb2 as pb
from bowen.profile.v1 import events_pb2
from bowen.profile.v1 import rejection_service_pb2 as rejection_pb

from chassis.caller import Call, Caller, acting
from chassis.errors import FailedPrecondition
from chassis.ids import new_id
from services.profile.privacy.operations import sweep
from tests.service.profile.asking import ask, everything
from tests.service.profile.consenting import WITHDRAWN, a_statement, may, record, withdraw
from tests.service.profile.speaking import identify
from tests.service.profile.test_people import a_row

MISSING = "ATTRIBUTE_CONSENT_MISSING"


async def be_sensitive(profile, name="health"):
    await profile.attribute_stub.PutAttributeRule(
        pb.PutAttributeRuleRequest(request_id=str(new_id()), name=name, kind="KIND_LATEST", is_sensitive=True)
    )


def says(purpose, **fields):
    return a_statement(purpose=purpose, channel="", **fields)


def about(user_id="u1", /, **traits):
    return identify(user_id=user_id, traits=traits)


async def known(profile, person):
    return json.loads((await profile.get(person)).attributes)


async def rejected(profile):
    found = await profile.rejection_stub.ListRejections(rejection_pb.ListRejectionsRequest())
    return [(each.reason, json.loads(each.raw)["attribute"]) for each in found.rejections]


async def test_pipl_28_a_sensitive_attribute_needs_a_consent_of_its_own_on_every_way_in(profile):
    await be_sensitive(profile)
    [outcome] = await profile.ingest(about(health="asthma-17", city="Xian"))
    person = outcome.profile_id
    row = a_row("r1", user_id="u1")
    row.attributes = '{"health": "asthma-17"}'
    [imported] = await profile.imported(row)
    with pytest.raises(FailedPrecondition) as refused:
        await ask(profile, "RECTIFY", person, attributes='{"health": "asthma-17"}')

    assert "health" in outcome.detail
    assert "health" in imported.detail
    assert (refused.value.reason, refused.value.metadata["attribute"]) == (MISSING, "health")
    assert await known(profile, person) == {"city": "Xian"}
    assert await rejected(profile) == [(MISSING, "health")]
    assert "asthma-17" not in str(await profile.timeline(person))
    assert "asthma-17" not in str(await profile.facts(events_pb2.EventRecorded, events_pb2.ProfileUpdated))
    assert "asthma-17" not in await everything(profile)

    await record(profile, person, says("sensitive"))
    await profile.accepted(about(health="none", city="Xian"))
    assert await known(profile, person) == {"city": "Xian", "health": "none"}
    with acting(Call(Caller("key:till", frozenset({"profile.profiles:read"})))):
        assert await known(profile, person) == {"city": "Xian", "health": "***"}
        assert json.loads((await profile.timeline(person))[0].properties)["health"] == "***"

    await withdraw(profile, person, purpose="sensitive")
    assert await known(profile, person) == {"city": "Xian"}
    told = (await profile.facts(events_pb2.ProfileUpdated))[-1]
    assert (json.loads(told.attributes), list(told.changed)) == ({"city": "Xian"}, ["health"])


async def test_of_two_who_are_one_the_no_holds_and_undoing_gives_each_what_they_agreed_to(profile):
    await be_sensitive(profile)
    one, other = await profile.accepted(about("u1"), about("u2"))
    await record(profile, one, says("sensitive"))
    await record(profile, other, says("sensitive", state=WITHDRAWN))
    await profile.accepted(about("u1", health="x", city="A"), about("u2", health="y"))

    merge = await profile.merge(one, other)
    assert await known(profile, one) == {"city": "A"}
    await profile.accepted(about("u1", health="z"))
    assert await known(profile, one) == {"city": "A"}
    await profile.undo(merge.merge_id)

    assert await known(profile, one) == {"city": "A", "health": "x"}
    assert await known(profile, other) == {}


@pytest.mark.parametrize("sign", [{"birthday": "2020-02-29"}, {"is_minor": True}])
async def test_pipl_31_a_child_is_known_by_nothing_else_until_a_guardian_agrees(profile, sign):
    [person] = await profile.accepted(about(city="A"))
    await record(profile, person, a_statement())
    assert await may(profile, person) == (True, "CONSENT_GRANTED")

    await profile.accepted(about(**sign, hobby="go"))
    assert await known(profile, person) == sign
    assert await may(profile, person) == (False, "GUARDIAN_MISSING")
    await record(profile, person, says("guardian"))
    await profile.accepted(about(hobby="go"))

    assert await known(profile, person) == {**sign, "hobby": "go"}
    assert await may(profile, person) == (True, "CONSENT_GRANTED")
    await withdraw(profile, person, purpose="guardian")
    assert await known(profile, person) == sign


async def test_a_banner_gives_no_guardians_consent_and_takes_it_back(profile):
    [person] = await profile.accepted(about(is_minor=True))

    def banner(is_granted):
        return identify(user_id="u1", context={"consent": {"categoryPreferences": {"guardian": is_granted}}})

    await profile.accepted(banner(True))
    assert await may(profile, person) == (False, "GUARDIAN_MISSING")
    await record(profile, person, says("guardian"))
    await profile.accepted(about(hobby="go"))
    profile.clock.advance(10)
    await profile.accepted(banner(False))

    assert await known(profile, person) == {"is_minor": True}


async def test_what_became_sensitive_goes_of_silent_people_in_portions_that_are_resumed(profile):
    said = [about(f"u{number}", health=f"asthma-{number}", city="A") for number in range(3)]
    agreed, one, other = await profile.accepted(*said)
    await record(profile, agreed, says("sensitive"))
    [child] = await profile.accepted(about("u3", is_minor=True))
    await record(profile, child, says("guardian"))
    await profile.accepted(about("u3", hobby="go"))
    await as_before_the_gate(profile)
    await be_sensitive(profile)
    facts = await profile.fetch(f"SELECT facts FROM attribute_set WHERE profile_id = '{other}'")
    await set_facts(profile, other, "damaged")

    with pytest.raises(msgspec.DecodeError):
        await swept(profile)
    assert await known(profile, one) == {"city": "A"}
    await set_facts(profile, other, facts[0]["facts"])
    assert await swept(profile) == 2

    assert await known(profile, agreed) == {"city": "A", "health": "asthma-0"}
    assert await known(profile, other) == {"city": "A"}
    assert await known(profile, child) == {"is_minor": True}
    told = (await profile.facts(events_pb2.ProfileUpdated))[-3:]
    assert [(each.profile_id, list(each.changed)) for each in told] == [
        (one, ["health"]),
        (other, ["health"]),
        (child, ["hobby"]),
    ]
    assert await swept(profile) == 0
    await be_sensitive(profile, "city")
    assert await swept(profile) == 4
    assert await known(profile, one) == {}


async def swept(profile):
    return await sweep(profile.db, profile.vault, profile.clock, limit=1)


async def as_before_the_gate(profile):
    """As a version that knew no gate left people."""
    await profile.db.transact(lambda tx: tx.exec_driver_sql("UPDATE processing SET guardian = 0 WHERE guardian = 1"))


async def set_facts(profile, person, facts):
    statement = f"UPDATE attribute_set SET facts = '{facts}' WHERE profile_id = '{person}'"
    await profile.db.transact(lambda tx: tx.exec_driver_sql(statement))
