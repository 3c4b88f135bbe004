"""Whom a profile id leads to, from the merges that hold. Pure, and a function of which merges hold alone: in
whatever order merges and undone merges are told, everybody ends up with the same people."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Edge(NamedTuple):
    """A merge that holds: the loser is part of the survivor. Ids of merges grow with time."""

    merge_id: str
    loser_id: str
    survivor_id: str


Tree = Mapping[str, Edge]
"""Of each id that was merged into another, the merge that counts."""


def tree(edges: Iterable[Edge]) -> dict[str, Edge]:
    """A later merge of a loser outweighs an earlier one, and one that would lead in a circle is left out: either says
    that the earlier one was undone, and that it is not told yet.
    """
    counting: dict[str, Edge] = {}
    for edge in sorted(edges, reverse=True):
        if edge.loser_id not in counting and _root(counting, edge.survivor_id) != edge.loser_id:
            counting[edge.loser_id] = edge
    return counting


def roots(edges: Iterable[Edge]) -> dict[str, str]:
    """Of all ids that the merges name, the one that stands for each."""
    edges = list(edges)
    counting = tree(edges)
    return {each: _root(counting, each) for edge in edges for each in (edge.loser_id, edge.survivor_id)}


def above(counting: Tree, profile_id: str) -> list[Edge]:
    """The merges by which an id came to be part of the one that stands for it, one after another."""
    way = []
    while edge := counting.get(profile_id):
        way.append(edge)
        profile_id = edge.survivor_id
    return way


def below(counting: Tree, profile_id: str) -> list[Edge]:
    """The merges by which others came to be part of an id."""
    return [
        edge
        for edge in counting.values()
        if any(step.survivor_id == profile_id for step in above(counting, edge.loser_id))
    ]


def _root(counting: Tree, profile_id: str) -> str:
    way = above(counting, profile_id)
    return way[-1].survivor_id if way else profile_id
