"""Shared pools that nobody gets, carried over to another pot: spec value §2.5."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import pot_pb2
from bowen.incentive.v1.events_pb2 import PotCarriedOver, PotFrozen

from chassis.errors import InvalidArgument, NotFound
from chassis.stamps import stamp
from services.incentive.budgets import operations as budgets
from tests.service.incentive.potting import WEEK, Pots, a_pots
from tests.service.incentive.rewarding import NOON, Incentive, new
from tests.service.incentive.test_pot_chance import a_lottery, a_prize, a_split
from tests.service.incentive.test_pot_orders import BY_LEVELS

NEXT_WEEK = {"start_time": stamp(NOON + WEEK), "end_time": stamp(NOON + 2 * WEEK)}
SHARED_ONLY = {"top_count": 0, "top_amount": 0}
CAPS = "SELECT sum(cap), sum(committed) FROM budget"


@pytest.fixture
async def pots(incentive: Incentive) -> AsyncIterator[Pots]:
    async with a_pots(incentive) as pots:
        yield pots
        await incentive.ledger.check()


async def some_shared(pots: Pots, people: int, **when: Any) -> list[str]:
    found = [new() for _ in range(people)]
    for profile_id in found:
        await pots.shared(profile_id, **when)
    return found


async def test_a_pool_too_thin_for_its_members_is_split_by_those_of_the_next_pot(pots: Pots) -> None:
    heir_id = await pots.create(**NEXT_WEEK, **SHARED_ONLY, shared_pool=10)
    pot_id = await pots.create(shared_pool=2, carry_over_pot_id=heir_id)  # 200 for the best
    await some_shared(pots, 4)
    winners = await some_shared(pots, 3, at=NOON + WEEK)
    pots.over()

    frozen = await pots.freeze(pot_id)
    again = await pots.freeze(pot_id)

    assert (frozen.winner_count, frozen.void_amount, frozen.carried_amount, frozen.carry_over_pot_id) == (
        *(1, 2, 2),
        heir_id,
    )
    assert again == frozen
    heir = await pots.get(heir_id)
    assert (heir.shared_pool, heir.received_amount, heir.state) == (12, 2, pot_pb2.Pot.STATE_OPEN)
    (told,), (carried,) = await pots.incentive.told(PotFrozen), await pots.incentive.told(PotCarriedOver)
    assert told.void_amount == 2
    assert (carried.pot_id, carried.carry_over_pot_id, carried.asset, carried.amount, carried.shared_pool) == (
        *(pot_id, heir_id, "cash.CNY"),
        *(2, 12),
    )
    pots.incentive.clock.advance(WEEK.total_seconds())
    await pots.freeze(heir_id)
    for each in (pot_id, heir_id):
        await pots.settle(each)
    assert [await pots.cash(each) for each in winners] == [4, 4, 4]
    books = "SELECT cap, committed FROM budget ORDER BY cap"
    assert await pots.incentive.rows(books) == [(12, 12), (200, 200)]


async def test_pots_that_are_frozen_and_called_off_at_once_lose_and_double_nothing(pots: Pots) -> None:
    """What three pots leave goes to a fourth, which goes on to a fifth at the same moment, or stays where it was."""
    last_id = await pots.create(end_time=stamp(NOON + 2 * WEEK), **SHARED_ONLY, shared_pool=1)
    heir_id = await pots.create(
        end_time=stamp(NOON + WEEK + timedelta(hours=1)), **SHARED_ONLY, shared_pool=1, carry_over_pot_id=last_id
    )
    pot_ids = [
        await pots.create(**SHARED_ONLY, shared_pool=amount, carry_over_pot_id=heir_id, **fields)
        for amount, fields in ((10, {"score_min": 9}), (20, {}), (40, {"thin_pool": pot_pb2.Pot.THIN_POOL_FIRST}))
    ]
    await some_shared(pots, 30)
    pots.over()
    moves = [pots.freeze(pot_ids[0]), pots.void(pot_ids[1]), pots.freeze(pot_ids[2]), pots.void(heir_id)]

    await asyncio.gather(*moves, pots.freeze(pot_ids[0]), pots.void(pot_ids[1]))

    every = [await pots.get(each) for each in (*pot_ids, heir_id, last_id)]
    assert await pots.incentive.rows(CAPS) == [(72, 40)]
    assert sum(pot.carried_amount for pot in every) == sum(pot.received_amount for pot in every)
    held = "SELECT bool_and(cap = shared_pool - carried_amount) FROM pot JOIN budget USING (budget_id)"
    assert await pots.incentive.rows(held) == [(True,)]
    assert [pot.void_amount for pot in every[:3]] == [10, 20, 0]
    assert every[4].shared_pool == 1 + every[3].shared_pool == 2 + every[3].received_amount
    told = await pots.incentive.told(PotCarriedOver)
    assert sum(each.amount for each in told) == sum(pot.received_amount for pot in every)


async def test_a_pool_stays_in_its_budget_when_the_other_pot_is_over_or_its_own_is_stopped(pots: Pots) -> None:
    gone_id, heir_id = [await pots.create(**NEXT_WEEK, **SHARED_ONLY) for _ in range(2)]
    late_id, stopped_id, lowered_id = [
        await pots.create(**SHARED_ONLY, shared_pool=50, name=name, carry_over_pot_id=to)
        for name, to in (("late", gone_id), ("stopped", heir_id), ("lowered", heir_id))
    ]
    await pots.void(gone_id)
    stopped, lowered = await _budget_id(pots, "stopped"), await _budget_id(pots, "lowered")
    await pots.incentive.db.transact(lambda tx: budgets.set_kill_switch(tx, stopped, killed=True))
    await pots.incentive.db.transact(lambda tx: budgets.update_cap(tx, lowered, 30))

    found = [await pots.void(each) for each in (late_id, stopped_id, lowered_id)]

    assert [(pot.void_amount, pot.carried_amount) for pot in found] == [(50, 0), (50, 0), (50, 30)]
    assert (await pots.get(heir_id)).received_amount == 30
    caps = "SELECT name, cap FROM budget WHERE name <> 'the week' ORDER BY name"
    assert await pots.incentive.rows(caps) == [("late", 50), ("lowered", 0), ("stopped", 50)]
    assert len(await pots.incentive.told(PotCarriedOver)) == 1


async def test_whatever_kind_of_prizes_a_pot_has_what_nobody_gets_of_them_is_split_in_the_next(pots: Pots) -> None:
    """Prizes for the best that too few are there for, random parts, a lottery; all of a pot without members."""
    heir_id = await pots.create(end_time=stamp(NOON + 2 * WEEK), start_time=stamp(NOON + WEEK), **SHARED_ONLY)
    kinds = {
        "best": ({"top_count": 5, "shared_pool": 0}, 5 * 200),
        "random": (a_split(), 1_000),
        "lottery": (a_lottery(a_prize("mug", 100, quantity=4), a_prize("pen", 10, quantity=3)), 430),
        "nobody": (a_lottery(a_prize("cup", 70), score_min=9), 70),
    }
    most = {
        await pots.create(**fields, name=name, carry_over_pot_id=heir_id): amount
        for name, (fields, amount) in kinds.items()
    }
    people = await some_shared(pots, 2)
    pots.over()

    frozen = [await pots.freeze(each) for each in most]

    for pot, amount in zip(frozen, most.values(), strict=True):
        won = sum([share.amount for each in people for share in await _shares(pots, pot.pot_id, each)])
        assert pot.void_amount == pot.carried_amount == amount - won
    assert [pot.winner_count for pot in frozen] == [2, 2, 2, 0]
    carried = sum(pot.carried_amount for pot in frozen)
    heir = await pots.get(heir_id)
    assert (heir.shared_pool, heir.received_amount) == (1_000 + carried, carried)
    for pot in frozen:
        settled = await pots.settle(pot.pot_id)
        assert settled.paid_amount == most[pot.pot_id] - pot.carried_amount
    assert await pots.incentive.rows(CAPS) == [(sum(most.values()) + 1_000, sum(most.values()) - carried)]


async def _shares(pots: Pots, pot_id: str, profile_id: str) -> list[pot_pb2.PotShare]:
    try:
        return await pots.shares(pot_id, profile_id)
    except NotFound:
        return []


async def test_what_nobody_claimed_of_levels_is_carried_over_when_the_pot_is_called_off(pots: Pots) -> None:
    heir_id = await pots.create(**NEXT_WEEK, **SHARED_ONLY)
    levels = pot_pb2.Levels(levels=[pot_pb2.Level(score_min=1, amount=50)], budget=120)
    pot_id = await pots.create(levels=levels, **SHARED_ONLY, shared_pool=0, carry_over_pot_id=heir_id)
    (person, _) = await some_shared(pots, 2)
    await pots.claim(pot_id, person, 1)

    pot = await pots.void(pot_id)

    assert (pot.void_amount, pot.carried_amount) == (70, 70)
    assert (await pots.get(heir_id)).shared_pool == 1_070
    assert await pots.cash(person) == 50
    assert await pots.incentive.rows("SELECT cap, committed FROM budget ORDER BY cap") == [(50, 50), (1_070, 0)]


async def _budget_id(pots: Pots, name: str) -> UUID:
    ((budget_id,),) = await pots.incentive.rows(f"SELECT budget_id FROM budget WHERE name = '{name}'")
    return UUID(str(budget_id))


async def test_a_pot_that_cannot_take_a_pool_is_not_carried_over_to(pots: Pots) -> None:
    no_pool = await pots.create(**NEXT_WEEK, shared_pool=0)
    at_once, points = await pots.create(), await pots.create(**NEXT_WEEK, asset="points")
    levels, void = await pots.create(**NEXT_WEEK, **BY_LEVELS), await pots.create(**NEXT_WEEK)
    await pots.void(void)
    rules = {
        no_pool: "must name a pot with a shared pool",
        levels: "must name a pot with a shared pool",
        at_once: "must name a pot that is frozen later",
        points: "must name a pot of the same asset: it pays points",
        void: "must name an open pot: it is void",
        new(): "must name a pot",
    }
    for pot_id, rule in rules.items():
        with pytest.raises(InvalidArgument) as error:
            await pots.create(carry_over_pot_id=pot_id)
        assert error.value.violations == [("carry_over_pot_id", rule)]

    assert await pots.incentive.rows("SELECT count(*) FROM pot") == [(5,)]
