"""Laws of pots: spec value §2.5."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from services.incentive.pots.domain import ranked
from services.incentive.pots.domain.merkle import (
    BLOCK,
    leaf_of,
    merkle_proof,
    merkle_root,
    proof_from_block,
    proven,
    upper_nodes,
)
from services.incentive.pots.domain.prizes import Prizes, Score, ThinPool

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

counts = st.integers(0, 500)
prizes = st.builds(
    Prizes,
    top_count=st.integers(0, 100),
    top_amount=st.integers(1, 1_000),
    shared_pool=st.integers(0, 10_000),
    thin_pool=st.sampled_from(ThinPool),
)


def test_pot_01_the_golden_week_to_the_fen() -> None:
    week = Prizes(top_count=5_000, top_amount=20_000, shared_pool=400_000_000, thin_pool=ThinPool.VOID)

    amounts = week.amounts(107_212)

    assert [(amount, len(list(each))) for amount, each in groupby(amounts)] == [
        (20_000, 5_000),
        (3_914, 44_444),
        (3_913, 57_768),
    ]
    assert sum(amounts) == 500_000_000


def test_pot_06_a_pool_of_fewer_units_than_members() -> None:
    first, void = (Prizes(0, 0, 100, rule).amounts(150) for rule in (ThinPool.FIRST, ThinPool.VOID))

    assert first == [1] * 100 + [0] * 50
    assert void == [0] * 150


@given(prizes, counts)
def test_no_prize_is_lost_or_made_by_splitting(prizes: Prizes, members: int) -> None:
    amounts = prizes.amounts(members)
    best, others = amounts[: prizes.top_count], amounts[prizes.top_count :]

    assert len(amounts) == members
    assert set(best) <= {prizes.top_amount}
    assert sum(others) == prizes.shared_pool or not any(others) or not others
    assert not others or max(others) - min(others) <= 1
    assert others == sorted(others, reverse=True)
    assert sum(amounts) <= prizes.most


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=50), st.randoms())
def test_the_order_is_the_same_for_every_order_of_arrival(scores: list[tuple[int, int]], random: Random) -> None:
    standing = [
        Score(str(UUID(int=number)), points, NOON + timedelta(seconds=late))
        for number, (points, late) in enumerate(scores)
    ]
    shuffled = list(standing)
    random.shuffle(shuffled)

    assert ranked(shuffled) == ranked(standing)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70), st.data())
def test_every_leaf_is_proven_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    root, index = merkle_root(leaves), data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle_proof(leaves, index)

    assert proven(leaves[index], proof) == root
    assert proven(uuid4().bytes * 2, proof) != root


@given(st.integers(1, 5 * BLOCK), st.data())
@settings(max_examples=30)
def test_a_block_and_the_kept_nodes_prove_what_the_whole_tree_proves(count: int, data: st.DataObject) -> None:
    leaves = [leaf_of(str(number)) for number in range(count)]
    index = data.draw(st.integers(0, count - 1))
    upper = {(level, place): each for level, place, each in upper_nodes(leaves)}
    block = leaves[index // BLOCK * BLOCK :][:BLOCK]

    assert proof_from_block(block, index, upper, count) == merkle_proof(leaves, index)
