"""Telling again who is in a segment: the entries that were told and have not ended."""

import pytest
from bowen.tagging.v1 import segment_service_pb2 as pb
from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft
from bowen.wire.v1.envelope_pb2 import EventBatch

from chassis.clock import FixedClock
from chassis.db import driver
from chassis.errors import NotFound
from chassis.ids import new_id
from tests.service.tagging.tagging import Tagging

Open = set[tuple[str, str]]


def someone() -> str:
    return str(new_id())


async def listed(tagging: Tagging, segment_id: str, size: int = 2) -> Open:
    """Entry and profile, read in small pages; the order is that of the entries."""
    found: list[tuple[str, str]] = []
    while True:
        request = pb.ListSegmentEntriesRequest(
            segment_id=segment_id, after_entry_id=found[-1][0] if found else "", entries_max=size
        )
        page = (await tagging.segments.ListSegmentEntries(request)).entries  # type: ignore[misc]
        if not page:
            assert [entry_id for entry_id, _ in found] == sorted({entry_id for entry_id, _ in found})
            return set(found)
        found += [(entry.entry_id, entry.profile_id) for entry in page]


async def told(tagging: Tagging, segment_id: str) -> Open:
    """What follows from the facts alone: entered and not left, each with whom it was told of."""
    async with tagging.db.read() as tx:
        rows = await (await driver(tx)).fetch("SELECT payload FROM outbox ORDER BY outbox_id")
    entered: dict[str, str] = {}
    for event in [event for row in rows for event in EventBatch.FromString(row[0]).events]:
        if event.type.endswith("segment.entered"):
            entry = SegmentEntered.FromString(event.payload)
            if entry.segment_id == segment_id:
                assert entry.entry_id not in entered
                entered[entry.entry_id] = entry.profile_id
        elif event.type.endswith("segment.left"):
            left = SegmentLeft.FromString(event.payload)
            assert left.HasField("enter_time")
            if left.segment_id == segment_id:
                del entered[left.entry_id]  # each entry ends once, after it began
    return set(entered.items())


async def test_entries_are_those_told_and_not_ended_in_pages(tagging: Tagging) -> None:
    vip = await tagging.tag("vip")
    segment_id = await tagging.segment("vips", {"tag": {"key": "vip"}})
    people = [someone() for _ in range(5)]
    for person in people:
        await tagging.add(person, vip)
    await tagging.remove(people[1], vip)

    entries = await listed(tagging, segment_id)

    assert {profile_id for _, profile_id in entries} == {*people} - {people[1]}
    assert entries == await listed(tagging, segment_id, 0) == await told(tagging, segment_id)
    with pytest.raises(NotFound, match="segment"):
        await listed(tagging, someone())


async def test_merges_and_their_undoing_move_no_entry_and_leaving_ends_those_of_both(
    tagging: Tagging, clock: FixedClock
) -> None:
    vip = await tagging.tag("vip")
    segment_id = await tagging.segment("vips", {"tag": {"key": "vip"}})
    first, second, third = (someone() for _ in range(3))
    await tagging.add(first, vip)
    clock.advance(1)
    await tagging.add(third, vip)
    before = await listed(tagging, segment_id)

    # A chain: the entry of the first goes over to the second, and is dropped for that of the third.
    inner = await tagging.merged(second, first)
    outer = await tagging.merged(third, second)
    assert await tagging.members(segment_id) == [third]
    assert before == await listed(tagging, segment_id) == await told(tagging, segment_id)
    await tagging.unmerged(third, second, outer, restored_from_ids=[first])
    assert sorted(await tagging.members(segment_id)) == sorted([second, third])
    assert before == await listed(tagging, segment_id)

    # Both leave as one: what was told of either ends, and undoing the merge brings back what tagging tells anew.
    outer = await tagging.merged(third, second)
    await tagging.remove(third, vip)
    assert await listed(tagging, segment_id) == await told(tagging, segment_id) == set()
    await tagging.add(third, vip)
    await tagging.unmerged(third, second, outer, restored_from_ids=[first])
    await tagging.unmerged(second, first, inner)
    assert await listed(tagging, segment_id) == await told(tagging, segment_id)
    assert {profile_id for _, profile_id in await told(tagging, segment_id)} == {*await tagging.members(segment_id)}


async def test_who_leaves_by_being_united_ends_what_was_told_of_either(tagging: Tagging, clock: FixedClock) -> None:
    vip, both = await tagging.tag("vip"), await tagging.tag("both")
    expression = {"all": [{"tag": {"key": "vip"}}, {"not": {"tag": {"key": "both"}}}]}
    segment_id = await tagging.segment("vips", expression)
    survivor, loser = someone(), someone()
    for person in (survivor, loser):
        clock.advance(1)
        await tagging.add(person, vip)
        await tagging.tracked(person, "bought", tagging.clock.now())
    await tagging.rule(both, {"event": {"name": "bought", "agg": "count", "op": "ge", "value": 2}})
    await tagging.backfilled()
    assert len(await listed(tagging, segment_id)) == 2

    merge_id = await tagging.merged(survivor, loser)
    assert await listed(tagging, segment_id) == await told(tagging, segment_id) == set()
    await tagging.unmerged(survivor, loser, merge_id)

    assert {person for _, person in await listed(tagging, segment_id)} == {survivor, loser}
    assert await listed(tagging, segment_id) == await told(tagging, segment_id)
