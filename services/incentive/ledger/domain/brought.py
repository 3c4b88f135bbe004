"""What each merge brought to a person, beside what it carried on of merges before it. Pure.

A merge moves all that its loser has, which is the loser's own and what merges into the loser had brought before. When
one of them is undone, those above it have as much less to give back.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from logic.redirects import Edge, Tree, above, below

Part = tuple[str, str]
"""Of which asset and in which kind of account."""

Brought = Mapping[str, Counter[Part]]
"""By merge. Below zero where the loser had spent of what others had brought."""


class Parting(NamedTuple):
    """What the undoing of a merge has to give back, and by which merges it came: it, and those into its loser."""

    merge_ids: Collection[str]
    moved: Mapping[Part, int]
    missed: Mapping[Part, int]
    """What they had brought and those above them had spent."""


def concerned(counting: Tree, edge: Edge) -> set[str]:
    """The merges that say what is to go back when a merge is undone, which `counting` does not hold any more."""
    branches = [*above(counting, edge.survivor_id), edge]
    return {each.merge_id for branch in branches for each in (branch, *below(counting, branch.loser_id))}


def part(counting: Tree, edge: Edge, brought: Brought) -> Parting:
    """What goes back is what the merge, and those into its loser, had brought; at most what each above carried on."""
    own = _branch(counting, edge)
    parted = _sum(own, brought)
    carried = [_sum(_branch(counting, each), brought) for each in above(counting, edge.survivor_id)]
    moved = {kind: max(0, min([amount, *(amount + each[kind] for each in carried)])) for kind, amount in parted.items()}
    return Parting(own, moved, {kind: parted[kind] - amount for kind, amount in moved.items()})


def carried(counting: Tree, loser_id: str, brought: Brought) -> Counter[Part]:
    """What others had brought of what a loser gives to a survivor."""
    return _sum((each.merge_id for each in below(counting, loser_id)), brought)


def _branch(counting: Tree, edge: Edge) -> set[str]:
    return {edge.merge_id, *(each.merge_id for each in below(counting, edge.loser_id))}


def _sum(merge_ids: Iterable[str], brought: Brought) -> Counter[Part]:
    total = Counter[Part]()
    for merge_id in merge_ids:
        total.update(brought.get(merge_id, Counter()))
    return total
