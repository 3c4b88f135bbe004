"""The same events make the same people, whatever way they arrive."""

from itertools import chain

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.profile.trials import Id, Town, named, union_find

STRONG = [("user_id", "u"), ("member_no", "m"), ("wx.unionid", "w"), ("phone", "138123456")]
OPENIDS = [("wx.openid", "app1", "o"), ("wx.openid", "app2", "p")]


def ids_of(person: int) -> list[Id]:
    """All identifiers that a person may show."""
    strong = [(name, f"{value}{person:02d}" if name == "phone" else f"{value}{person}") for name, value in STRONG]
    openids = [(name, app, f"{value}{person}") for name, app, value in OPENIDS]
    return [*strong, *openids, ("anonymous_id", f"A{person}"), ("anonymous_id", f"B{person}"), ("idfa", f"d{person}")]


@st.composite
def streams(draw: st.DrawFn) -> list[list[Id]]:
    """Events that each show some identifiers of one person."""
    events = st.integers(0, 3).flatmap(
        lambda person: st.lists(st.sampled_from(ids_of(person)), min_size=1, max_size=4, unique=True)
    )
    return draw(st.lists(events, min_size=1, max_size=14))


def label(identifier: Id) -> str:
    claim = named(*identifier)
    return f"{claim.kind.name}/{claim.namespace}/{claim.value}"


def is_weak(identifier: Id) -> bool:
    return named(*identifier).grade.is_weak


def oracle(events: list[list[Id]]) -> set[frozenset[str]] | None:
    """The people by union-find; None where a weak identifier would have to choose between two known people."""
    of_strong = union_find([label(each) for each in event if not is_weak(each)] for event in events)
    of_weak = union_find([label(each) for each in event if is_weak(each)] for event in events)
    known: dict[str, set[str]] = {}
    for event in events:
        strong = {of_strong(label(each)) for each in event if not is_weak(each)}
        for weak in (of_weak(label(each)) for each in event if is_weak(each)):
            known.setdefault(weak, set()).update(strong)
    if any(len(owners) > 1 for owners in known.values()):
        return None
    people: dict[str, set[str]] = {}
    for each in chain.from_iterable(events):
        if is_weak(each):
            component = of_weak(label(each))
            root = next(iter(known[component]), component)
        else:
            root = of_strong(label(each))
        people.setdefault(root, set()).add(label(each))
    return {frozenset(ids) for ids in people.values()}


def heard(events: list[list[Id]]) -> Town:
    town = Town()
    for event in events:
        town.hear(*event)
    return town


@given(streams(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_makes_the_people_that_union_find_makes(events, random):
    people = oracle(events)
    assume(people is not None)
    shuffled = random.sample(events, len(events))

    assert heard(events).partition() == people
    assert heard(shuffled).partition() == people


@given(streams())
def test_hearing_everything_twice_changes_nothing(events):
    assume(oracle(events) is not None)
    once, twice = heard(events), heard(events + events)

    assert twice.partition() == once.partition()
    assert len(twice.people.persons) == len(once.people.persons)


@given(streams())
def test_every_identifier_has_one_owner_and_every_merged_person_leads_to_one_who_lives(events):
    town = heard(events)

    for key, link in town.people.links.items():
        assert link.person.survivor is None
        assert link.person.links[key] is link
    held = [key for person in town.people.persons.values() for key in person.links]
    assert sorted(held) == sorted(town.people.links)
    assert len(town.people.persons) - town.merges == sum(each.survivor is None for each in town.people.persons.values())
