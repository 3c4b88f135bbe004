"""Rows are held in one order: whoever waits for a budget holds no account (README, "Rows are held in one order")."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

import pytest
from bowen.incentive.v1 import campaign_pb2

from chassis import db as database
from chassis.db import Tx, driver
from tests.service.incentive.campaigning import gives, of_orders, running, terms, void
from tests.service.incentive.packeting import CNY, a_packets
from tests.service.incentive.rewarding import Incentive, a_paid_order, a_refund, new, patiently
from tests.waiting import eventually

ON_REFUND = campaign_pb2.Trigger(order_refunded=campaign_pb2.OrderRefundedTrigger())
A_PACKET = campaign_pb2.Effect(packet=campaign_pb2.PacketEffect(currency_code="CNY", fixed=100))
WAITING = """
SELECT FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE '%FROM budget%' AND datname = current_database()
"""


async def holds_no_account(incentive: Incentive, campaign_id: str, work: Awaitable[Any]) -> None:
    """Hold a campaign's budget, have other work wait for it, and see that all accounts are free meanwhile."""
    tasks: list[asyncio.Task[Any]] = []
    of_campaign = "SELECT FROM budget JOIN campaign USING (budget_id) WHERE campaign_id = $1 FOR UPDATE OF budget"

    async def hold(tx: Tx) -> None:
        connection = await driver(tx)
        assert await connection.fetch(of_campaign, campaign_id)
        tasks.append(asyncio.ensure_future(work))
        await eventually(lambda: incentive.rows(WAITING))
        await connection.fetch("SELECT FROM account FOR UPDATE NOWAIT")

    await incentive.db.transact(hold)
    await asyncio.gather(*tasks)


async def test_a_refund_that_campaigns_answer_to_waits_for_their_budgets_without_accounts(incentive: Incentive) -> None:
    await running(incentive, of_orders(gives(fixed=30)))
    answering = await running(incentive, terms(gives(fixed=7), trigger=ON_REFUND))
    person = new()
    await incentive.happen(paid := a_paid_order(person))
    assert await incentive.has(person) == (30, 0)

    await holds_no_account(incentive, answering, incentive.happen(a_refund(paid, 10_000)))

    assert await incentive.has(person) == (7, 0)
    await incentive.ledger.check()


async def test_packets_that_are_withdrawn_with_other_rewards_wait_for_their_budgets_without_accounts(
    incentive: Incentive,
) -> None:
    async with a_packets(incentive) as packets:
        first = await running(incentive, of_orders(A_PACKET))
        others = await running(incentive, of_orders(gives(CNY, fixed=40)))
        person = new()
        await incentive.happen(paid := a_paid_order(person))
        (grant,) = [each for each in await incentive.grants(person) if each.campaign_id == first]
        await packets.sender.tend()
        packets.provider.open((await packets.get(grant.grant_id)).bill_no)
        packets.later(seconds=60)
        assert await packets.state(await packets.get(grant.grant_id)) == "CLAIMED"

        await holds_no_account(incentive, others, incentive.happen(a_refund(paid, 10_000)))

        assert [await incentive.spent(each) for each in (first, others)] == [0, 0]
        assert await packets.balance(f"member/{person}/debt") == -100
        await incentive.ledger.check()


@pytest.fixture
def repeats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The deadlocks that the database ended."""
    found: list[str] = []
    told = database.sqlstate

    def noted(error: BaseException) -> str | None:
        state = told(error)
        if state == "40P01":
            found.append(state)
        return state

    monkeypatch.setattr(database, "sqlstate", noted)
    return found


async def test_payments_refunds_and_voids_that_cross_are_never_told_apart_by_the_database(
    incentive: Incentive, repeats: list[str]
) -> None:
    """The same few people and campaigns, in every order at once."""
    for fields in ({"fixed": 3}, {"asset": CNY, "fixed": 5}):
        await running(incentive, of_orders(gives(**fields), A_PACKET))
    answering = await running(incentive, terms(gives(fixed=7), trigger=ON_REFUND))
    people = [new() for _ in range(3)]
    orders = [a_paid_order(people[number % 3]) for number in range(18)]
    await incentive.happen(*orders[:9])
    granted = [grant.grant_id for person in people for grant in await incentive.grants(person) if grant.asset]

    crossing = [
        *(incentive.happen(*orders[first : first + 3][:: 1 - 2 * (first % 2)]) for first in range(9, 18, 3)),
        *(incentive.happen(*[a_refund(each, 10_000) for each in orders[last : last - 3 : -1]]) for last in (17, 14, 8)),
        *(incentive.happen(a_refund(each, 5_000)) for each in orders[:6]),
        *(patiently(partial(void, incentive, grant_id)) for grant_id in granted[::3]),
    ]
    await asyncio.gather(*crossing)

    assert repeats == []
    assert await incentive.spent(answering) == 7 * 15
    await incentive.ledger.check()
