"""Whom ids lead to, from the merges that hold."""

from hypothesis import given
from hypothesis import strategies as st

from logic.redirects import Edge, above, below, roots, tree


def test_a_chain_leads_to_its_end_and_is_parted_in_its_middle() -> None:
    first, second = Edge("1", "a", "b"), Edge("2", "b", "c")

    assert roots([first, second]) == {"a": "c", "b": "c", "c": "c"}
    assert roots([first]) == {"a": "b", "b": "b"}
    assert roots([second]) == {"b": "c", "c": "c"}


def test_a_later_merge_of_a_loser_and_one_the_other_way_round_outweigh_what_is_not_yet_told_as_undone() -> None:
    assert roots([Edge("1", "a", "b"), Edge("2", "a", "c")]) == {"a": "c", "b": "b", "c": "c"}
    assert roots([Edge("1", "a", "b"), Edge("2", "b", "a")]) == {"a": "a", "b": "a"}


def test_who_is_above_and_who_is_below() -> None:
    one, two, three, other = Edge("1", "a", "b"), Edge("2", "b", "d"), Edge("3", "c", "b"), Edge("4", "x", "d")
    counting = tree([one, two, three, other])

    assert above(counting, "a") == [one, two]
    assert above(counting, "d") == []
    assert sorted(below(counting, "b")) == [one, three]
    assert sorted(below(counting, "d")) == [one, two, three, other]
    assert below(counting, "a") == []


@given(st.permutations(range(6)), st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=6))
def test_everybody_leads_to_one_who_leads_to_nobody_in_whatever_order_merges_are_told(
    order: list[int], pairs: list[tuple[str, str]]
) -> None:
    edges = [Edge(str(number), *pair) for number, pair in enumerate(pairs) if pair[0] != pair[1]]
    shuffled = sorted(edges, key=lambda edge: order[int(edge.merge_id)])

    leads = roots(shuffled)

    assert leads == roots(edges)
    assert all(leads[root] == root for root in leads.values())
