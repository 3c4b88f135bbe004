"""Whom a campaign is for: spec value §1C RW-05."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.tagging.v1 import events_pb2 as tagging

from chassis.db import Tx, driver
from chassis.ids import new_id
from chassis.stamps import stamp
from services.incentive.audiences import consumers, store
from tests.service.incentive.campaigning import edit, explain, gives, of_orders, publish, refusals, running, terms
from tests.service.incentive.copying import a_copier
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_paid_order, an_event, new
from tests.service.tagging.tagging import Tagging

Audience = campaign_pb2.Audience
HOUR = timedelta(hours=1)

_METER = """
INSERT INTO budget_meter
    (budget_id, meter_time, cap, used, decisions, grants, used_rate, grants_rate, alarm_bp, stage, p, integral,
     smoothed, step_decisions, weights)
SELECT budget_id, now(), 0, 0, 0, 0, 0, 0, 0, $2, 1, 0, 0, 0, '{}' FROM campaign WHERE campaign_id = $1
"""


def entered(segment_id: str, profile_id: str, entry_id: str = "", at: datetime = NOON - HOUR) -> Any:
    entry_id = entry_id or new()
    return tagging.SegmentEntered(entry_id=entry_id, segment_id=segment_id, profile_id=profile_id, enter_time=stamp(at))


def left(entry: Any, at: datetime = NOON - HOUR / 2) -> Any:
    return tagging.SegmentLeft(
        entry_id=entry.entry_id, segment_id=entry.segment_id, profile_id=entry.profile_id, leave_time=stamp(at)
    )


def live(segment_id: str) -> campaign_pb2.Audience:
    return Audience(segment_id=segment_id)


async def listen(incentive: Incentive, *facts: Any) -> None:
    """Audiences are told, whatever campaigns do about the same facts."""
    for fact in facts:
        handler = consumers.on_segment_left if isinstance(fact, tagging.SegmentLeft) else consumers.on_segment_entered
        await incentive.happen(fact, handler=handler)


async def test_a_live_audience_is_who_was_in_the_segment_when_the_fact_happened(incentive: Incentive) -> None:
    segment_id, member, gone, stranger, later = (new() for _ in range(5))
    await running(incentive, terms(audience=live(segment_id)))
    entry = entered(segment_id, gone)
    await listen(incentive, entered(segment_id, member), entry, left(entry), entered(segment_id, later, at=NOON + HOUR))

    await incentive.happen(*(an_event(each) for each in (member, gone, stranger, later)))
    before = an_event(gone, timestamp=stamp(NOON - HOUR / 2))  # the fact that made them leave found them there
    await incentive.happen(before)

    assert [await incentive.has(each) for each in (member, gone, stranger, later)] == [(10, 0), (10, 0), (0, 0), (0, 0)]


@pytest.mark.parametrize(("stage", "given"), [("none", (10, 5)), ("restrict", (10, 0)), ("pause", (0, 0))])
async def test_a_budget_that_runs_ahead_pays_only_the_planned_audience(
    incentive: Incentive, stage: str, given: tuple[int, int]
) -> None:
    segment_id, member, sharer = new(), new(), new()
    other = gives(fixed=5, beneficiary=campaign_pb2.Effect.BENEFICIARY_SHARER)
    campaign_id = await running(incentive, of_orders(gives(fixed=10), other, audience=live(segment_id)))
    await listen(incentive, entered(segment_id, member))

    async def restrict(tx: Tx) -> None:
        await (await driver(tx)).execute(_METER, campaign_id, stage)

    await incentive.db.transact(restrict)
    paid = a_paid_order(member)
    paid.order.attribution.sharer_profile_id = sharer

    await incentive.happen(paid)

    assert ((await incentive.has(member))[0], (await incentive.has(sharer))[0]) == given
    refused = [number for number, amount in enumerate(given, 1) if not amount]
    assert await refusals(incentive, campaign_id=campaign_id) == [("PACED", number) for number in reversed(refused)]


async def test_an_order_of_nobody_in_the_audience_says_so_and_an_event_says_nothing(
    incentive: Incentive, tagging: Tagging
) -> None:
    segment_id = new()
    orders = await running(incentive, of_orders(gives(fixed=5), audience=live(segment_id)))
    events = await running(incentive, terms(audience=live(segment_id)))
    await a_copier(incentive, tagging).copy()

    await incentive.happen(a_paid_order(new()))
    await incentive.happen(an_event(new()))

    assert await refusals(incentive, campaign_id=orders) == [("NOT_IN_AUDIENCE", 0)]
    assert await refusals(incentive, campaign_id=events) == []


async def test_a_copy_is_who_was_in_the_segment_at_publishing_and_the_grant_carries_it(incentive: Incentive) -> None:
    segment_id, first, second = new(), new(), new()
    await listen(incentive, entry := entered(segment_id, first))
    said = terms(audience=Audience(segment_id=segment_id, mode=Audience.MODE_SNAPSHOT))
    campaign_id = await running(incentive, said)
    incentive.clock.advance(1)
    now = incentive.clock.now()
    await listen(incentive, left(entry, now), entered(segment_id, second, at=now))

    await incentive.happen(an_event(first), an_event(second))
    (grant,) = await incentive.grants(first)
    await edit(incentive, campaign_id, said)
    await publish(incentive, campaign_id)
    await incentive.happen(an_event(first), an_event(second))

    assert [await incentive.has(each) for each in (first, second)] == [(10, 0), (10, 0)]
    (other,) = await incentive.grants(second)
    assert len({grant.snapshot_id, other.snapshot_id, ""}) == 3
    why = await explain(incentive, grant.grant_id)
    assert why.terms.audience.snapshot_id == grant.snapshot_id
    assert await incentive.rows("SELECT people FROM audience_snapshot ORDER BY snapshot_id") == [(1,), (1,)]


async def test_a_merged_person_is_in_the_segments_of_each_profile(incentive: Incentive) -> None:
    segment_id, loser, survivor = new(), new(), new()
    await running(incentive, terms(audience=live(segment_id)))
    await listen(incentive, entered(segment_id, loser))

    await incentive.happen(a_merge(loser, survivor))
    await incentive.happen(an_event(survivor))

    assert await incentive.has(survivor) == (10, 0)


async def test_whatever_the_order_in_which_entries_and_leaves_arrive_the_same_comes_out(incentive: Incentive) -> None:
    segment_id = new()
    entries = [str(new_id()), str(new_id())]
    for number, order in enumerate(permutations(range(3))):
        profile_id = str(UUID(int=number + 1))
        first = entered(segment_id, profile_id, entries[0], NOON - 3 * HOUR)
        facts = [first, left(first, NOON - 2 * HOUR), entered(segment_id, profile_id, entries[1], NOON - HOUR)]
        await listen(incentive, *(facts[index] for index in order), facts[order[0]])

    rows = await incentive.rows("SELECT DISTINCT entry_id::text, enter_time, leave_time FROM audience_member")

    assert rows == [(entries[1], NOON - HOUR, None)]


async def test_a_spell_that_ended_stays_ended_when_its_beginning_is_told_last(incentive: Incentive) -> None:
    segment_id, profile_id = new(), new()
    entry = entered(segment_id, profile_id)

    await listen(incentive, left(entry), entry)

    async with incentive.db.read() as tx:
        ((_, spell),) = (await store.find_spells(tx, [UUID(segment_id)], [profile_id])).items()
    assert not spell.covers(NOON)
    assert spell.covers(NOON - HOUR)
