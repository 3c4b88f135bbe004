"""Points by the day they were earned and the day they are over (spec value §2.1, §3.1)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from chassis.clock import FixedClock
from chassis.errors import Refusal
from tests.service.incentive.lotting import Lots, a_lots, local, new

D1, D2 = "2026-06-30", "2026-12-31"
BEFORE, AFTER = local("2026-06-30 23:59:59.999"), local("2026-07-01 00:00:00")


@pytest.fixture
async def lots(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Lots]:
    async with a_lots(fresh_database("incentive"), clock) as lots:
        lots.set(local("2026-06-01 12:00:00"))
        yield lots
        await lots.check()


async def test_led_05_what_was_spent_in_time_does_not_expire_again(lots: Lots) -> None:
    await lots.programme()
    who = new()
    await lots.earn(who, 100, D1)
    assert await lots.spend(who, 60) == ""
    await lots.earn(who, 50, D2)

    lots.set(AFTER + timedelta(days=1))

    assert await lots.has(who) == {"available": 50}
    await lots.programmes.settle()
    assert await lots.has(who) == {"available": 50}
    assert await lots.ledger.balance("sys/expired") == 40


async def test_led_06_what_is_given_back_goes_to_its_lots_and_gets_some_days_if_they_are_over(lots: Lots) -> None:
    await lots.programme()
    who = new()
    await lots.earn(who, 100, D1)
    await lots.earn(who, 200, D2)
    assert await lots.spend(who, 150) == ""
    assert await lots.left(who) == [(D2, 150)]
    lots.set(AFTER + timedelta(hours=12))

    assert await lots.unspend(who, 150) == ""

    assert await lots.left(who) == [(D2, 200), ("2026-07-08", 100)]
    first, second, third = await lots.lots(who)
    assert (third.restored_from, second.restored_from, first.available) == (first.lot_id, "", 0)


async def test_led_06_what_is_given_back_in_parts_is_what_was_taken_last(lots: Lots) -> None:
    await lots.programme()
    who = new()
    await lots.earn(who, 100, D1)
    await lots.earn(who, 200, D2)
    await lots.spend(who, 150)

    await lots.unspend(who, 60, lots.spent[0])
    assert await lots.left(who) == [(D1, 10), (D2, 200)]
    await lots.unspend(who, 90, lots.spent[0])

    assert await lots.left(who) == [(D1, 100), (D2, 200)]


@pytest.mark.parametrize("swept", [False, True])
async def test_led_07_points_are_good_to_the_last_moment_of_the_printed_day(lots: Lots, swept: bool) -> None:
    await lots.programme()
    early, late = new(), new()
    await lots.earn(early, 100, "2026-06-30")
    await lots.earn(late, 100, "2026-06-30")

    lots.set(BEFORE)
    assert await lots.spend(early, 100) == ""
    lots.set(AFTER)
    if swept:
        await lots.programmes.settle()

    assert await lots.spend(late, 100) == "POINTS_EXPIRED"
    assert await lots.spend(late, 101) == "INSUFFICIENT"
    with pytest.raises(Refusal, match="POINTS_EXPIRED"):
        await lots.place(late, 1)
    assert await lots.has(late) == {}


async def test_led_08_a_day_of_twenty_five_hours_is_usable_for_all_of_them(lots: Lots) -> None:
    await lots.programme(time_zone="America/New_York")
    who = new()
    await lots.earn(who, 3, "2026-11-01")
    midnight = local("2026-11-01 00:00:00", ZoneInfo("America/New_York"))
    start = midnight.astimezone(ZoneInfo("UTC"))

    for hours, reason in ((24.5, ""), (24.999, ""), (25, "POINTS_EXPIRED")):
        lots.set(start + timedelta(hours=hours))
        assert await lots.spend(who, 1) == reason


async def test_led_09_held_points_do_not_expire(lots: Lots) -> None:
    await lots.programme()
    who = new()
    lots.set(AFTER - timedelta(minutes=5))
    await lots.earn(who, 80, D1)
    hold = await lots.place(who, 80)

    lots.set(AFTER + timedelta(minutes=5))
    await lots.programmes.settle()
    await lots.capture(hold.hold_id, 80)

    assert await lots.has(who) == {}
    assert await lots.ledger.balance("sys/redeemed") == 80
    assert await lots.ledger.balance("sys/expired") == 0


async def test_led_10_held_points_that_ended_meanwhile_expire_when_they_are_given_back(lots: Lots) -> None:
    await lots.programme()
    who = new()
    lots.set(AFTER - timedelta(minutes=5))
    await lots.earn(who, 80, D1)
    await lots.earn(who, 30, D2)
    hold = await lots.place(who, 80)

    lots.set(AFTER + timedelta(minutes=5))
    await lots.void(hold.hold_id)

    assert await lots.has(who) == {"available": 30}
    assert await lots.ledger.balance("sys/expired") == 80


async def test_led_10_a_programme_may_give_days_of_grace_to_what_was_held(lots: Lots) -> None:
    await lots.programme(grace_on_void=True, grace_days=2)
    who = new()
    lots.set(AFTER - timedelta(minutes=5))
    await lots.earn(who, 80, D1)
    await lots.place(who, 80, ttl=60)

    lots.set(AFTER + timedelta(minutes=5))
    await lots.hold_servicer.expire()

    assert await lots.left(who) == [("2026-07-03", 80)]


async def test_a_hold_that_is_captured_in_part_takes_what_ends_first_and_gives_the_rest_back(lots: Lots) -> None:
    await lots.programme()
    who = new()
    await lots.earn(who, 50, D2)
    await lots.earn(who, 50, D1)
    other, hold = await lots.place(who, 30), await lots.place(who, 60)

    await lots.capture(hold.hold_id, 25)
    assert await lots.left(who) == [(D2, 45)]
    await lots.void(other.hold_id)
    assert await lots.left(who) == [(D2, 45), (D1, 30)]
    await lots.refund(hold.hold_id, 10)
    await lots.refund(hold.hold_id, 15)

    assert await lots.left(who) == [(D2, 50), (D1, 50)]


async def test_what_matures_is_available_at_that_instant_whether_or_not_anything_ran(lots: Lots) -> None:
    await lots.programme()
    who, noon = new(), local("2026-06-02 12:00:00")
    await lots.earn(who, 70, matures=noon)

    lots.set(noon - timedelta(milliseconds=1))
    assert await lots.has(who) == {"pending": 70}
    assert await lots.spend(who, 1) == "INSUFFICIENT"
    lots.set(noon)

    assert await lots.has(who) == {"available": 70}
    assert await lots.spend(who, 70) == ""


async def test_pl_02_what_has_no_date_matures_when_somebody_says_so(lots: Lots) -> None:
    from tests.service.incentive.ledgering import POSTED, a_transfer

    await lots.programme()
    who = new()
    await lots.ledger.fund(f"member/{who}/pending", 40)

    lots.set(local("2026-06-20 12:00:00"))
    (outcome,) = await lots.ledger.post(a_transfer(f"member/{who}/pending", f"member/{who}/available", 30))

    assert outcome.result == POSTED
    assert await lots.has(who) == {"available": 30, "pending": 10}
    assert [(lot.pending, lot.available) for lot in await lots.lots(who)] == [(10, 30)]


async def test_led_01_of_fifty_parallel_holds_over_many_lots_exactly_those_that_fit_succeed(lots: Lots) -> None:
    await lots.programme()
    who = new()
    for day in range(10, 30):
        await lots.earn(who, 5, f"2026-06-{day}")

    answers = await asyncio.gather(*(lots.place(who, 10) for _ in range(50)), return_exceptions=True)

    holds = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert {str(answer)[:12] for answer in answers if isinstance(answer, BaseException)} == {"INSUFFICIENT"}
    assert (len(holds), await lots.has(who)) == (10, {"held": 100})
    await asyncio.gather(*(lots.void(hold.hold_id) for hold in holds))
    assert [amount for _, amount in await lots.left(who)] == [5] * 20


async def test_led_02_two_first_spends_of_a_new_member_are_both_refused(lots: Lots) -> None:
    await lots.programme()
    who = new()

    assert await asyncio.gather(lots.spend(who, 1), lots.spend(who, 1)) == ["INSUFFICIENT"] * 2


async def test_many_sweepers_and_spenders_at_once_expire_a_lot_once(lots: Lots) -> None:
    await lots.programme()
    people = [new() for _ in range(20)]
    for who in people:
        await lots.earn(who, 30, D1)
        await lots.earn(who, 20, D2)
    lots.set(AFTER)

    sweeps = [lots.programmes.settle() for _ in range(4)]
    spends = [lots.spend(who, amount) for who in people for amount in (15, 15)]
    outcomes = (await asyncio.gather(*sweeps, *spends))[4:]

    assert sorted(outcomes) == [""] * 20 + ["POINTS_EXPIRED"] * 20
    assert await lots.ledger.balance("sys/expired") == 600
    assert {amount for who in people for _, amount in await lots.left(who)} == {5}
