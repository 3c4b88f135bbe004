"""Many events at once, against an algorithm of another kind: `python -m tests.unit.profile.test_scale EVENTS`."""

import random
import sys

from services.profile.identity.errors import IdentifierInvalid
from tests.unit.profile.test_laws import OPENIDS, STRONG
from tests.unit.profile.trials import Id, Town, named, union_find


def stream(number: int, seed: int) -> list[list[Id]]:
    """Events of a fifth as many people, each of which shows two or three identifiers of its own."""
    chance = random.Random(seed)
    people = [_ids(person) for person in range(number // 5)]
    return [chance.sample(chance.choice(people), chance.randint(1, 3)) for _ in range(number)]


def _ids(person: int) -> list[Id]:
    phone = f"13{person:09d}"
    strong = [(name, phone if name == "phone" else f"{value}{person}") for name, value in STRONG]
    openids = [(name, app, f"{value}{person}") for name, app, value in OPENIDS]
    return [each for each in (*strong, *openids) if each[0] != "phone" or _is_phone(each)]


def _is_phone(identifier: Id) -> bool:
    try:
        named(*identifier)
    except IdentifierInvalid:
        return False
    return True


def assert_as_union_find_says(events: list[list[Id]]) -> None:
    town = Town()
    for event in events:
        town.hear(*event)
    groups = [[_label(each) for each in event] for event in events]
    find = union_find(groups)
    people: dict[str, set[str]] = {}
    for label in {label for group in groups for label in group}:
        people.setdefault(find(label), set()).add(label)
    assert town.partition() == {frozenset(labels) for labels in people.values()}
    assert town.conflicts == []


def _label(identifier: Id) -> str:
    claim = named(*identifier)
    return f"{claim.kind.name}/{claim.namespace}/{claim.value}"


def test_twenty_thousand_events_make_the_people_that_union_find_makes_in_any_order():
    events = stream(20_000, seed=11)

    assert_as_union_find_says(events)
    assert_as_union_find_says(random.Random(12).sample(events, len(events)))


if __name__ == "__main__":
    assert_as_union_find_says(stream(int(sys.argv[1]), seed=13))
