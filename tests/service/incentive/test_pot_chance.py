"""Pots of chance over gRPC: spec value §2.5, §8, POT-07."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import pot_pb2
from bowen.incentive.v1.events_pb2 import PotFrozen, PotSettled

from chassis.errors import InvalidArgument
from services.incentive.pots.domain import Share
from services.incentive.pots.domain.draws import Draws
from services.incentive.pots.domain.merkle import leaf_of, merkle_root, proven
from services.incentive.pots.domain.prizes import RandomSplit
from tests.service.incentive.potting import Pots, a_pots
from tests.service.incentive.rewarding import NOON, Incentive, new

RULES = pot_pb2.PrizeRules(
    conditions="Share a drink in the week.",
    method="Drawn by the published seed from all who shared.",
    redemption_terms="Paid into the wallet within a day.",
    organiser="Bowen Coffee Ltd",
)
NAMELESS = pot_pb2.PrizeRules(conditions="c", method="m", redemption_terms="r")
RANKED = {"top_count": 0, "top_amount": 0, "shared_pool": 0}


def a_split(**fields: int) -> dict[str, Any]:
    parts = {"packet_count": 4, "pool": 1_000, "packet_min": 10, "packet_max": 800}
    return {**RANKED, "random": pot_pb2.RandomSplit(**parts | fields), "rules": RULES}


def a_lottery(*prizes: pot_pb2.LotteryPrize, **fields: Any) -> dict[str, Any]:
    prizes = prizes or (a_prize("car", 5_000_000), a_prize("mug", 100, quantity=3))
    return {**RANKED, "lottery": pot_pb2.Lottery(prizes=prizes), "rules": RULES, **fields}


def a_prize(name: str, amount: int, *, quantity: int = 1, value: int = 0) -> pot_pb2.LotteryPrize:
    return pot_pb2.LotteryPrize(name=name, amount=amount, quantity=quantity, value_minor=value or amount)


@pytest.fixture
async def pots(incentive: Incentive) -> AsyncIterator[Pots]:
    async with a_pots(incentive) as pots:
        yield pots
        await incentive.ledger.check()


async def test_gp_02_random_parts_are_committed_to_before_and_can_be_repeated_after(pots: Pots) -> None:
    pot_id, people = await pots.create(**a_split()), sorted(new() for _ in range(4))
    for profile_id in people:
        await pots.shared(profile_id)
    created = await pots.get(pot_id)
    assert (len(created.seed_hash), created.seed, created.entry_hash) == (64, "", "")
    pots.over()

    frozen = await pots.freeze(pot_id)
    amounts = [(await pots.share(pot_id, each)).amount for each in people]
    settled = await pots.settle(pot_id)

    assert (frozen.seed, frozen.seed_hash) == ("", created.seed_hash)
    assert hashlib.sha256(bytes.fromhex(settled.seed)).hexdigest() == created.seed_hash
    leaves = [leaf_of(f"{pot_id}|{rank}|{each}|1") for rank, each in enumerate(people, start=1)]
    assert merkle_root(leaves) == settled.entry_hash
    again = RandomSplit(4, 1_000, 10, 800).amounts(Draws(bytes.fromhex(settled.seed), settled.entry_hash))
    assert amounts == again
    assert [await pots.cash(each) for each in people] == again
    assert (sum(again), settled.paid_amount) == (1_000, 1_000)
    (told,), (ended,) = await pots.incentive.told(PotFrozen), await pots.incentive.told(PotSettled)
    assert (told.seed_hash, told.entry_hash) == (created.seed_hash, settled.entry_hash)
    assert (ended.seed, ended.paid_amount) == (settled.seed, 1_000)


async def test_parts_that_nobody_is_there_for_are_not_paid(pots: Pots) -> None:
    pot_id, only = await pots.create(**a_split()), new()
    await pots.shared(only)
    pots.over()

    assert (await pots.freeze(pot_id)).winner_count == 1

    share = await pots.share(pot_id, only)
    assert 10 <= share.amount <= 800
    assert await pots.incentive.rows("SELECT committed FROM budget") == [(share.amount,)]


async def test_prizes_are_drawn_among_those_who_qualify_and_nobody_gets_two(pots: Pots) -> None:
    pot_id, people = await pots.create(score_min=2, **a_lottery()), [new() for _ in range(6)]
    for profile_id in people:
        await pots.shared(profile_id, times=2)
    await pots.shared(outsider := new(), times=1)
    pots.over()

    frozen = await pots.freeze(pot_id)
    settled = await pots.settle(pot_id)

    assert (frozen.winner_count, settled.paid_amount) == (4, 5_000_300)
    won = await pots.incentive.rows("SELECT profile_id::text, prize, amount FROM pot_share ORDER BY rank")
    assert [prize for _, prize, _ in won] == ["car", "mug", "mug", "mug"]
    assert outsider not in {profile_id for profile_id, _, _ in won}
    for rank, (profile_id, prize, amount) in enumerate(won, start=1):
        share = await pots.share(pot_id, profile_id)
        assert (share.rank, share.prize, share.amount) == (rank, prize, amount)
        leaf = Share(UUID(pot_id), profile_id, rank, share.score, NOON, amount).leaf
        assert proven(leaf, share.proof) == frozen.set_hash


async def test_a_pot_tells_its_plan_as_it_was_asked_for(pots: Pots) -> None:
    lottery = a_lottery(a_prize("a", 700), a_prize("b", 10, quantity=2))
    pot = await pots.get(await pots.create(**lottery))

    assert pot.lottery.prizes == lottery["lottery"].prizes
    assert pot.rules == RULES
    assert await pots.incentive.rows("SELECT cap FROM budget") == [(720,)]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("random.pool", a_split(pool=39)),
        ("random.pool", a_split(pool=3_201)),
        ("random.packet_max", a_split(packet_max=5_000_001)),
        ("rules", a_split() | {"rules": None}),
        (
            "rules.organiser",
            a_split() | {"rules": pot_pb2.PrizeRules(conditions="c", method="m", redemption_terms="r")},
        ),
        ("rules", {"rules": RULES}),
        ("top_count", a_split() | {"top_count": 1, "top_amount": 1}),
        ("lottery.prizes[0].value_minor", a_lottery(a_prize("car", 5_000_001))),
        ("lottery.prizes[0].value_minor", a_lottery(a_prize("car", 100, value=99))),
        ("lottery.prizes", a_lottery() | {"lottery": pot_pb2.Lottery()}),
        ("rules", a_lottery() | {"rules": None}),
        ("event_name", {"event_name": ""}),
        ("event_name", {"metric": pot_pb2.Pot.METRIC_NET}),
    ],
)
async def test_pot_07_a_pot_that_cannot_be_or_may_not_be_is_refused_when_it_is_created(
    pots: Pots, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await pots.create(**fields)

    assert field in [violation[0] for violation in refused.value.violations]
    assert await pots.incentive.rows("SELECT count(*) FROM pot") == [(0,)]
