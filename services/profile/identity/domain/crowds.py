"""Who has to do with whom: people and what ties them, joined until nothing joins them any more (union-find)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import cast
from uuid import UUID

Node = UUID | bytes
"""A person, by id, or an identifier, by key."""


class Crowds:
    """People who have to do with each other, through whomever. Each crowd is called by its least id."""

    def __init__(self, people: Iterable[UUID]) -> None:
        self._above: dict[Node, Node] = {each: each for each in people}

    def unite(self, one: Node, other: Node) -> None:
        """Note that two have to do with each other."""
        tops = self._top(one), self._top(other)
        least = min(tops, key=lambda top: (isinstance(top, bytes), top.bytes if isinstance(top, UUID) else top))
        for top in tops:
            self._above[top] = least

    def leader(self, person: UUID) -> UUID:
        """The least id of the crowd that somebody is of."""
        return cast(UUID, self._top(person))  # an identifier is never the least

    def members(self, leaders: Collection[UUID]) -> dict[UUID, list[UUID]]:
        """The people of crowds."""
        found: dict[UUID, list[UUID]] = defaultdict(list)
        for node in list(self._above):
            if isinstance(node, UUID) and (leader := self.leader(node)) in leaders:
                found[leader].append(node)
        return found

    def _top(self, node: Node) -> Node:
        top = self._above.setdefault(node, node)
        while (above := self._above[top]) != top:
            top = above
        while (above := self._above[node]) != top:
            self._above[node], node = top, above
        return top
