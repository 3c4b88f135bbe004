"""A merge that is undone has not been: over random histories, on the real database."""

import json
from datetime import datetime, timedelta
from itertools import count, pairwise

from bowen.profile.v1 import events_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.profile.speaking import identifier, identify

SIDES = {
    "a": [("member_no", "{}-a"), ("anonymous_id", "{}-a1"), ("anonymous_id", "{}-a2")],
    "b": [("wx.unionid", "{}-b"), ("anonymous_id", "{}-b1"), ("idfa", "{}-b2")],
    "c": [("email", "{}-c@mail.cn"), ("anonymous_id", "{}-c1"), ("idfa", "{}-c2")],
}
NAMED = [(0,), (1,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
"""Which identifiers of a side one event may show: never one alone that was not seen with another before."""

traits = st.dictionaries(st.sampled_from(["city", "name", "level"]), st.integers(0, 3) | st.none(), max_size=2)
events = st.tuples(st.sampled_from(sorted(SIDES)), st.sampled_from(NAMED), traits)
histories = st.lists(events, max_size=6)
MINUTES = {"before": 0, "first": 60, "between": 120, "second": 180, "since": 240}
FIRST, THROUGH_A, THROUGH_B = "ab", "ac", "bc"
_populations = count(1)


class Population:
    """People a, b and c, whose names are nobody else's, and what is heard of them."""

    def __init__(self, profile, name: str, start: datetime) -> None:
        self.profile, self.name, self.start = profile, name, start
        self.people: dict[str, str] = {}

    def _identifier(self, side: str, index: int):
        type_name, text = SIDES[side][index]
        return identifier(type_name, text.format(self.name))

    async def begin(self) -> None:
        """All three come, each with two identifiers."""
        ids = [[self._identifier(side, index) for index in (0, 1)] for side in SIDES]
        events = [
            identify(
                identifiers=named, traits={"side": side}, original_time=self.start, message_id=f"{self.name}-{side}"
            )
            for side, named in zip(SIDES, ids, strict=True)
        ]
        self.people = dict(zip(SIDES, await self.profile.accepted(*events), strict=True))

    async def hear(self, phase: str, history) -> None:
        """What they do in one phase of their lives, a minute after another."""
        told = [
            identify(
                identifiers=[self._identifier(side, index) for index in named],
                traits=values,
                original_time=self.start + timedelta(minutes=MINUTES[phase] + index),
                message_id=f"{self.name}-{phase}-{index}",
            )
            for index, (side, named, values) in enumerate(history, 1)
        ]
        if told:
            await self.profile.accepted(*told)

    async def link(self, phase: str, pair: str) -> str:
        """An event that names both of a pair. Returns the merge that it makes."""
        [person] = await self.profile.accepted(
            identify(
                identifiers=[self._identifier(side, 0) for side in pair],
                original_time=self.start + timedelta(minutes=MINUTES[phase]),
                message_id=f"{self.name}-{phase}-link",
            )
        )
        return (await self.profile.merges(person))[0].merge_id

    async def state(self) -> list[object]:
        """What each of them is."""
        return [await _state(self.profile, person, self.name) for person in self.people.values()]


async def _state(profile, person: str, population: str):
    """All that a person is, with names that do not tell which population it is of."""
    found, timeline = await profile.get(person), await profile.timeline(person, page_size=200)
    [row] = await profile.fetch("SELECT merge_count FROM profile WHERE profile_id = $1", person)
    return (
        bool(found.redirected_from),
        found.create_time.seconds,
        row["merge_count"],
        sorted(link.identifier.value.lower().removeprefix(population) for link in found.identifiers),
        json.loads(found.attributes),
        sorted(
            event.message_id.removeprefix(population) for event in timeline if not event.message_id.endswith("-link")
        ),
    )


async def _versions_grow(profile, people) -> None:
    """Whoever keeps the newest version that was told of a person has the newest state."""
    told: dict[str, list[int]] = {person: [] for person in people}
    kinds = events_pb2.ProfileUpdated, events_pb2.ProfileMerged, events_pb2.ProfileUnmerged
    for fact in await profile.facts(*kinds):
        for person, version in _told_by(fact):
            told.get(person, []).append(version)
    assert all(one < other for versions in told.values() for one, other in pairwise(versions)), told
    stored = await profile.fetch("SELECT profile_id, version FROM attribute_set")
    kept = {str(profile_id): version for profile_id, version in stored}
    assert {person: versions[-1] for person, versions in told.items()} == {person: kept[person] for person in told}


def _told_by(fact) -> list[tuple[str, int]]:
    if isinstance(fact, events_pb2.ProfileUnmerged):
        return [(fact.remaining_id, fact.remaining_version), (fact.restored_id, fact.restored_version)]
    return [(fact.survivor_id if isinstance(fact, events_pb2.ProfileMerged) else fact.profile_id, fact.version)]


laws = settings(max_examples=20)


async def _two_populations(profile) -> tuple[Population, Population]:
    number, start = next(_populations), profile.clock.now() - timedelta(days=1)
    pair = Population(profile, f"linked{number}", start), Population(profile, f"plain{number}", start)
    for population in pair:
        await population.begin()
    return pair


@laws
@given(before=histories, since=histories)
async def test_an_undone_merge_leaves_the_people_that_would_be_without_it(profile, before, since):
    linked, plain = await _two_populations(profile)
    for population in (linked, plain):
        await population.hear("before", before)
    merge_id = await linked.link("first", FIRST)
    for population in (linked, plain):
        await population.hear("since", since)

    await profile.undo(merge_id)

    assert await linked.state() == await plain.state()
    await _versions_grow(profile, linked.people.values())
    await profile.assert_sound()


@laws
@given(
    before=histories,
    between=histories,
    since=histories,
    second=st.sampled_from([THROUGH_A, THROUGH_B]),
    is_first_undone=st.booleans(),
)
async def test_of_two_merges_in_a_row_those_that_are_undone_have_not_been(
    profile, before, between, since, second, is_first_undone
):
    """The second rests on the first where b led to c; then both go, else the one that was asked for."""
    linked, plain = await _two_populations(profile)
    stays = FIRST if not is_first_undone else second if second == THROUGH_A else ""
    merges = {}
    for phase, history in (("before", before), ("between", between), ("since", since)):
        for population in (linked, plain):
            await population.hear(phase, history)
        link, pair = {"before": ("first", FIRST), "between": ("second", second)}.get(phase, ("", ""))
        if link:
            merges[link] = await linked.link(link, pair)
        if link and pair == stays:
            await plain.link(link, pair)

    undone = await profile.undo(merges["first" if is_first_undone else "second"], cascade=True)

    assert len(undone) == (2 if is_first_undone and second == THROUGH_B else 1)
    assert await linked.state() == await plain.state()
    await _versions_grow(profile, linked.people.values())
    await profile.assert_sound()
