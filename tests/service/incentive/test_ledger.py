"""The ledger over gRPC: cases of spec value §3.1 as far as transfers carry them."""

import asyncio
from collections.abc import Callable

import pytest
from bowen.incentive.v1 import ledger_service_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.errors import InvalidArgument, PermissionDenied
from chassis.ids import new_id
from tests.conftest import run
from tests.service.incentive.ledgering import POSTED, REFUSED, Ledger, a_ledger, a_transfer, member


async def test_led_01_of_fifty_parallel_holds_exactly_those_that_fit_succeed(ledger: Ledger) -> None:
    profile_id = str(new_id())
    available, held = member("available", profile_id), member("held", profile_id)
    await ledger.fund(available, 100)

    outcomes = await asyncio.gather(*(ledger.post(a_transfer(available, held, 10)) for _ in range(50)))

    refusals = [outcome.reason for (outcome,) in outcomes if outcome.result == REFUSED]
    assert refusals == ["INSUFFICIENT"] * 40
    assert (await ledger.balance(available), await ledger.balance(held)) == (0, 100)
    await ledger.check()


async def test_led_02_the_first_operations_of_a_new_member_cannot_overdraw(ledger: Ledger) -> None:
    available = member()

    outcomes = await asyncio.gather(*(ledger.post(a_transfer(available, "sys/redeemed", 1)) for _ in range(2)))

    assert [outcome.reason for (outcome,) in outcomes] == ["INSUFFICIENT"] * 2
    assert await ledger.balance(available) == 0


async def test_led_03_twenty_parallel_repeats_post_once_and_answer_alike(ledger: Ledger) -> None:
    transfer = a_transfer("issuer/welcome", available := member(), 50)

    outcomes = [outcome for (outcome,) in await asyncio.gather(*(ledger.post(transfer) for _ in range(20)))]

    assert {outcome.result for outcome in outcomes} == {POSTED}
    assert sum(outcome.replayed for outcome in outcomes) == 19
    assert await ledger.balance(available) == 50


@pytest.mark.parametrize("together", [True, False])
async def test_led_04_an_id_that_is_reused_for_another_amount_posts_nothing_more(
    ledger: Ledger, together: bool
) -> None:
    available = member()
    first = a_transfer("issuer/welcome", available, 50)
    second = a_transfer("issuer/welcome", available, 60, transfer_id=first.transfer_id)

    if together:
        one, two = (outcome for (outcome,) in await asyncio.gather(ledger.post(first), ledger.post(second)))
    else:
        (one,), (two,) = await ledger.post(first), await ledger.post(second)

    assert sorted((one.reason, two.reason)) == ["", "TRANSFER_ID_REUSED"]
    assert await ledger.balance(available) == (50 if two.reason else 60)


