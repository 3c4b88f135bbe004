"""Which value holds, by rule, and where it comes from: spec people §1C, C1, C2 and C5."""

import json
from datetime import timedelta

import pytest
from bowen.profile.v1 import attribute_service_pb2 as pb
from bowen.profile.v1 import events_pb2
from bowen.profile.v1 import profile_service_pb2 as profile_pb

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import moment
from tests.service.profile.asking import ask
from tests.service.profile.speaking import identify

Kind = pb.AttributeRule


async def put_rule(profile, name, kind, *source_ids):
    request = pb.PutAttributeRuleRequest(
        request_id=str(new_id()), name=name, kind=f"KIND_{kind}", source_ids=source_ids
    )
    return (await profile.attribute_stub.PutAttributeRule(request)).rule


async def known(profile, person):
    return json.loads((await profile.get(person)).attributes)


async def provenance(profile, person):
    request = profile_pb.GetProfileRequest(profile_id=person, include_provenance=True)
    return {each.name: each for each in (await profile.stub.GetProfile(request)).profile.provenance}


def at(profile, seconds, source_id="web", user_id="u1", **traits):
    return identify(
        user_id=user_id,
        source_id=source_id,
        traits=traits,
        original_time=profile.clock.now() + timedelta(seconds=seconds - 1000),
        receive_time=profile.clock.now(),
    )


async def test_c1_attributes_follow_their_rules_and_others_are_told(profile):
    await put_rule(profile, "city", "SOURCE_PRIORITY", "pos", "crm")
    await put_rule(profile, "best", "MAX")
    await put_rule(profile, "first_visit", "MIN")
    await put_rule(profile, "hobbies", "UNION")

    [person, *_] = await profile.accepted(
        at(profile, 3, "web", city="C", best=5, first_visit="2026-05-01", hobbies=["tea"], other=3),
        at(profile, 1, "pos", city="A", best=9, first_visit="2026-04-01", hobbies="go", other=1),
        at(profile, 2, "crm", city="B", best=7, first_visit="2026-06-01", hobbies=["go", "tea"], other=2),
    )

    wanted = {"city": "A", "best": 9, "first_visit": "2026-04-01", "hobbies": ["go", "tea"], "other": 3}
    assert await known(profile, person) == wanted
    told = (await profile.facts(events_pb2.ProfileUpdated))[-1]
    assert json.loads(told.attributes) == wanted


async def test_c1_a_rule_holds_for_what_is_said_from_then_on_and_every_version_is_kept(profile):
    [person] = await profile.accepted(at(profile, 1, best=9, hobbies="go"))
    await profile.accepted(at(profile, 2, best=5, hobbies="tea"))

    await put_rule(profile, "best", "MAX")
    await put_rule(profile, "hobbies", "UNION")
    assert await known(profile, person) == {"best": 5, "hobbies": "tea"}
    await profile.accepted(at(profile, 3, best=4, hobbies="go"))
    assert await known(profile, person) == {"best": 5, "hobbies": ["go", "tea"]}
    latest = await put_rule(profile, "best", "LATEST")
    await profile.accepted(at(profile, 4, best=1))

    assert (await known(profile, person))["best"] == 1
    listed = (await profile.attribute_stub.ListAttributeRules(pb.ListAttributeRulesRequest())).rules
    assert [(each.name, each.kind, each.actor) for each in listed] == [
        ("best", Kind.KIND_LATEST, "service:tester"),
        ("hobbies", Kind.KIND_UNION, "service:tester"),
    ]
    history = await profile.attribute_stub.ListAttributeRules(pb.ListAttributeRulesRequest(history_of="best"))
    assert [(each.kind, each.version) for each in history.rules] == [
        (Kind.KIND_LATEST, latest.version),
        (Kind.KIND_MAX, latest.version - 2),
    ]


