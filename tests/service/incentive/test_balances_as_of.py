"""Balances as of any time: PL-09 of spec value §1A."""

from collections.abc import Callable

from bowen.incentive.v1 import ledger_service_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.clock import FixedClock
from chassis.stamps import stamp
from tests.service.incentive.ledgering import Ledger, a_ledger, a_transfer, member
from tests.waiting import run


async def balance_as_of(ledger: Ledger, account: str, clock: FixedClock) -> int:
    request = pb.GetAccountRequest(account=account, asset="points", as_of=stamp(clock.now()))
    return (await ledger.stub.GetAccount(request)).account.balance  # type: ignore[misc,no-any-return]


@given(amounts=st.lists(st.integers(-50, 50).filter(bool), min_size=1, max_size=8))
@settings(max_examples=20)
def test_an_account_stood_at_each_instant_where_its_transfers_until_then_had_brought_it(
    fresh_database: Callable[[str], str], clock: FixedClock, amounts: list[int]
) -> None:
    async def story(ledger: Ledger) -> None:
        available, issuer = member(), f"issuer/{clock.now().timestamp():.0f}"
        await ledger.post(a_transfer("issuer/welcome", available, 1_000))
        expected = [(clock.now(), 1_000, await balance_as_of(ledger, issuer, clock))]
        for amount in amounts:
            clock.advance(1)
            debit, credit = (issuer, available) if amount > 0 else (available, issuer)
            await ledger.post(a_transfer(debit, credit, abs(amount)))
            expected.append((clock.now(), expected[-1][1] + amount, expected[-1][2] - amount))

        for at, balance, counter in expected:
            then = FixedClock(at)
            assert await balance_as_of(ledger, available, then) == balance
            assert await balance_as_of(ledger, issuer, then) == counter
        before = FixedClock(expected[0][0])
        before.advance(-0.001)
        assert await balance_as_of(ledger, available, before) == 0

    async def told() -> None:
        async with a_ledger(fresh_database("incentive"), clock) as ledger:
            await story(ledger)

    run(told())


async def test_of_transfers_of_one_instant_the_last_one_counts(ledger: Ledger, clock: FixedClock) -> None:
    available = member()
    for amount in (100, 7):
        await ledger.post(a_transfer("issuer/welcome", available, amount))
    await ledger.post(a_transfer(available, "sys/redeemed", 40))

    assert await balance_as_of(ledger, available, clock) == 67
