"""A merge that is undone has not been: over random histories, on the real database."""

import json
from datetime import datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.profile.speaking import identifier, identify

SIDES = {
    "a": [("member_no", "{}-a"), ("anonymous_id", "{}-a1"), ("anonymous_id", "{}-a2")],
    "b": [("wx.unionid", "{}-b"), ("anonymous_id", "{}-b1"), ("idfa", "{}-b2")],
}
NAMED = [(0,), (1,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
"""Which identifiers of a side one event may show: never one alone that was not seen with another before."""

traits = st.dictionaries(st.sampled_from(["city", "name", "level"]), st.integers(0, 3) | st.none(), max_size=2)
events = st.tuples(st.sampled_from(sorted(SIDES)), st.sampled_from(NAMED), traits)
histories = st.lists(events, max_size=6)
_populations = count(1)


def _event(population: str, index: int, start: datetime, side: str, named, values):
    identifiers = [identifier(name, text.format(population)) for name, text in (SIDES[side][each] for each in named)]
    message_id, time = f"{population}-{index}", start + timedelta(minutes=index)
    return identify(identifiers=identifiers, traits=values, original_time=time, message_id=message_id)


async def _state(profile, person: str, population: str):
    """All that a person is, with names that do not tell which population it is of."""
    found, timeline = await profile.get(person), await profile.timeline(person, page_size=200)
    [row] = await profile.fetch("SELECT merge_count FROM profile WHERE profile_id = $1", person)
    return (
        found.redirected_from,
        found.create_time.seconds,
        row["merge_count"],
        sorted(link.identifier.value.lower().removeprefix(population) for link in found.identifiers),
        json.loads(found.attributes),
        sorted(
            event.message_id.removeprefix(population) for event in timeline if not event.message_id.endswith("-link")
        ),
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=histories, since=histories)
async def test_an_undone_merge_leaves_the_people_that_would_be_without_it(profile, before, since):
    number, start = next(_populations), profile.clock.now() - timedelta(days=1)
    first = [(side, (0, 1), {"side": side}) for side in SIDES]
    linked, plain = f"linked{number}", f"plain{number}"

    def told(population, history, at):
        return [_event(population, at + index, start, *each) for index, each in enumerate(history)]

    people = {name: (await profile.accepted(*told(name, [*first, *before], 0)))[:2] for name in (linked, plain)}
    link = [identifier(name, text.format(linked)) for name, text in (SIDES[side][0] for side in SIDES)]
    await profile.accepted(
        identify(identifiers=link, message_id=f"{linked}-link", original_time=start + timedelta(hours=1))
    )
    for name in people:
        if since:
            await profile.accepted(*told(name, since, 20))
    [merge] = await profile.merges(people[linked][0])
    await profile.undo(merge.merge_id)

    undone = [await _state(profile, person, linked) for person in people[linked]]
    assert undone == [await _state(profile, person, plain) for person in people[plain]]
    await profile.assert_sound()