@pytest.mark.parametrize("kind", ["MAX", "UNION", "SOURCE_PRIORITY"])
async def test_c1_undoing_a_merge_gives_back_what_each_would_have_come_to(profile, kind):
    await put_rule(profile, "a", kind, *(["pos"] if kind == "SOURCE_PRIORITY" else []))

    def one(name):
        return [at(profile, 1, "pos", f"{name}1", a=5), at(profile, 6, "web", f"{name}1", a=3)]

    def other(name):
        return [at(profile, 2, "web", f"{name}2", a=8), at(profile, 7, "pos", f"{name}2", a=2)]

    async def alone(name):
        people = await profile.accepted(*one(name), *other(name))
        return await known(profile, people[0]), await known(profile, people[-1])

    first, second = one("merged"), other("merged")
    [survivor, loser] = await profile.accepted(first[0], second[0])
    merge = await profile.merge(survivor, loser)
    await profile.accepted(first[1], second[1])
    await profile.undo(merge.merge_id)

    assert (await known(profile, survivor), await known(profile, loser)) == await alone("apart")


async def test_c1_a_merge_follows_the_rules(profile):
    await put_rule(profile, "best", "MAX")
    await put_rule(profile, "hobbies", "UNION")
    one, other = await profile.accepted(
        at(profile, 2, user_id="u1", best=3, hobbies="go", city="new"),
        at(profile, 1, user_id="u2", best=8, hobbies="tea", city="old"),
    )

    await profile.merge(one, other)

    assert await known(profile, one) == {"best": 8, "hobbies": ["go", "tea"], "city": "new"}


async def test_c2_null_unsets_under_every_rule_and_a_correction_stands_above_them(profile):
    await put_rule(profile, "best", "MAX")
    await put_rule(profile, "hobbies", "UNION")
    await put_rule(profile, "city", "SOURCE_PRIORITY", "pos")
    [person] = await profile.accepted(at(profile, 1, "pos", best=9, hobbies=["go"], city="A"))

    await profile.accepted(at(profile, 2, "pos", best=None, hobbies=None, city=None))
    assert await known(profile, person) == {}
    await profile.accepted(at(profile, 3, "pos", best=4, hobbies=["tea"], city="B"))
    await ask(profile, "RECTIFY", person, attributes='{"best": 1, "hobbies": ["chess"], "city": "C"}')

    assert await known(profile, person) == {"best": 1, "hobbies": ["chess"], "city": "C"}


async def test_c5_provenance_tells_source_and_time_of_every_attribute(profile):
    await put_rule(profile, "hobbies", "UNION")
    [person] = await profile.accepted(at(profile, 1, "pos", city="A", hobbies=["go"], phone="13812345678"))
    await profile.accepted(at(profile, 2, "web", hobbies=["tea"], city=None))

    found = await provenance(profile, person)

    assert {name: (each.value, each.source_id) for name, each in found.items()} == {
        "city": ("null", "web"),
        "hobbies": ('["go","tea"]', "web"),
        "phone": ('"13812345678"', "pos"),
    }
    assert moment(found["phone"].time) == profile.clock.now() - timedelta(seconds=999)
    assert [(each.value, each.source_id) for each in found["hobbies"].facts] == [('["go"]', "pos"), ('["tea"]', "web")]
    assert (await profile.get(person)).provenance == []
    with acting(Call(Caller("key:till", frozenset({"profile.profiles:read"})))):
        assert (await provenance(profile, person))["phone"].value == '"138****5678"'


@pytest.mark.parametrize(
    ("kind", "source_ids"),
    [("MAX", ["pos"]), ("SOURCE_PRIORITY", []), ("SOURCE_PRIORITY", ["a", "a"]), ("SOURCE_PRIORITY", [""])],
)
async def test_c1_a_rule_that_does_not_fit_together_is_refused(profile, kind, source_ids):
    with pytest.raises(InvalidArgument) as refused:
        await put_rule(profile, "a", kind, *source_ids)

    assert refused.value.reason == "ATTRIBUTE_RULE_INVALID"


async def test_c1_a_store_sets_no_rules(profile):
    with acting(Call(Caller("key:till", frozenset(), store_id="s1"))):
        with pytest.raises(PermissionDenied):
            await put_rule(profile, "a", "MAX")
