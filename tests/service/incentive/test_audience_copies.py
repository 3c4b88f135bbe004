"""Audiences that know everybody: segments that tagging tells again (spec value §2.3)."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.profile.v1.events_pb2 import ProfileErased, ProfileMerged, ProfileUnmerged
from bowen.tagging.v1 import taxonomy_pb2

from chassis.client import Client, Retry
from chassis.db import driver
from chassis.stamps import stamp
from people.erasures import erased_among
from services.incentive.audiences import store
from services.incentive.audiences.clients import Copier
from services.incentive.holds import consumers as holds
from services.incentive.privacy.consumers import on_profile_erased
from services.incentive.subjects import store as subjects
from suite.embedded import free_port
from tests.service.incentive.campaigning import draft, evaluate, gives, of_orders, publish, refusals, running, terms
from tests.service.incentive.copying import a_copier, listen, told
from tests.service.incentive.rewarding import NOON, Incentive, a_paid_order, an_event, new
from tests.service.tagging.tagging import Tagging

Audience = campaign_pb2.Audience
SHOWN = "SELECT entries, complete_time IS NULL FROM audience_copy"


def live(segment_id: str) -> campaign_pb2.Audience:
    return Audience(segment_id=segment_id)


async def a_segment(tagging: Tagging) -> tuple[taxonomy_pb2.Tag, str]:
    tag = await tagging.tag("vip")
    return tag, await tagging.segment("vips", {"tag": {"key": "vip"}})


async def is_incomplete(incentive: Incentive, campaign_id: str) -> bool:
    return (await incentive.campaign(campaign_id)).audience_incomplete


async def test_who_entered_before_anybody_listened_is_rewarded_once_tagging_has_told_again(
    incentive: Incentive, tagging: Tagging
) -> None:
    vip, segment_id = await a_segment(tagging)
    early, known, late, stranger = (new() for _ in range(4))
    for person in (early, known, late):
        await tagging.add(person, vip)
    await listen(incentive, [fact for fact in await told(tagging) if fact.profile_id == known])
    campaign_id = await running(incentive, of_orders(gives(fixed=10), audience=live(segment_id)))
    other_id = await draft(incentive, terms(audience=live(segment_id)))

    assert await is_incomplete(incentive, campaign_id)
    for person in (early, known):
        await incentive.happen(a_paid_order(person))
    await publish(incentive, other_id)
    await incentive.happen(an_event(early))
    tried = await evaluate(incentive, profile_id=late, fact=campaign_pb2.Trigger(event_name="Product Shared"))
    assert [item.reason for item in tried.skipped] == ["AUDIENCE_INCOMPLETE"]
    assert [(await incentive.has(each))[0] for each in (early, known)] == [0, 10]
    assert await refusals(incentive, profile_id=early) == [("AUDIENCE_INCOMPLETE", 0)] * 2

    await a_copier(incentive, tagging).copy()

    assert await incentive.rows(SHOWN) == [(3, False)]
    assert not await is_incomplete(incentive, campaign_id)
    assert not await is_incomplete(incentive, other_id)
    for person in (late, stranger):
        await incentive.happen(a_paid_order(person))
    assert [(await incentive.has(each))[0] for each in (late, stranger)] == [10, 0]
    assert await refusals(incentive, profile_id=stranger) == [("NOT_IN_AUDIENCE", 0)]


async def test_a_draft_asks_already_and_several_campaigns_ask_once(incentive: Incentive, tagging: Tagging) -> None:
    vip, segment_id = await a_segment(tagging)
    await tagging.add(member := new(), vip)
    first = await draft(incentive, terms(audience=live(segment_id)))
    copier = a_copier(incentive, tagging)
    await copier.copy()

    await publish(incentive, first)
    second = await running(incentive, terms(gives(fixed=5), audience=live(segment_id)))
    await incentive.happen(an_event(member))

    assert [await is_incomplete(incentive, each) for each in (first, second)] == [False, False]
    assert await incentive.has(member) == (15, 0)
    assert await incentive.rows(SHOWN) == [(1, False)]
    assert not await copier.copy_page()


async def test_a_copy_is_as_of_the_instant_of_publishing_whenever_it_is_told(
    incentive: Incentive, tagging: Tagging
) -> None:
    clock = incentive.clock
    vip, segment_id = await a_segment(tagging)
    stays, leaves, returns, gone, comes = people = [new() for _ in range(5)]
    for person in (stays, leaves, returns, gone):
        await tagging.add(person, vip)
    clock.advance(1)
    await tagging.remove(gone, vip)
    heard = len(await told(tagging))
    clock.advance(1)

    said = terms(audience=Audience(segment_id=segment_id, mode=Audience.MODE_SNAPSHOT))
    campaign_id = await running(incentive, said)
    clock.advance(1)
    await tagging.remove(leaves, vip)
    await tagging.remove(returns, vip)
    clock.advance(1)
    await tagging.add(returns, vip)
    await tagging.add(comes, vip)
    await a_copier(incentive, tagging).copy()
    since = (await told(tagging))[heard - 1 :]  # the one who went before publishing is heard of late
    await listen(incentive, since[::-1])
    await incentive.happen(*(an_event(each) for each in people))

    assert [(await incentive.has(each))[0] for each in people] == [10, 10, 10, 0, 0]
    assert not await is_incomplete(incentive, campaign_id)
    clock.advance(1)
    await publish(incentive, str(await draft(incentive, said)))
    await incentive.happen(*(an_event(each) for each in people))
    assert [(await incentive.has(each))[0] for each in people] == [30, 20, 30, 0, 10]


@dataclass
class Life:
    """What happens to a few people, at random, in both services; of segments incentive hears nothing."""

    incentive: Incentive
    tagging: Tagging
    chance: random.Random
    tag: taxonomy_pb2.Tag
    people: list[str] = field(default_factory=lambda: [new() for _ in range(7)])
    merges: list[tuple[str, str, str]] = field(default_factory=list)

    async def go_on(self, steps: int = 1) -> None:
        for _ in range(steps):
            self.incentive.clock.advance(1)
            acts = [self._enter, self._enter, self._leave, self._leave]
            acts += [self._merge] if len(self.merges) < 4 else []
            acts += [self._unmerge] if self.merges else []
            await self.chance.choice(acts)()

    async def _enter(self) -> None:
        await self.tagging.add(self.chance.choice(self.people), self.tag)

    async def _leave(self) -> None:
        await self.tagging.remove(self.chance.choice(self.people), self.tag)

    async def _merge(self) -> None:
        merged = {loser for _, loser, _ in self.merges}
        survivor, loser = self.chance.sample([each for each in self.people if each not in merged], 2)
        merge_id = await self.tagging.merged(survivor, loser)
        self.merges.append((survivor, loser, merge_id))
        await self.incentive.happen(ProfileMerged(merge_id=merge_id, survivor_id=survivor, loser_id=loser))

    async def _unmerge(self) -> None:
        survivor, loser, merge_id = self.merges.pop()
        await self.tagging.unmerged(survivor, loser, merge_id)
        ids = {"survivor_id": survivor, "restored_id": loser, "remaining_id": survivor}
        undone = ProfileUnmerged(merge_id=merge_id, unmerge_time=stamp(self.incentive.clock.now()), **ids)
        await self.incentive.happen(undone, handler=holds.on_profile_unmerged)

    async def inside(self, segment_id: str) -> set[str]:
        """Who is in the segment as incentive has it."""
        async with self.incentive.db.read() as tx:
            found = await subjects.find_people(tx, self.people)
            spells = await store.find_spells(tx, [UUID(segment_id)], self.people)
        now = self.incentive.clock.now() + timedelta(seconds=1)
        there = {profile_id for (_, profile_id), spell in spells.items() if spell.covers(now)}
        return {person.profile_id for person in found.values() if there.intersection(person.ids)}


@pytest.mark.parametrize("seed", range(6))
async def test_whoever_enters_leaves_and_is_merged_while_a_segment_is_told_the_same_people_come_out(
    incentive: Incentive, tagging: Tagging, seed: int
) -> None:
    """Real histories, of which the first part is never heard and the rest in any order, around pages of two."""
    vip, segment_id = await a_segment(tagging)
    life = Life(incentive, tagging, chance := random.Random(seed), vip)
    await life.go_on(12)
    unheard = len(await told(tagging))
    await running(incentive, terms(audience=live(segment_id)))

    copier = a_copier(incentive, tagging, entries_max=2)
    while await copier.copy_page():
        await life.go_on()
    await life.go_on(6)
    facts = (await told(tagging))[unheard:]
    await listen(incentive, chance.sample(facts, len(facts)) if seed % 2 else facts)

    assert await life.inside(segment_id) == {*await tagging.members(segment_id)}


async def test_a_copy_goes_on_where_it_ended_bears_an_outage_and_brings_nobody_back(
    incentive: Incentive, tagging: Tagging
) -> None:
    """More people than three pages hold; the first copier ends after one, nobody answers the second."""
    _, segment_id = await a_segment(tagging)
    members = """
        INSERT INTO segment_member (segment_id, profile_id, entry_id, enter_time)
        SELECT $1, gen_random_uuid(), uuidv7(), $2 FROM generate_series(1, 2500)
    """
    await tagging.db.transact(lambda tx: _execute(tx, members, segment_id, NOON - timedelta(hours=1)))
    async with tagging.db.read() as tx:
        (erased,) = await (await driver(tx)).fetchrow("SELECT profile_id::text FROM segment_member LIMIT 1")
    fact = ProfileErased(request_id=new(), profile_id=erased, profile_ids=[erased], token=new())
    await incentive.happen(fact, handler=on_profile_erased)
    await running(incentive, terms(audience=live(segment_id)))

    assert await a_copier(incentive, tagging).copy_page()
    assert await incentive.rows(SHOWN) == [(1000, True)]
    async with Client.connect(f"127.0.0.1:{free_port()}", name="incentive", retry=Retry(attempts=1)) as nobody:
        await Copier(incentive.db, nobody, incentive.clock, erased_among).copy()
    assert await incentive.rows(SHOWN) == [(1000, True)]
    await a_copier(incentive, tagging).copy()

    assert await incentive.rows(SHOWN) == [(2500, False)]
    known = await incentive.rows(
        "SELECT count(*), count(*) FILTER (WHERE profile_id = $1) FROM audience_member", erased
    )
    assert known == [(2499, 0)]


async def _execute(tx: object, statement: str, *arguments: object) -> None:
    await (await driver(tx)).execute(statement, *arguments)
