"""Pots over gRPC: cases of spec value §3.3."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import pot_pb2
from bowen.incentive.v1 import pot_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import PotFrozen
from bowen.profile.v1.event_pb2 import TRUST_PUBLIC, TRUST_SERVER

from chassis.caller import Call, Caller, acting
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import stamp
from services.incentive.pots import operations
from services.incentive.pots.consumers import on_event_recorded
from services.incentive.pots.domain import Share, ShareState
from services.incentive.pots.domain.merkle import leaf_of, proven
from services.incentive.pots.domain.points import Point
from services.incentive.pots.store import score
from tests.service.incentive.potting import SHARED, WEEK, Pots, a_pots
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, an_event, an_undoing, new


@pytest.fixture
async def pots(incentive: Incentive) -> AsyncIterator[Pots]:
    """Pots of an empty service, over gRPC."""
    async with a_pots(incentive) as pots:
        yield pots
        await incentive.ledger.check()


async def test_pot_01_the_golden_week_is_paid_to_the_fen(pots: Pots) -> None:
    pot_id = await pots.create(top_count=5_000, top_amount=20_000, shared_pool=400_000_000)
    people = 107_212
    points = [Point(new_id(), SHARED, str(UUID(int=1 + number)), NOON) for number in range(people)]
    await pots.incentive.db.transact(lambda tx: score(tx, points))
    pots.over()

    frozen = await pots.freeze(pot_id)

    assert frozen.winner_count == people
    assert await pots.incentive.rows("SELECT amount, count(*) FROM pot_share GROUP BY amount ORDER BY amount DESC") == [
        (20_000, 5_000),
        (3_914, 44_444),
        (3_913, 57_768),
    ]
    assert await pots.incentive.rows("SELECT cap, committed FROM budget") == [(500_000_000, 500_000_000)]


async def test_pot_02_of_a_tie_who_reached_it_first_wins_and_exactly_as_many_as_there_are_prizes(pots: Pots) -> None:
    pot_id, people = await pots.create(top_count=2, shared_pool=0), [new() for _ in range(3)]
    for late, profile_id in enumerate(people):
        await pots.shared(profile_id, times=5, at=NOON + timedelta(hours=3 - late))
    pots.over()

    assert (await pots.freeze(pot_id)).winner_count == 2

    assert [(await pots.share(pot_id, each)).rank for each in reversed(people[1:])] == [1, 2]
    with pytest.raises(NotFound):
        await pots.share(pot_id, people[0])


async def test_pot_03_a_share_that_falls_away_before_payment_goes_to_nobody(pots: Pots) -> None:
    pot_id, people = await pots.create(top_count=0, top_amount=0), [new() for _ in range(3)]
    for profile_id in people:
        await pots.shared(profile_id)
    pots.over()
    await pots.freeze(pot_id)
    before = {profile_id: (await pots.share(pot_id, profile_id)).amount for profile_id in people}

    await pots.disqualify(pot_id, people[0])
    settled = await pots.settle(pot_id)

    assert settled.state == pot_pb2.Pot.STATE_SETTLED
    assert (settled.paid_amount, settled.unallocated_amount) == (1_000 - before[people[0]], before[people[0]])
    assert [await pots.cash(each) for each in people] == [0, before[people[1]], before[people[2]]]


async def test_pot_04_what_falls_away_after_payment_is_debt_once_it_is_spent(pots: Pots) -> None:
    pot_id, winner = await pots.create(), new()
    await pots.shared(winner)
    pots.over()
    await pots.freeze(pot_id)
    await pots.settle(pot_id)
    assert await pots.cash(winner) == 200

    shares = await asyncio.gather(*(pots.disqualify(pot_id, winner) for _ in range(5)))

    assert {share.state for share in shares} == {pot_pb2.PotShare.STATE_TAKEN_BACK}
    assert await pots.cash(winner) == 0
    assert await pots.incentive.rows("SELECT committed FROM budget") == [(0,)]


async def test_pot_05_a_settlement_that_was_cut_off_goes_on_where_it_ended(pots: Pots) -> None:
    pot_id = await pots.create(top_count=0, top_amount=0, shared_pool=1_200)
    people = [str(UUID(int=1 + number)) for number in range(1_200)]
    points = [Point(new_id(), SHARED, profile_id, NOON) for profile_id in people]
    await pots.incentive.db.transact(lambda tx: score(tx, points))
    pots.over()
    await pots.freeze(pot_id)
    await pots.stub.SettlePot(pb.SettlePotRequest(request_id=new(), pot_id=pot_id))  # type: ignore[misc]
    now = pots.incentive.clock.now()
    await pots.incentive.db.transact(lambda tx: operations.pay_some(tx, now))
    assert (await pots.get(pot_id)).paid_amount == 500

    class Killed(Exception): ...

    async def cut_off(tx: Any) -> None:
        await operations.pay_some(tx, now)
        raise Killed

    with pytest.raises(Killed):
        await pots.incentive.db.transact(cut_off)
    await asyncio.gather(*(pots.servicer.pay() for _ in range(3)))

    settled = await pots.get(pot_id)
    assert (settled.state, settled.paid_amount) == (pot_pb2.Pot.STATE_SETTLED, 1_200)
    paid = "SELECT min(balance), max(balance), count(*) FROM account WHERE account LIKE 'member/%/available'"
    assert await pots.incentive.rows(paid) == [(1, 1, 1_200)]


async def test_a_winner_can_prove_their_share_against_the_published_hash(pots: Pots) -> None:
    pot_id, people = await pots.create(), [new() for _ in range(5)]
    for profile_id in people:
        await pots.shared(profile_id)
    pots.over()
    frozen = await pots.freeze(pot_id)

    for profile_id in people:
        share = await pots.share(pot_id, profile_id)
        own = Share(UUID(pot_id), profile_id, share.rank, share.score, NOON, share.amount, ShareState.DUE)
        assert proven(own.leaf, share.proof) == frozen.set_hash
    (told,) = await pots.incentive.told(PotFrozen)
    assert (told.set_hash, told.winner_count) == (frozen.set_hash, 5)


async def test_a_pot_is_not_frozen_while_late_events_may_come(pots: Pots) -> None:
    pot_id = await pots.create()
    pots.incentive.clock.advance(WEEK.total_seconds())

    with pytest.raises(FailedPrecondition) as refused:
        await pots.freeze(pot_id)

    assert refused.value.reason == "POT_NOT_OVER"


async def test_events_count_by_when_they_happened_once_each_and_only_of_trusted_sources(pots: Pots) -> None:
    pot_id, profile_id, event_id = await pots.create(), new(), new()
    facts = [
        {"event_id": event_id, "trust": TRUST_SERVER},
        {"event_id": event_id, "trust": TRUST_SERVER},
        {"trust": TRUST_PUBLIC},
        {"trust": TRUST_SERVER, "timestamp": stamp(NOON + WEEK)},
        {"trust": TRUST_SERVER, "timestamp": stamp(NOON + WEEK - timedelta(milliseconds=1))},
    ]
    await pots.incentive.happen(*(an_event(profile_id, SHARED, **fact) for fact in facts), handler=on_event_recorded)
    pots.over()
    await pots.freeze(pot_id)

    assert (await pots.share(pot_id, profile_id)).score == 2


async def test_merged_people_are_one_winner(pots: Pots) -> None:
    pot_id, loser, survivor = await pots.create(score_min=3), new(), new()
    await pots.shared(loser, times=2)
    await pots.shared(survivor, times=1)
    await pots.incentive.happen(a_merge(loser, survivor))
    pots.over()

    assert (await pots.freeze(pot_id)).winner_count == 1
    assert (await pots.share(pot_id, loser)).profile_id == survivor


async def test_winners_who_are_merged_after_the_freeze_have_both_shares_and_lose_both(pots: Pots) -> None:
    pot_id, loser, survivor = await pots.create(), new(), new()
    await pots.shared(loser, times=2)
    await pots.shared(survivor, times=1)
    pots.over()
    frozen = await pots.freeze(pot_id)
    merge = a_merge(loser, survivor)
    await pots.incentive.happen(merge)

    shares = await pots.shares(pot_id, survivor)
    assert [(share.rank, share.profile_id) for share in shares] == [(1, loser), (2, survivor)]
    for share in shares:
        leaf = leaf_of(f"{pot_id}|{share.rank}|{share.profile_id}|{share.amount}")
        assert proven(leaf, share.proof) == frozen.set_hash
    await pots.incentive.happen(an_undoing(merge))
    assert [len(await pots.shares(pot_id, each)) for each in (loser, survivor)] == [1, 1]
    await pots.incentive.happen(a_merge(loser, survivor))
    await pots.disqualify(pot_id, survivor)
    await pots.settle(pot_id)
    assert await pots.cash(survivor) == await pots.cash(loser) == 0


async def test_a_proof_reads_no_more_than_a_block_of_many_winners(pots: Pots) -> None:
    pot_id, people = await pots.create(shared_pool=10_000), [new() for _ in range(600)]
    await pots.shared_by(people)
    pots.over()
    frozen = await pots.freeze(pot_id)
    winners = sorted(people)

    async def prove() -> None:
        for profile_id in (winners[0], winners[300], winners[-1]):
            share = await pots.share(pot_id, profile_id)
            leaf = leaf_of(f"{pot_id}|{share.rank}|{profile_id}|{share.amount}")
            assert proven(leaf, share.proof) == frozen.set_hash

    await prove()
    assert await pots.incentive.rows("SELECT level, count(*) FROM pot_node GROUP BY 1 ORDER BY 1") == [(8, 3), (9, 2)]
    await pots.forget_tree()  # as of pots that were frozen before trees were kept
    await prove()


async def test_a_frozen_pot_cannot_be_called_off_nor_an_open_one_be_paid(pots: Pots) -> None:
    pot_id = await pots.create()
    with pytest.raises(FailedPrecondition) as refused:
        await pots.settle(pot_id)
    assert refused.value.metadata["state"] == "OPEN"
    pots.over()
    await pots.freeze(pot_id)

    with pytest.raises(FailedPrecondition) as refused:
        await pots.stub.VoidPot(pb.VoidPotRequest(request_id=new(), pot_id=pot_id))  # type: ignore[misc]

    assert refused.value.metadata["state"] == "FROZEN"


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("end_time", {"end_time": stamp(NOON)}),
        ("top_amount", {"top_amount": 0}),
        ("shared_pool", {"top_count": 0, "top_amount": 0, "shared_pool": 0}),
        ("score_min", {"score_min": -1}),
    ],
)
async def test_a_pot_that_makes_no_sense_is_refused(pots: Pots, field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await pots.create(**fields)

    assert refused.value.violations[0][0] == field


async def test_pot_09_a_shopper_sees_what_the_server_found_for_them_and_no_one_elses(pots: Pots) -> None:
    pot_id, winner, other = await pots.create(), new(), new()
    await pots.shared(winner)
    pots.over()
    await pots.freeze(pot_id)

    with acting(Call(Caller("shopper", frozenset({"incentive.pots:read"}), profile_id=other))):
        with pytest.raises(PermissionDenied):
            await pots.share(pot_id, winner)
        with pytest.raises(NotFound):
            await pots.share(pot_id, other)
