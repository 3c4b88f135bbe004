"""Winners of pots and members of teams who were erased: nothing is paid to an id that leads nowhere (ADR 0014)."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import pot_pb2, team_pb2

from chassis.consumer import Delivery
from chassis.db import Tx, driver
from chassis.errors import FailedPrecondition
from chassis.ids import new_id
from services.incentive.pots import operations
from services.incentive.pots.domain.merkle import leaf_of
from services.incentive.privacy.consumers import on_profile_erased
from tests.service.forgetting import an_erasure
from tests.service.incentive.potting import Pots, a_pots
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, new, patiently
from tests.service.incentive.teaming import a_teams
from tests.service.incentive.test_pots import proven
from tests.waiting import eventually

PotShare = pot_pb2.PotShare
SHARED_ONLY = {"top_count": 0, "top_amount": 0}
WAITING = """
SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory' AND datname = current_database()
"""


async def erase(incentive: Incentive, *profile_ids: str) -> None:
    await incentive.happen(an_erasure(*profile_ids), handler=on_profile_erased)


async def erasing(tx: Tx, *profile_ids: str) -> None:
    """Erase a person, in a transaction that the test ends."""
    await on_profile_erased(tx, [Delivery(new_id(), an_erasure(*profile_ids), NOON, NOON)])


async def waits(incentive: Incentive, work: Awaitable[Any], *, beside: int = 0) -> "asyncio.Task[Any]":
    """Begin other work, and go on once it waits for an erasure, or an erasure for others, beside so many."""
    task = asyncio.ensure_future(work)

    async def met() -> bool:
        return task.done() or len(await incentive.rows(WAITING)) > beside

    await eventually(met)
    assert not task.done()
    return task


async def no_row_is_held(tx: Tx, table: str) -> None:
    """Nobody who waits for this transaction holds rows of a table: the eraser may want any of them."""
    await (await driver(tx)).fetch(f"SELECT FROM {table} FOR UPDATE NOWAIT")


async def states(pots: Pots, pot_id: str, people: list[str]) -> list[Any]:
    return [(await pots.share(pot_id, each)).state for each in people]


async def test_who_was_erased_takes_no_part_in_a_pot_and_a_share_that_waited_goes_to_nobody(
    incentive: Incentive,
) -> None:
    async with a_pots(incentive) as pots:
        pot_id, (early, late, merged, winner) = await pots.create(**SHARED_ONLY), [new() for _ in range(4)]
        await pots.shared_by([early, late, winner])
        pots.over()
        await incentive.happen(a_merge(merged, late))
        await erase(incentive, early)

        frozen = await pots.freeze(pot_id)
        await erase(incentive, late, merged)
        settled = await pots.settle(pot_id)

        assert [await pots.cash(each) for each in (early, late, winner)] == [0, 0, 500]
        assert (settled.winner_count, settled.paid_amount, settled.unallocated_amount) == (2, 500, 500)
        assert await incentive.rows("SELECT committed FROM budget") == [(500,)]
        share = await pots.share(pot_id, late)
        assert (share.state, share.amount) == (PotShare.STATE_WITHDRAWN, 500)
        leaf = leaf_of(f"{pot_id}|{share.rank}|{late}|500")
        assert proven(leaf, share.proof) == settled.set_hash == frozen.set_hash
        await incentive.ledger.check()


async def test_an_erasure_that_meets_a_settlement_waits_for_what_is_being_paid_and_ends_the_rest(
    incentive: Incentive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "PAID_AT_ONCE_MAX", 1)
    async with a_pots(incentive) as pots:
        pot_id, people = await pots.create(**SHARED_ONLY, shared_pool=1_200), [new() for _ in range(4)]
        for number, each in enumerate(people):
            await pots.shared(each, times=9 - number)
        pots.over()
        await pots.freeze(pot_id)
        paying, others = operations.pay_some, list[asyncio.Task[Any]]()

        async def erased_while_paying(tx: Tx, now: Any) -> bool:
            monkeypatch.setattr(operations, "pay_some", paying)
            assert await paying(tx, now)
            others.append(await waits(incentive, erase(incentive, *people[:2])))
            return True

        async def paying_while_erased(tx: Tx) -> None:
            await erasing(tx, people[2])
            others.append(await waits(incentive, patiently(pots.servicer.pay)))
            await no_row_is_held(tx, "pot")

        monkeypatch.setattr(operations, "pay_some", erased_while_paying)
        await incentive.db.transact(lambda tx: operations.settle_pot(tx, UUID(pot_id)))
        assert await incentive.db.transact(lambda tx: operations.pay_some(tx, NOON))
        await others.pop()
        assert await states(pots, pot_id, people) == [PotShare.STATE_PAID, *[PotShare.STATE_DUE] * 3]
        await incentive.db.transact(paying_while_erased)
        await others.pop()

        paid, withdrawn = PotShare.STATE_PAID, PotShare.STATE_WITHDRAWN
        assert await states(pots, pot_id, people) == [paid, withdrawn, withdrawn, paid]
        assert [await pots.cash(each) for each in people] == [300, 0, 0, 300]
        settled = await pots.get(pot_id)
        assert (settled.paid_amount, settled.unallocated_amount) == (600, 600)
        assert await incentive.rows("SELECT committed FROM budget") == [(600,)]
        await incentive.ledger.check()


async def test_who_was_erased_claims_no_level_and_begins_no_team(incentive: Incentive) -> None:
    async with a_pots(incentive) as pots, a_teams(incentive) as teams:
        levels = pot_pb2.Levels(levels=[pot_pb2.Level(score_min=1, amount=50)], budget=100)
        pot_id, person = await pots.create(levels=levels, **SHARED_ONLY, shared_pool=0), new()
        group = await teams.campaign()
        team = await teams.open(group, new())
        await pots.shared(person)
        await erase(incentive, person)

        for refused in (pots.claim(pot_id, person, 1), teams.open(group, person), teams.join(team.team_id, person)):
            with pytest.raises(FailedPrecondition) as error:
                await refused
            assert (error.value.reason, error.value.metadata) == ("PROFILE_ERASED", {"profile_id": person})
        assert await pots.cash(person) == 0
        assert (await teams.get(team.team_id)).taken == 1


async def test_a_seat_of_who_was_erased_gets_nothing_when_the_team_is_complete(incentive: Incentive) -> None:
    async with a_teams(incentive) as teams:
        group, help_, person, friend = await teams.campaign(), await teams.help_campaign(size=1), new(), new()
        team, helped = await teams.open(group, new()), await teams.open(help_, person)
        await teams.join(team.team_id, person)
        await erase(incentive, person)

        completed = [await teams.join(each.team_id, friend) for each in (team, helped)]

        assert {each.state for each in completed} == {team_pb2.Team.STATE_COMPLETED}
        assert await teams.points(team.captain_profile_id, person, friend) == [10, 0, 5]
        assert [(await teams.read(each)).spent for each in (group, help_)] == [15, 0]
        await incentive.ledger.check()


async def test_an_erasure_that_meets_the_last_seats_of_teams_has_nobody_paid_afterwards(incentive: Incentive) -> None:
    async with a_teams(incentive) as teams:
        group, captain, person, late = await teams.campaign(), new(), new(), new()
        team_id = (await teams.open(group, captain)).team_id
        await teams.join(team_id, person)

        async def seated_while_erased(tx: Tx) -> None:
            await erasing(tx, person)
            others.append(await waits(incentive, patiently(partial(teams.join, team_id, late))))
            others.append(await waits(incentive, patiently(partial(teams.open, group, new())), beside=1))
            for table in ("team", "team_campaign", "team_captain"):
                await no_row_is_held(tx, table)

        others: list[asyncio.Task[Any]] = []
        await incentive.db.transact(seated_while_erased)
        await asyncio.gather(*others)

        assert await teams.points(captain, person, late) == [10, 0, 5]
        assert (await teams.get(team_id)).state == team_pb2.Team.STATE_COMPLETED
        assert (await teams.read(group)).spent == 15 + 20  # of the first team, and what the second has reserved
        await incentive.ledger.check()
