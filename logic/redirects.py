"""Whom a profile id leads to, from the merges that hold. Pure, and a function of which merges hold alone: in
whatever order merges and undone merges are told, everybody ends up with the same people."""

from collections.abc import Iterable
from typing import NamedTuple


class Edge(NamedTuple):
    """A merge that holds: the loser is part of the survivor. Ids of merges grow with time."""

    merge_id: str
    loser_id: str
    survivor_id: str


def roots(edges: Iterable[Edge]) -> dict[str, str]:
    """Of all ids that the merges name, the one that stands for each.

    A later merge of a loser outweighs an earlier one, and one that would lead in a circle is left out: either says that
    the earlier one was undone, and that it is not told yet.
    """
    leads: dict[str, str] = {}
    named: set[str] = set()
    for edge in sorted(edges, reverse=True):
        named |= {edge.loser_id, edge.survivor_id}
        if edge.loser_id not in leads and _root(leads, edge.survivor_id) != edge.loser_id:
            leads[edge.loser_id] = edge.survivor_id
    return {each: _root(leads, each) for each in named}


def _root(leads: dict[str, str], profile_id: str) -> str:
    while profile_id in leads:
        profile_id = leads[profile_id]
    return profile_id
