"""The simulated payment provider, and the choice of one."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from chassis.clock import Clock, FixedClock
from chassis.lifecycle import Unstartable
from services.incentive.packets.clients import Fault, Habits, Simulator, payout_of
from services.incentive.packets.domain import bill_no_of
from services.incentive.packets.domain.payouts import Answer, Bill, Word

EVENING = datetime(2026, 6, 20, 15, 59, tzinfo=UTC)
"""A minute before midnight in Shanghai."""


def a_bill(amount_minor: int = 100, payee: str = "") -> Bill:
    return Bill(bill_no_of(uuid4()), str(uuid4()), payee, amount_minor, "CNY", "")


def asked(provider: Simulator, *bills: Bill) -> list[Answer]:
    async def ask() -> list[Answer]:
        return [await provider.send(bill) for bill in bills]

    return asyncio.run(ask())


def test_a_person_gets_so_many_packets_a_day_and_a_merchant_sends_so_much_by_the_day_of_shanghai() -> None:
    clock = FixedClock(EVENING)
    provider = Simulator("", clock, Habits(packets_per_day_max=2, amount_per_day_max=1_000))

    own = asked(provider, *(a_bill(payee="me") for _ in range(3)))
    all_day = asked(provider, a_bill(800), a_bill(101))
    clock.advance(60)
    tomorrow = asked(provider, a_bill(101), a_bill(payee="me"))

    assert own == [Answer(Word.SENT), Answer(Word.SENT), Answer(Word.REJECTED, "SENDNUM_LIMIT")]
    assert all_day == [Answer(Word.SENT), Answer(Word.REJECTED, "SENDAMOUNT_LIMIT")]
    assert tomorrow == [Answer(Word.SENT)] * 2


def test_what_is_drawn_follows_from_the_seed_and_not_from_the_order() -> None:
    bills = [a_bill() for _ in range(40)]
    books = [Simulator("", FixedClock(EVENING), Habits(seed=seed, faulty_bp=5_000)) for seed in (1, 1, 2)]

    first, second, other = asked(books[0], *bills), asked(books[1], *bills[::-1])[::-1], asked(books[2], *bills)

    assert first == second != other
    assert {answer.code for answer in first} == {"", "SYSTEMERROR", "PROCESSING", "FREQ_LIMIT"}


def test_scripted_faults_come_in_order_and_for_the_number_they_are_for() -> None:
    provider, bill, other = Simulator("", FixedClock(EVENING)), a_bill(), a_bill()
    provider.script(Fault.DOWN, Fault.LOST, bill_no=bill.bill_no)

    assert asked(provider, other, bill) == [Answer(Word.SENT), Answer(Word.UNKNOWN, "SYSTEMERROR")]
    assert bill.bill_no not in provider.paid()
    assert asked(provider, bill) == [Answer(Word.UNKNOWN, "SYSTEMERROR")]
    assert bill.bill_no in provider.paid()
    assert asked(provider, bill) == [Answer(Word.SENT)]


def own(clock: Clock) -> Any:
    """What a deployment brings along."""
    return Simulator("", clock)


def test_the_settings_choose_the_provider() -> None:
    clock = FixedClock(EVENING)

    assert payout_of("off", clock=clock, book="", seed=0) is None
    for name in ("simulator", f"{__name__}:own"):
        assert isinstance(payout_of(name, clock=clock, book="", seed=0), Simulator)


@pytest.mark.parametrize("name", ["simulater", "nowhere.at.all:factory", f"{__name__}:nothing", ""])
def test_a_provider_that_is_not_there_stops_the_start(name: str) -> None:
    with pytest.raises(Unstartable, match="BOWEN_PAYOUT"):
        payout_of(name, clock=FixedClock(EVENING), book="", seed=0)