async def test_repeats_on_two_replicas_at_once_post_once_even_between_accounts_without_balance(
    fresh_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = fresh_database("incentive")
    async with a_ledger(url, clock) as one, a_ledger(url, clock) as two:
        for _ in range(20):
            transfer = a_transfer("issuer/welcome", "sys/adjust", 5)

            (left,), (right,) = await asyncio.gather(one.post(transfer), two.post(transfer))

            assert (left.result, right.result, left.replayed + right.replayed) == (POSTED, POSTED, 1)
        assert await one.balance("sys/adjust") == 100


async def test_a_refusal_is_replayed_even_after_the_balance_would_allow_it(ledger: Ledger) -> None:
    available = member()
    spend = a_transfer(available, "sys/redeemed", 10)

    (first,) = await ledger.post(spend)
    await ledger.fund(available, 100)
    (again,) = await ledger.post(spend)

    assert (first.reason, again.reason, again.replayed) == ("INSUFFICIENT", "INSUFFICIENT", True)
    assert again.detail == first.detail
    assert await ledger.balance(available) == 100


async def test_items_of_a_batch_are_decided_in_order_and_a_refusal_leaves_its_neighbours(ledger: Ledger) -> None:
    available = member()

    outcomes = await ledger.post(
        a_transfer(available, "sys/redeemed", 10),
        a_transfer("issuer/welcome", available, 30),
        a_transfer(available, "sys/redeemed", 20),
        a_transfer(available, "sys/redeemed", 20),
        a_transfer(available, available, 1),
    )

    assert [outcome.reason for outcome in outcomes] == ["INSUFFICIENT", "", "", "INSUFFICIENT", "TRANSFER_INVALID"]
    assert await ledger.balance(available) == 10


async def test_led_14_an_earning_is_reversed_once(ledger: Ledger) -> None:
    available = member()
    earn = a_transfer("issuer/welcome", available, 100)
    await ledger.post(earn)
    await ledger.fund(available, 100)

    (first,) = await ledger.post(a_transfer(available, "issuer/welcome", 100, reverses_transfer_id=earn.transfer_id))
    (second,) = await ledger.post(a_transfer(available, "issuer/welcome", 100, reverses_transfer_id=earn.transfer_id))

    assert (first.reason, second.reason) == ("", "ALREADY_REVERSED")
    assert second.detail == "all of it was taken back before"
    assert await ledger.balance(available) == 100


async def test_led_15_of_ten_parallel_partial_reversals_no_more_succeed_than_was_earned(ledger: Ledger) -> None:
    available = member()
    earn = a_transfer("issuer/welcome", available, 100)
    await ledger.post(earn)
    await ledger.fund(available, 1000)

    def reversal() -> object:
        return ledger.post(a_transfer(available, "issuer/welcome", 30, reverses_transfer_id=earn.transfer_id))

    outcomes = [outcome for (outcome,) in await asyncio.gather(*(reversal() for _ in range(10)))]  # type: ignore[call-overload]

    assert sum(outcome.result == POSTED for outcome in outcomes) == 3
    assert await ledger.balance(available) == 1010


async def test_a_reversal_may_take_from_debt_but_not_from_somebody_else(ledger: Ledger) -> None:
    profile_id = str(new_id())
    earn = a_transfer("issuer/welcome", member("available", profile_id), 100)
    await ledger.post(earn)

    (own, other) = await ledger.post(
        a_transfer(member("debt", profile_id), "issuer/welcome", 40, reverses_transfer_id=earn.transfer_id),
        a_transfer(member("debt"), "issuer/welcome", 40, reverses_transfer_id=earn.transfer_id),
    )

    assert (own.reason, other.reason) == ("", "REVERSAL_INVALID")
    request = ledger_service_pb2.GetProfileBalancesRequest(profile_id=profile_id)
    (line,) = (await ledger.stub.GetProfileBalances(request)).balances  # type: ignore[misc]
    assert (line.available, line.debt) == (100, 40)
    await ledger.check()


@pytest.mark.parametrize("amount", [0, -1, 2**63 - 1])
async def test_led_25_amounts_out_of_bounds_post_nothing(ledger: Ledger, amount: int) -> None:
    available = member()

    with pytest.raises(InvalidArgument) as refusal:
        await ledger.post(a_transfer("issuer/welcome", available, 10), a_transfer("issuer/welcome", available, amount))

    assert [field for field, _ in refusal.value.violations] == ["transfers[1].amount"]
    assert await ledger.balance(available) == 0


@pytest.mark.parametrize("owner", ["0" * 36, "-" * 36, "0192f000-0000-7000-8000-00000000000"])
async def test_an_account_of_somebody_who_cannot_be_is_refused_by_its_field(ledger: Ledger, owner: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await ledger.post(a_transfer("issuer/welcome", f"member/{owner}/available", 10))

    assert [field for field, _ in refusal.value.violations] == ["transfers[0].credit_account"]


async def test_led_26_paging_while_others_write_misses_and_repeats_nothing(ledger: Ledger) -> None:
    available = member()
    for amount in range(1, 8):
        await ledger.fund(available, amount)

    seen, token = [], ""
    while True:
        page = await ledger.entries(available, page_size=3, page_token=token)
        seen += [entry.amount for entry in page.entries]
        await ledger.fund(available, 100)
        token = page.next_page_token
        if not token:
            break

    assert seen == [7, 6, 5, 4, 3, 2, 1]
    with pytest.raises(InvalidArgument):
        await ledger.entries(member(), page_token="nonsense")


async def test_entries_carry_the_balance_after_each_and_debits_are_negative(ledger: Ledger) -> None:
    available = member()
    await ledger.fund(available, 100)
    await ledger.post(a_transfer(available, "sys/redeemed", 30, memo="coffee"))

    page = await ledger.entries(available)

    assert [(entry.amount, entry.balance_after, entry.memo) for entry in page.entries] == [
        (-30, 70, "coffee"),
        (100, 100, ""),
    ]
    redeemed = await ledger.entries("sys/redeemed")
    assert [(entry.amount, entry.counter_account) for entry in redeemed.entries] == [(30, available)]


async def test_a_key_bound_to_a_store_moves_no_value_and_reads_no_account(ledger: Ledger) -> None:
    scopes = frozenset({"incentive.ledger:write", "incentive.ledger:read"})
    available = member()

    with acting(Call(Caller("key:till", scopes, store_id=str(new_id())))):
        with pytest.raises(PermissionDenied):
            await ledger.fund(available, 100)
        with pytest.raises(PermissionDenied):
            await ledger.balance(available)
        with pytest.raises(PermissionDenied):
            await ledger.check()
        with pytest.raises(PermissionDenied):
            await ledger.stub.GetProfileBalances(  # type: ignore[misc]
                ledger_service_pb2.GetProfileBalancesRequest(profile_id=available.split("/")[1])
            )

    assert await ledger.balance(available) == 0


MEMBERS = [str(new_id()) for _ in range(3)]
OWNED = [f"member/{m}/{kind}" for m in MEMBERS for kind in ("available", "held", "debt")]
ACCOUNTS = ["issuer/a", "sys/redeemed", *OWNED]


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 30), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(1, 50)),
            min_size=1,
            max_size=6,
        ),
        max_size=8,
    )
)
def test_the_ledger_agrees_with_a_dictionary_after_every_batch(
    fresh_database: Callable[[str], str], clock: FixedClock, batches: list[list[tuple[int, str, str, int]]]
) -> None:
    async def play() -> None:
        model: dict[str, int] = dict.fromkeys(ACCOUNTS, 0)
        decided: dict[str, tuple[tuple[str, str, int], str]] = {}
        async with a_ledger(fresh_database("incentive"), clock) as ledger:
            for batch in batches:
                items = [a_transfer(debit, credit, n, transfer_id=f"t{i}") for i, debit, credit, n in batch]

                outcomes = await ledger.post(*items)

                for (number, *content), outcome in zip(batch, outcomes, strict=True):
                    assert outcome.reason == _expected(model, decided, f"t{number}", *content)
                await ledger.check()
                assert {name: await ledger.balance(name) for name in ACCOUNTS} == model

    run(play())


def _expected(
    model: dict[str, int],
    decided: dict[str, tuple[tuple[str, str, int], str]],
    transfer_id: str,
    debit: str,
    credit: str,
    amount: int,
) -> str:
    content = (debit, credit, amount)
    if transfer_id in decided:
        earlier, reason = decided[transfer_id]
        return reason if earlier == content else "TRANSFER_ID_REUSED"
    bounded = debit.startswith("member/") and not debit.endswith("/debt")
    reason = "TRANSFER_INVALID" if debit == credit else "INSUFFICIENT" if bounded and model[debit] < amount else ""
    if not reason:
        model[debit] -= amount
        model[credit] += amount
    decided[transfer_id] = (content, reason)
    return reason
