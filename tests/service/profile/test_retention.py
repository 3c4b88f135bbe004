"""How long what is kept: spec people §1H, H8, and PIPL art. 19. The clock is moved."""

import json

import pytest
from bowen.profile.v1 import events_pb2
from bowen.profile.v1 import privacy_service_pb2 as pb

from chassis.errors import InvalidArgument, NotFound
from chassis.ids import new_id
from services.profile.privacy import operations
from tests.service.profile.speaking import ACCEPTED, an_event, identify

DAY = 86_400


async def keep(profile, name, days):
    request = pb.PutRetentionRequest(request_id=str(new_id()), days=days, **{"class": name})
    return (await profile.privacy_stub.PutRetention(request)).retention


async def retain(profile):
    await operations.retain(profile.db, profile.vault, profile.clock.now())


async def names(profile, person):
    return sorted(event.name for event in await profile.timeline(person))


async def test_pipl_19_events_go_by_their_name_when_their_time_is_over(profile):
    await keep(profile, "event:Product Viewed", 30)
    await keep(profile, "event:*", 90)
    [person, *_] = await profile.accepted(
        *(an_event(user_id="u1", name=name) for name in ("Product Viewed", "Order Completed", "Cart Viewed"))
    )
    await keep(profile, "event:Order Completed", 0)

    profile.clock.advance(30 * DAY)
    await retain(profile)
    assert await names(profile, person) == ["Cart Viewed", "Order Completed", "Product Viewed"]
    profile.clock.advance(1)
    await retain(profile)
    assert await names(profile, person) == ["Cart Viewed", "Order Completed"]
    profile.clock.advance(60 * DAY)
    await retain(profile)

    assert await names(profile, person) == ["Order Completed"]
    await profile.assert_sound()


async def test_pipl_19_a_value_goes_when_it_was_not_heard_for_long_enough_and_others_are_told(profile):
    await keep(profile, "attribute:city", 10)
    [person] = await profile.accepted(identify(user_id="u1", traits={"city": "x", "level": 3}))
    [fresh] = await profile.accepted(identify(user_id="u2", traits={"city": "y"}))
    profile.clock.advance(10 * DAY + 1)
    await profile.accepted(identify(user_id="u2", traits={"city": "y"}))

    await retain(profile)
    await retain(profile)

    assert json.loads((await profile.get(person)).attributes) == {"level": 3}
    assert json.loads((await profile.get(fresh)).attributes) == {"city": "y"}
    told = [each for each in await profile.facts(events_pb2.ProfileUpdated) if each.profile_id == person]
    assert [list(each.changed) for each in told] == [["city", "level"], ["city"]]


async def test_pipl_19_people_of_whom_nothing_is_heard_are_erased_and_may_come_back(profile):
    await keep(profile, "profile", 365)
    [silent] = await profile.accepted(identify(user_id="u1"))
    await profile.accepted(an_event(anonymous_id="a1"))
    profile.clock.advance(300 * DAY)
    [active] = await profile.accepted(identify(user_id="u2", anonymous_id="a1"))
    profile.clock.advance(66 * DAY)

    await retain(profile)

    with pytest.raises(NotFound):
        await profile.get(silent)
    assert (await profile.get(active)).profile_id == active
    [told] = await profile.facts(events_pb2.ProfileErased)
    assert told.profile_id == silent
    [again] = await profile.ingest(identify(user_id="u1"))
    assert (again.result, again.profile_id != silent) == (ACCEPTED, True)
    await profile.assert_sound()


async def test_rules_are_listed_and_what_is_no_class_is_refused(profile):
    await keep(profile, "profile", 365)
    await keep(profile, "event:*", 30)
    await keep(profile, "event:*", 60)

    found = (await profile.privacy_stub.ListRetentions(pb.ListRetentionsRequest())).retentions
    assert [(getattr(each, "class"), each.days, each.actor) for each in found] == [
        ("event:*", 60, "service:tester"),
        ("profile", 365, "service:tester"),
    ]
    for wrong in ("events", "event:"):
        with pytest.raises(InvalidArgument):
            await keep(profile, wrong, 1)
