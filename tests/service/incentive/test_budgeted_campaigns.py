"""Campaigns that spend from a tree of budgets, over the whole service: cases of spec value §3.5."""

import asyncio
from uuid import UUID

import pytest

from chassis.db import Tx
from chassis.errors import InvalidArgument, NotFound
from chassis.ids import new_id
from services.incentive.budgets import operations, store
from services.incentive.budgets.domain import Budget, Kind
from tests.service.incentive.rewarding import Incentive, a_paid_order, a_refund, an_event, new, on_order, points
from tests.service.incentive.test_merges_meeting import meets


async def a_programme(incentive: Incentive, cap: int, **fields: str) -> str:
    budget = Budget(new_id(), cap, kind=Kind.PROGRAMME, **{"asset": "points"} | fields)  # type: ignore[arg-type]
    await incentive.db.transact(lambda tx: operations.create_budget(tx, budget, None))
    return str(budget.budget_id)


async def committed(incentive: Incentive, budget_id: str) -> int:
    async with incentive.db.read() as tx:
        return (await store.get_budget(tx, UUID(budget_id))).committed


async def test_bud_03_two_campaigns_spend_no_more_than_their_programme_has(incentive: Incentive) -> None:
    programme = await a_programme(incentive, 1_000)
    for name in ("Shared", "Liked"):
        await incentive.a_running_campaign(
            trigger={"event_name": name}, reward=points(20), budget=600, parent_budget_id=programme
        )

    await asyncio.gather(
        *(
            incentive.happen(*(an_event(new(), name) for _ in range(10)))
            for _ in range(4)
            for name in ("Shared", "Liked")
        )
    )

    assert await committed(incentive, programme) == 1_000
    assert sum(amount for (amount,) in await incentive.rows("SELECT amount FROM reward_grant")) == 1_000


async def test_bud_04_a_refund_returns_to_the_campaign_and_the_programme_once(incentive: Incentive) -> None:
    programme = await a_programme(incentive, 1_000_000)
    campaign_id = await incentive.a_running_campaign(trigger=on_order(), reward=points(100), parent_budget_id=programme)
    paid = a_paid_order(new(), 10_000)
    await incentive.happen(paid)

    for _ in range(3):
        await incentive.happen(a_refund(paid, 4_000))

    assert await incentive.spent(campaign_id) == await committed(incentive, programme) == 60


async def test_bud_06_no_campaign_grants_after_the_answer_to_the_programmes_kill_switch(incentive: Incentive) -> None:
    programme = await a_programme(incentive, 10**9)
    campaign_id = await incentive.a_running_campaign(budget=10**8, parent_budget_id=programme)
    stop, person = asyncio.Event(), new()

    async def share() -> None:
        while not stop.is_set():
            await incentive.happen(*(an_event(person) for _ in range(5)))

    sharers = [asyncio.create_task(share()) for _ in range(4)]
    while await committed(incentive, programme) < 200:
        pass

    async def kill(tx: Tx) -> None:
        await operations.set_kill_switch(tx, UUID(programme), killed=True)

    await incentive.db.transact(kill)
    await incentive.db.transact(lambda tx: operations.end_leases(tx, UUID(programme)))
    at_the_answer = await incentive.rows("SELECT count(*) FROM reward_grant")
    for _ in range(10):
        assert await incentive.rows("SELECT count(*) FROM reward_grant") == at_the_answer
    stop.set()
    await asyncio.gather(*sharers)
    await incentive.happen(an_event(person))

    assert await incentive.rows("SELECT count(*) FROM reward_grant") == at_the_answer
    assert (person, "BUDGET_KILLED") in await incentive.denials(campaign_id)


async def test_grants_name_the_lease_that_paid_them_to_the_unit(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign(budget=10**8)

    await asyncio.gather(*(incentive.happen(*(an_event(new()) for _ in range(5))) for _ in range(4)))

    granted = await incentive.rows("SELECT lease_id, sum(amount)::bigint FROM reward_grant GROUP BY 1 ORDER BY 1")
    assert granted == await incentive.rows("SELECT lease_id, spent FROM budget_lease WHERE spent > 0 ORDER BY 1")
    assert await incentive.spent(campaign_id) == 200


async def test_one_fact_judged_by_two_transactions_at_once_is_rewarded_once(incentive: Incentive) -> None:
    campaign_id, person = await incentive.a_running_campaign(budget=10**8), new()
    await incentive.happen(an_event(new()))
    event = an_event(person)

    await asyncio.gather(*(incentive.happen(event) for _ in range(6)))

    assert await incentive.has(person) == (10, 0)
    assert await incentive.spent(campaign_id) == 20


async def test_a_campaign_stands_below_a_budget_that_is_there_and_of_its_asset(incentive: Incentive) -> None:
    with pytest.raises(NotFound):
        await incentive.a_running_campaign(parent_budget_id=new())
    with pytest.raises(InvalidArgument, match="parent's"):
        await incentive.a_running_campaign(parent_budget_id=await a_programme(incentive, 100, asset="cash.CNY"))

    assert await incentive.rows("SELECT 1 FROM campaign") == []


async def test_a_part_that_is_made_while_its_parent_is_spent_from_pays_or_gets_nothing_back(
    incentive: Incentive,
) -> None:
    campaign_id = await incentive.a_running_campaign(trigger=on_order(), reward=points(100))
    [(parent_id,)] = await incentive.rows("SELECT budget_id FROM campaign WHERE campaign_id = $1", UUID(campaign_id))
    part = Budget(new_id(), 1_000, kind=Kind.STORE, scope="S-1")
    paid = a_paid_order(new())
    paid.order.store_id = "S-1"
    await incentive.happen(a_refund(paid, 4_000))  # known before the payment: some is put back at once
    others: list[asyncio.Task[None]] = []

    async def divide(tx: Tx) -> None:
        await operations.create_budget(tx, part, parent_id)
        others.append(asyncio.create_task(incentive.happen(paid)))
        await meets(incentive, others[0])

    await incentive.db.transact(divide)
    await others[0]
    spent = await incentive.spent(campaign_id), await committed(incentive, str(part.budget_id))
    await incentive.happen(a_refund(paid, 10_000))

    assert spent == (60, 60)
    assert (await incentive.spent(campaign_id), await committed(incentive, str(part.budget_id))) == (0, 0)
