"""Points from the purchase to its return, through campaigns, holds and merges at once."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from chassis.clock import FixedClock
from chassis.errors import Refusal
from tests.service.incentive.lotting import Lots, a_lots, new
from tests.service.incentive.rewarding import (
    NOON,
    Incentive,
    a_merge,
    a_paid_order,
    a_refund,
    an_incentive,
    on_order,
    points,
)


@dataclass
class Shop:
    """A brand whose members earn and spend, on one database."""

    incentive: Incentive
    lots: Lots

    async def returns(self, paid: object) -> None:
        await self.incentive.happen(a_refund(paid, 10_000))


@pytest.fixture
async def shop(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Shop]:
    url = fresh_database("incentive")
    async with an_incentive(url, clock) as incentive, a_lots(url, clock) as lots:
        lots.set(NOON)
        yield Shop(incentive, lots)
        await lots.check()


WEEK = 7 * 86_400


@pytest.mark.parametrize(("maturity_seconds", "times"), [(0, 100), (WEEK, 10)])
async def test_led_19_buying_and_returning_a_hundred_times_earns_nothing(
    shop: Shop, maturity_seconds: int, times: int
) -> None:
    await shop.lots.programme(maturity_seconds=maturity_seconds)
    await shop.incentive.a_running_campaign(trigger=on_order(), reward=points(21))
    who = new()

    for _ in range(times):
        await shop.incentive.happen(paid := a_paid_order(who))
        await shop.returns(paid)
    shop.lots.set(NOON + timedelta(days=8))

    assert await shop.lots.has(who) == {}
    assert await shop.lots.ledger.balance("sys/writeoff") == 0


async def test_led_20_points_that_paid_an_order_come_back_once_and_to_their_lots(shop: Shop) -> None:
    await shop.lots.programme()
    await shop.incentive.a_running_campaign(trigger=on_order(), reward=points(21))
    who = new()
    await shop.lots.earn(who, 30, "2026-06-30")
    await shop.lots.earn(who, 50, "2026-12-31")

    hold = await shop.lots.place(who, 60)
    await shop.lots.capture(hold.hold_id, 60)
    await shop.incentive.happen(paid := a_paid_order(who))
    assert await shop.lots.has(who) == {"available": 41}
    await shop.returns(paid)
    await shop.lots.refund(hold.hold_id, 60)
    with pytest.raises(Refusal, match="EXCEEDS_CAPTURE"):
        await shop.lots.refund(hold.hold_id, 1)

    assert await shop.lots.left(who) == [("2026-06-30", 30), ("2026-12-31", 50)]


@pytest.mark.parametrize("points_first", [True, False])
async def test_led_21_an_order_that_used_fifty_and_earned_twenty_one_leaves_fifty_when_it_is_cancelled(
    shop: Shop, points_first: bool
) -> None:
    await shop.lots.programme()
    await shop.incentive.a_running_campaign(trigger=on_order(), reward=points(21))
    who = new()
    await shop.lots.earn(who, 50)
    hold = await shop.lots.place(who, 50)
    await shop.incentive.happen(paid := a_paid_order(who))
    await shop.lots.capture(hold.hold_id, 50)
    assert await shop.lots.has(who) == {"available": 21}

    if points_first:
        await shop.lots.refund(hold.hold_id, 50)
    await shop.returns(paid)
    if not points_first:
        await shop.lots.refund(hold.hold_id, 50)

    assert await shop.lots.has(who) == {"available": 50}


async def test_lots_keep_their_days_when_people_are_merged_and_nothing_is_lost(shop: Shop) -> None:
    await shop.lots.programme()
    loser, survivor = new(), new()
    await shop.lots.earn(survivor, 40, "2026-07-31")
    await shop.lots.earn(loser, 60, "2026-06-30")
    earning = await shop.lots.earn(loser, 100, "2026-12-31")
    await shop.lots.earn(loser, 7, "2026-12-31", matures=NOON + timedelta(days=1))
    hold = await shop.lots.place(loser, 70)
    await shop.lots.spend(loser, 10)

    await shop.incentive.happen(a_merge(loser, survivor))

    assert await shop.lots.has(survivor) == {"available": 120, "held": 70, "pending": 7}
    await shop.lots.capture(hold.hold_id, 65)
    assert sorted(await shop.lots.left(survivor)) == [("2026-07-31", 40), ("2026-12-31", 85)]
    assert await shop.lots.unspend(survivor, 10) == ""
    await shop.lots.refund(hold.hold_id, 65)
    assert sorted(await shop.lots.left(survivor)) == [("2026-06-30", 60), ("2026-07-31", 40), ("2026-12-31", 100)]
    assert await shop.lots.reverse(earning, 30) == {"earning": 30}
    shop.lots.set(NOON + timedelta(days=2))
    assert await shop.lots.has(survivor) == {"available": 177}


async def test_led_07_what_a_merged_person_had_expires_on_its_day(shop: Shop) -> None:
    await shop.lots.programme()
    loser, survivor = new(), new()
    await shop.lots.earn(loser, 60, "2026-06-30")
    await shop.lots.earn(survivor, 1)
    await shop.incentive.happen(a_merge(loser, survivor))

    shop.lots.set(NOON + timedelta(days=20))

    assert await shop.lots.spend(loser, 60) == "POINTS_EXPIRED"
    await shop.lots.programmes.settle()
    assert await shop.lots.has(survivor) == {"available": 1}
    assert await shop.lots.ledger.balance("sys/expired") == 60


async def test_debt_is_paid_by_what_a_merge_brings(shop: Shop) -> None:
    await shop.lots.programme()
    loser, survivor = new(), new()
    earning = await shop.lots.earn(survivor, 100)
    await shop.lots.spend(survivor, 90)
    await shop.lots.reverse(earning)
    await shop.lots.earn(loser, 120)

    await shop.incentive.happen(a_merge(loser, survivor))

    assert await shop.lots.has(survivor) == {"available": 30}
