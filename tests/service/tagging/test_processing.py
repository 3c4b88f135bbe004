"""People who are only stored, and people who want no automated decisions: PIPL art. 24 and 47."""

from bowen.profile.v1.events_pb2 import ProcessingChanged
from bowen.tagging.v1.taxonomy_pb2 import Tag

from chassis.consumer import Delivery
from chassis.ids import new_id
from services.tagging.tags import consumers
from tests.service.tagging.tagging import Tagging

VISITED = {"event": {"name": "Visit", "agg": "count", "op": "ge", "value": 1}}


async def told(tagging: Tagging, profile_id: str, version: int = 1, **flags: bool) -> None:
    now = tagging.clock.now()
    event = ProcessingChanged(profile_id=profile_id, version=version, **flags)
    await tagging.db.transact(lambda tx: consumers.on_processing_changed(tx, [Delivery(new_id(), event, now, now)]))


async def a_world(tagging: Tagging) -> tuple[Tag, str, str]:
    """A tag by rule, one by hand, and a segment of each. Returns the tag by hand and the segments."""
    active, vip = await tagging.tag("active"), await tagging.tag("vip")
    await tagging.rule(active, VISITED)
    segments = [await tagging.segment(key, {"tag": {"key": key}}) for key in ("active", "vip")]
    await tagging.backfilled()
    return vip, segments[0], segments[1]


async def a_visitor(tagging: Tagging, vip: Tag) -> str:
    profile_id = str(new_id())
    await tagging.tracked(profile_id, "Visit", tagging.clock.now())
    await tagging.add(profile_id, vip)
    return profile_id


async def test_pipl_24_rules_do_not_judge_who_wants_no_automated_decisions(tagging: Tagging):
    vip, actives, vips = await a_world(tagging)
    off, other = await a_visitor(tagging, vip), await a_visitor(tagging, vip)

    await told(tagging, off, is_personalization_off=True)
    await tagging.tracked(off, "Visit", tagging.clock.now())

    assert await tagging.tags_of(off) == ["vip"]
    assert await tagging.tags_of(other) == ["active", "vip"]
    assert (await tagging.members(actives), sorted(await tagging.members(vips))) == ([other], sorted([off, other]))


async def test_pipl_47_who_is_only_stored_is_in_no_segment_and_comes_back_when_they_say_so(tagging: Tagging):
    vip, actives, vips = await a_world(tagging)
    person = await a_visitor(tagging, vip)

    await told(tagging, person, is_restricted=True)
    stored = (await tagging.members(actives), await tagging.members(vips))
    await told(tagging, person, version=3)
    await told(tagging, person, version=2, is_restricted=True)

    assert stored == ([], [])
    assert (await tagging.members(actives), await tagging.members(vips)) == ([person], [person])


async def test_a_merged_person_is_what_any_of_the_ids_is(tagging: Tagging):
    vip, *_ = await a_world(tagging)
    survivor, loser = await a_visitor(tagging, vip), await a_visitor(tagging, vip)
    await told(tagging, loser, is_personalization_off=True)

    await tagging.merged(survivor, loser)

    assert await tagging.tags_of(survivor) == ["vip"]
