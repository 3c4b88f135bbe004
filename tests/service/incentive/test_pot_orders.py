"""Pots that orders score in, and levels that are claimed: spec value §2.5, POT-03, POT-04, POT-09."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from bowen.distribution.v1 import events_pb2, order_pb2
from bowen.incentive.v1 import ledger_pb2, ledger_service_pb2, pot_pb2

from chassis.caller import Call, Caller, acting
from chassis.db import Tx, driver
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, PermissionDenied
from chassis.stamps import stamp
from services.incentive.pots import operations
from services.incentive.pots.consumers import on_order_paid, on_order_refunded
from tests.service.incentive.potting import WEEK, Pots, a_pots
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, new
from tests.service.incentive.test_merges_meeting import meets

BY_ITEMS = {"event_name": "", "metric": pot_pb2.Pot.METRIC_ITEMS}
LEVELS = pot_pb2.Levels(
    levels=[pot_pb2.Level(score_min=3, amount=100), pot_pb2.Level(score_min=10, amount=1_000)], budget=2_000
)
BY_LEVELS = {**BY_ITEMS, "top_count": 0, "top_amount": 0, "shared_pool": 0, "levels": LEVELS}


def an_order(profile_id: str, *quantities: int, at: datetime = NOON) -> events_pb2.OrderPaid:
    """Somebody paid a yuan a piece for a line of so many pieces each."""
    lines = [
        order_pb2.OrderLine(line_no=number, sku=f"s{number}", quantity=pieces, net_minor=100 * pieces)
        for number, pieces in enumerate(quantities, start=1)
    ]
    order = order_pb2.Order(
        order_id=new(),
        profile_id=profile_id,
        lines=lines,
        net_minor=100 * sum(quantities),
        currency_code="CNY",
        pay_time=stamp(at),
    )
    return events_pb2.OrderPaid(order_id=order.order_id, profile_id=profile_id, order=order, pay_time=stamp(at))


def refunded(paid: events_pb2.OrderPaid, *pieces: int) -> events_pb2.OrderRefunded:
    """So many pieces of each line are refunded, in all."""
    order = order_pb2.Order()
    order.CopyFrom(paid.order)
    for line, number in zip(order.lines, pieces, strict=True):
        line.refunded_minor = 100 * number
    order.refunded_minor = 100 * sum(pieces)
    return events_pb2.OrderRefunded(
        refund_id=new(), order_id=paid.order_id, profile_id=paid.profile_id, order=order, refund_time=stamp(NOON)
    )


@pytest.fixture
async def pots(incentive: Incentive) -> AsyncIterator[Pots]:
    async with a_pots(incentive) as pots:
        yield pots
        await incentive.ledger.check()


async def paid(pots: Pots, *orders: events_pb2.OrderPaid) -> None:
    await pots.incentive.happen(*orders, handler=on_order_paid)


async def returned(pots: Pots, *refunds: events_pb2.OrderRefunded) -> None:
    await pots.incentive.happen(*refunds, handler=on_order_refunded)


@pytest.mark.parametrize(
    ("metric", "score"),
    [(pot_pb2.Pot.METRIC_ORDERS, 2), (pot_pb2.Pot.METRIC_ITEMS, 6), (pot_pb2.Pot.METRIC_NET, 650)],
)
async def test_what_is_kept_of_orders_scores(pots: Pots, metric: Any, score: int) -> None:
    pot_id, buyer = await pots.create(event_name="", metric=metric), new()
    kept, partly, gone = an_order(buyer, 2, 1), an_order(buyer, 4), an_order(buyer, 5)
    late = an_order(buyer, 9, at=NOON + WEEK)
    half = refunded(partly, 0)
    half.order.lines[0].refunded_minor = half.order.refunded_minor = 50

    await paid(pots, kept, partly, gone, late, kept)
    await returned(pots, half, refunded(gone, 2), refunded(gone, 5))

    assert (await pots.standing(pot_id, buyer)).score == score


async def test_net_amounts_score_in_the_pots_currency_only(pots: Pots) -> None:
    pot_id, buyer = await pots.create(event_name="", metric=pot_pb2.Pot.METRIC_NET), new()
    abroad = an_order(buyer, 9)
    abroad.order.currency_code = "JPY"

    await paid(pots, an_order(buyer, 2), abroad)

    assert (await pots.standing(pot_id, buyer)).score == 200


async def test_payment_and_refunds_score_alike_in_every_order_of_arrival(pots: Pots) -> None:
    pot_id, buyers = await pots.create(**BY_ITEMS), []
    for order in permutations(range(3)):
        buyer = new()
        bought = an_order(buyer, 4, 3)
        facts = [(on_order_paid, bought), (on_order_refunded, refunded(bought, 1, 0))]
        facts.append((on_order_refunded, refunded(bought, 1, 3)))
        for handler, fact in [facts[index] for index in order]:
            await pots.incentive.happen(fact, handler=handler)
        buyers.append(buyer)

    assert {(await pots.standing(pot_id, buyer)).score for buyer in buyers} == {3}


async def test_pot_03_a_winner_who_returns_too_much_before_payment_loses_and_nobody_else_moves(pots: Pots) -> None:
    pot_id = await pots.create(**BY_ITEMS, score_min=7, top_count=1, top_amount=500)
    best, second, third = new(), new(), new()
    orders = {buyer: an_order(buyer, pieces) for buyer, pieces in ((best, 18), (second, 9), (third, 8))}
    await paid(pots, *orders.values())
    pots.over()
    await pots.freeze(pot_id)

    await returned(pots, refunded(orders[best], 1), refunded(orders[second], 2))
    await returned(pots, refunded(orders[third], 2), refunded(orders[third], 2))
    settled = await pots.settle(pot_id)

    states = [(await pots.share(pot_id, each)).state for each in (best, second, third)]
    assert states == [pot_pb2.PotShare.STATE_WITHDRAWN, pot_pb2.PotShare.STATE_PAID, pot_pb2.PotShare.STATE_WITHDRAWN]
    assert [await pots.cash(each) for each in (best, second, third)] == [0, 500, 0]
    assert (settled.paid_amount, settled.unallocated_amount) == (500, 1_000)
    assert await pots.incentive.rows("SELECT committed FROM budget") == [(500,)]


async def test_pot_04_a_winner_who_returns_too_much_after_payment_owes(pots: Pots) -> None:
    pot_id, loser, survivor = await pots.create(**BY_ITEMS, score_min=7, top_count=0, top_amount=0), new(), new()
    bought = an_order(loser, 7)
    await paid(pots, bought)
    pots.over()
    await pots.freeze(pot_id)
    await pots.settle(pot_id)
    await pots.incentive.happen(a_merge(loser, survivor))
    await pots.incentive.ledger.stub.PostTransfers(_spending(survivor, 900))  # type: ignore[misc]

    for _ in range(3):
        await returned(pots, refunded(bought, 1))

    assert (await pots.cash(survivor), await pots.cash(survivor, "debt")) == (0, -900)
    assert (await pots.share(pot_id, survivor)).state == pot_pb2.PotShare.STATE_TAKEN_BACK
    assert await pots.incentive.rows("SELECT committed FROM budget") == [(0,)]


def _spending(profile_id: str, amount: int) -> Any:
    spending = ledger_pb2.Transfer(
        transfer_id=new(),
        debit_account=f"member/{profile_id}/available",
        credit_account="sys/redeemed",
        asset="cash.CNY",
        amount=amount,
    )
    return ledger_service_pb2.PostTransfersRequest(transfers=[spending])


async def test_a_refund_while_it_is_frozen_misses_nobody(pots: Pots) -> None:
    pot_id = await pots.create(**BY_ITEMS, score_min=2, top_count=0, top_amount=0)
    orders = [an_order(new(), 2) for _ in range(20)]
    await paid(pots, *orders)
    pots.over()

    await asyncio.gather(pots.freeze(pot_id), *(returned(pots, refunded(order, 1)) for order in orders))
    settled = await pots.settle(pot_id)

    assert settled.paid_amount == 0
    assert {await pots.cash(order.profile_id) for order in orders} == {0}


async def test_pot_09_a_level_that_is_not_reached_is_forbidden_whatever_the_client_says(pots: Pots) -> None:
    pot_id, buyer = await pots.create(**BY_LEVELS), new()
    await paid(pots, an_order(buyer, 3), an_order(buyer, 6))

    with acting(Call(Caller("shopper", profile_id=buyer))):
        for level in (2, 3):
            with pytest.raises(PermissionDenied) as refused:
                await pots.claim(pot_id, buyer, level)
            assert (refused.value.reason, refused.value.metadata["reached"]) == ("POT_LEVEL_NOT_REACHED", "1")
        claim = await pots.claim(pot_id, buyer, 1)
        with pytest.raises(PermissionDenied):
            await pots.claim(pot_id, new(), 1)

    assert (claim.level, claim.amount) == (1, 100)
    assert await pots.cash(buyer) == 100
    standing = await pots.standing(pot_id, buyer)
    assert (standing.score, standing.level, [each.level for each in standing.claims]) == (9, 1, [1])


async def test_gp_04_a_level_is_claimed_once_however_often_and_under_whatever_id(pots: Pots) -> None:
    pot_id, loser, survivor = await pots.create(**BY_LEVELS), new(), new()
    await paid(pots, an_order(loser, 2), an_order(survivor, 1))
    await pots.incentive.happen(a_merge(loser, survivor))

    claims = [pots.claim(pot_id, profile_id, 1) for profile_id in (loser, survivor) * 10]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)

    assert sum(isinstance(each, pot_pb2.PotClaim) for each in outcomes) == 1
    assert {each.reason for each in outcomes if isinstance(each, AlreadyExists)} == {"POT_LEVEL_CLAIMED"}
    assert await pots.cash(survivor) == 100


async def test_levels_pay_no_more_than_their_budget(pots: Pots) -> None:
    pot_id, buyers = await pots.create(**BY_LEVELS), [new() for _ in range(5)]
    await paid(pots, *(an_order(buyer, 10) for buyer in buyers))

    outcomes = await asyncio.gather(*(pots.claim(pot_id, buyer, 2) for buyer in buyers), return_exceptions=True)

    assert sum(isinstance(each, pot_pb2.PotClaim) for each in outcomes) == 2
    assert {each.reason for each in outcomes if isinstance(each, FailedPrecondition)} == {"POT_EXHAUSTED"}
    assert await pots.incentive.rows("SELECT committed FROM budget") == [(2_000,)]


async def test_a_claim_and_a_refund_at_once_leave_nothing_undeserved(pots: Pots) -> None:
    pot_id = await pots.create(**BY_LEVELS)
    orders = [an_order(new(), 3) for _ in range(15)]
    await paid(pots, *orders)

    await asyncio.gather(
        *(pots.claim(pot_id, order.profile_id, 1) for order in orders),
        *(returned(pots, refunded(order, 1)) for order in orders),
        return_exceptions=True,
    )

    assert {await pots.cash(order.profile_id) for order in orders} == {0}
    assert await pots.incentive.rows("SELECT committed FROM budget") == [(0,)]


async def test_levels_are_claimed_while_the_pot_runs_and_are_not_frozen(pots: Pots) -> None:
    pot_id, buyer = await pots.create(**BY_LEVELS), new()
    await paid(pots, an_order(buyer, 10))
    pots.incentive.clock.advance(WEEK.total_seconds())
    assert (await pots.get(pot_id)).state == pot_pb2.Pot.STATE_CLOSING
    await pots.claim(pot_id, buyer, 1)
    pots.incentive.clock.advance(timedelta(days=1).total_seconds())

    with pytest.raises(FailedPrecondition) as closed:
        await pots.claim(pot_id, buyer, 2)
    with pytest.raises(FailedPrecondition) as unfreezable:
        await pots.freeze(pot_id)
    with pytest.raises(FailedPrecondition) as unclaimable:
        await pots.claim(await pots.create(), buyer, 1)

    assert [each.value.reason for each in (closed, unfreezable, unclaimable)] == ["POT_STATE", "POT_KIND", "POT_KIND"]


@pytest.mark.parametrize(
    ("field", "levels"),
    [
        ("levels.levels[1].score_min", [(3, 1), (3, 2)]),
        ("levels.levels[0].score_min", [(1, 1)]),
        ("levels.budget", [(3, 5_000)]),
    ],
)
async def test_levels_that_make_no_sense_are_refused(pots: Pots, field: str, levels: list[tuple[int, int]]) -> None:
    asked = [pot_pb2.Level(score_min=score_min, amount=amount) for score_min, amount in levels]
    with pytest.raises(InvalidArgument) as refused:
        await pots.create(**BY_LEVELS | {"levels": pot_pb2.Levels(levels=asked, budget=2_000), "score_min": 2})

    assert refused.value.violations[0][0] == field


async def test_a_level_is_claimed_once_by_who_is_merged_while_claiming_it(pots: Pots) -> None:
    pot_id = await pots.create(**BY_LEVELS)
    loser, survivor = new(), new()
    for buyer in (loser, survivor):
        await pots.incentive.happen(an_order(buyer, 5), handler=on_order_paid)
    others: list[asyncio.Task[pot_pb2.PotClaim]] = []

    async def redirect(tx: Tx) -> None:
        """A merge that comes before the payment: until then nothing of it waits for who claims."""
        query = "INSERT INTO redirect (loser_id, survivor_id, merge_id) VALUES ($1::uuid, $2::uuid, $1::uuid)"
        await (await driver(tx)).execute(query, loser, survivor)

    async def claim_while_merging(tx: Tx) -> None:
        await operations.claim_level(tx, UUID(pot_id), loser, 1, NOON)
        await pots.incentive.db.transact(redirect)
        others.append(asyncio.create_task(pots.claim(pot_id, survivor, 1)))
        await meets(pots.incentive, others[0])

    await pots.incentive.db.transact(claim_while_merging)

    with pytest.raises(AlreadyExists) as refused:
        await others[0]
    assert refused.value.reason == "POT_LEVEL_CLAIMED"
