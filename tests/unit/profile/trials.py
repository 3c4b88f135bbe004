"""People in memory, and events about them in a few words."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from services.profile.identity.domain import (
    Claim,
    Evidence,
    Origin,
    People,
    Previous,
    Trust,
    Verdict,
    admitted,
    claim,
    resolve,
)

START = datetime(2026, 6, 1, tzinfo=UTC)

Id = tuple[str, ...]
"""Type and value, or type, namespace and value; a `~` before a type means that it was not verified."""


def named(*identifier: str) -> Claim:
    """`named("phone", "13812345678")`, `named("wx.openid", "app1", "o-1")`, `named("~email", "a@b.cn")`."""
    type_name, *rest = identifier
    namespace, value = rest if len(rest) == 2 else ("", rest[0])
    return claim(type_name.lstrip("~"), namespace, value, not type_name.startswith("~"))


class Town:
    """People as a stream of events makes them, one event after another."""

    def __init__(self) -> None:
        self.people = People()
        self.merges = 0
        self.conflicts: list[tuple[str, str]] = []
        self._ids = count(1)

    def new_id(self) -> UUID:
        return UUID(int=next(self._ids))

    def hear(self, *ids: Id, trust: Trust = Trust.SERVER, after: timedelta = timedelta(), alias: str = "") -> Verdict:
        """One event that names these identifiers."""
        claims, _ = admitted([named(*each) for each in ids], trust)
        previous = Previous(claim("user_id", "", alias), claim("anonymous_id", "", alias)) if alias else None
        origin = Origin(START + after, "web", self.new_id(), trust)
        verdict = resolve(self.people, Evidence(tuple(claims), origin, previous), self.new_id)
        self.merges += len(verdict.merges)
        self.conflicts += [(each.claim.value, each.rule) for each in verdict.conflicts]
        return verdict

    def who(self, *identifier: str) -> UUID | None:
        """The id of the person who holds an identifier."""
        owner = self.people.owner(named(*identifier).key)
        return owner.profile_id if owner else None

    def partition(self) -> set[frozenset[str]]:
        """The identifiers of each person."""
        alive = [person for person in self.people.persons.values() if person.survivor is None]
        return {
            frozenset(f"{link.kind.name}/{link.namespace}/{link.value}" for link in person.links.values())
            for person in alive
            if person.links
        }


def union_find(groups: Iterable[Iterable[str]]) -> Callable[[str], str]:
    """Merge everything that stands together; returns the way to a thing's representative."""
    parent: dict[str, str] = {}

    def find(item: str) -> str:
        parent.setdefault(item, item)
        while parent[item] != item:
            item = parent[item]
        return item

    for group in groups:
        members = list(group)
        for member in members[1:]:
            parent[find(member)] = find(members[0])
    return find
