"""Linked transfers: of a group all are posted, or none."""

import asyncio
from collections.abc import Callable

import pytest
from bowen.incentive.v1 import ledger_pb2

from chassis.clock import FixedClock
from chassis.errors import InvalidArgument
from tests.service.incentive.ledgering import Ledger, a_ledger, a_transfer, member


def linked(*transfers: ledger_pb2.Transfer) -> list[ledger_pb2.Transfer]:
    """The transfers as one group."""
    for transfer in transfers[:-1]:
        transfer.linked = True
    return list(transfers)


async def test_a_group_is_posted_whole_and_its_items_may_need_each_other(ledger: Ledger) -> None:
    first, second = member(), member()

    outcomes = await ledger.post(
        *linked(a_transfer("issuer/welcome", first, 100), a_transfer(first, second, 70), a_transfer(first, second, 30))
    )

    assert [outcome.reason for outcome in outcomes] == ["", "", ""]
    assert (await ledger.balance(first), await ledger.balance(second)) == (0, 100)
    await ledger.check()


@pytest.mark.parametrize("failing", [0, 1, 2])
async def test_one_refusal_refuses_its_group_and_leaves_the_neighbours(ledger: Ledger, failing: int) -> None:
    first, second, poor = member(), member(), member()
    items = [a_transfer("issuer/welcome", second, 10) for _ in range(3)]
    items[failing] = a_transfer(poor, second, 5, transfer_id="too-much")
    before, after = a_transfer("issuer/welcome", first, 7), a_transfer(first, second, 7)

    outcomes = await ledger.post(before, *linked(*items), after)

    reasons = ["LINKED_TRANSFER_REFUSED"] * 3
    reasons[failing] = "INSUFFICIENT"
    assert [outcome.reason for outcome in outcomes] == ["", *reasons, ""]
    assert {outcome.detail for outcome in outcomes if outcome.reason == "LINKED_TRANSFER_REFUSED"} == {
        "too-much of the group was refused: INSUFFICIENT"
    }
    assert (await ledger.balance(first), await ledger.balance(second), await ledger.balance(poor)) == (0, 7, 0)
    await ledger.check()


async def test_a_refused_group_leaves_nothing_behind_for_the_next_one_of_the_batch(ledger: Ledger) -> None:
    available, other = member(), member()
    await ledger.fund(available, 100)

    outcomes = await ledger.post(
        *linked(a_transfer(available, other, 80), a_transfer(available, other, 80)),
        *linked(a_transfer(available, other, 60), a_transfer(available, other, 40)),
    )

    assert [outcome.reason for outcome in outcomes] == ["LINKED_TRANSFER_REFUSED", "INSUFFICIENT", "", ""]
    assert (await ledger.balance(available), await ledger.balance(other)) == (0, 100)
    await ledger.check()


@pytest.mark.parametrize("amount", [100, 200])
async def test_led_03_parallel_repeats_of_a_group_answer_alike(ledger: Ledger, amount: int) -> None:
    available, other = member(), member()
    await ledger.fund(available, 100)
    group = linked(a_transfer("issuer/welcome", other, 1), a_transfer(available, other, amount))

    answers = await asyncio.gather(*(ledger.post(*group) for _ in range(20)))

    assert len({tuple((item.result, item.reason, item.detail) for item in answer) for answer in answers}) == 1
    assert sum(all(item.replayed for item in answer) for answer in answers) == 19
    assert await ledger.balance(other) == (101 if amount == 100 else 0)


async def test_led_04_a_group_of_which_a_part_was_decided_before_is_refused(ledger: Ledger) -> None:
    available, other = member(), member()
    old = a_transfer("issuer/welcome", available, 50)
    await ledger.post(old)

    outcomes = await ledger.post(*linked(a_transfer("issuer/welcome", other, 5), old))

    assert [outcome.reason for outcome in outcomes] == ["LINKED_TRANSFER_REFUSED", ""]
    assert [outcome.replayed for outcome in outcomes] == [False, True]
    assert (await ledger.balance(available), await ledger.balance(other)) == (50, 0)


async def test_led_04_a_transfer_that_was_posted_alone_is_another_one_when_it_is_linked(ledger: Ledger) -> None:
    available = member()
    first, second = a_transfer("issuer/welcome", available, 50), a_transfer("issuer/welcome", available, 5)
    await ledger.post(first)

    outcomes = await ledger.post(*linked(first, second))

    assert [outcome.reason for outcome in outcomes] == ["TRANSFER_ID_REUSED", "LINKED_TRANSFER_REFUSED"]
    assert await ledger.balance(available) == 50


async def test_groups_on_two_replicas_that_want_the_same_money_are_never_torn(
    fresh_database: Callable[[str], str], clock: FixedClock
) -> None:
    url = fresh_database("incentive")
    async with a_ledger(url, clock) as one, a_ledger(url, clock) as two:
        purse, left, right = member(), member(), member()
        await one.fund(purse, 100)

        answers = await asyncio.gather(
            *(
                (one, two)[n % 2].post(*linked(a_transfer(purse, left, 10), a_transfer(purse, right, 10)))
                for n in range(20)
            )
        )

        assert sum(not any(item.reason for item in answer) for answer in answers) == 5
        assert [await one.balance(name) for name in (purse, left, right)] == [0, 50, 50]
        await one.check()


async def test_a_group_without_end_or_with_a_transfer_twice_is_malformed(ledger: Ledger) -> None:
    available = member()
    item = a_transfer("issuer/welcome", available, 50)

    with pytest.raises(InvalidArgument) as endless:
        await ledger.post(a_transfer("issuer/welcome", available, 5), *linked(item, item))
    item.linked = False
    same = ledger_pb2.Transfer()
    same.CopyFrom(item)
    with pytest.raises(InvalidArgument) as twice:
        await ledger.post(*linked(item, same))

    assert [field for field, _ in endless.value.violations] == ["transfers[2].linked"]
    assert [field for field, _ in twice.value.violations] == ["transfers"]
    assert await ledger.balance(available) == 0
