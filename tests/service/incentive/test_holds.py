"""Holds: cases of spec value §3.1."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from bowen.incentive.v1 import hold_pb2
from bowen.incentive.v1 import ledger_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.db import Tx, driver
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Refusal
from chassis.ids import new_id
from logic.redirects import Edge
from services.incentive.ledger import operations as ledger_operations
from services.incentive.subjects import store as subjects
from tests.service.incentive.holding import Holds, a_holds
from tests.service.incentive.ledgering import Ledger, a_transfer, member
from tests.waiting import eventually

CAPTURED, VOIDED = hold_pb2.Hold.STATE_CAPTURED, hold_pb2.Hold.STATE_VOIDED
EXPIRED = hold_pb2.Hold.STATE_EXPIRED


@pytest.fixture
async def holds(ledger: Ledger, clock: FixedClock) -> AsyncIterator[Holds]:
    """Holds on an empty ledger, over gRPC."""
    async with a_holds(ledger, clock) as holds:
        yield holds
        await ledger.check()


async def funded(holds: Holds, amount: int) -> str:
    """A new person who has points."""
    profile_id = str(new_id())
    await holds.ledger.fund(member("available", profile_id), amount)
    return profile_id


async def merge(holds: Holds, loser: str, survivor: str) -> None:
    async def merging(tx: Tx) -> None:
        edge = Edge(str(new_id()), loser, survivor)
        await subjects.insert_merge(tx, edge)
        await ledger_operations.merge_people(tx, edge, now=holds.clock.now())

    await holds.ledger.db.transact(merging)


async def test_led_01_of_fifty_parallel_holds_the_balance_pays_ten(holds: Holds) -> None:
    profile_id = await funded(holds, 100)

    outcomes = await asyncio.gather(*(holds.place(profile_id, 10) for _ in range(50)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert {(type(each), each.reason) for each in refused if isinstance(each, Refusal)} == {
        (FailedPrecondition, "INSUFFICIENT")
    }
    assert len(refused) == 40
    assert await holds.stands(profile_id) == (0, 100)


async def test_led_02_two_first_spends_of_a_new_person_are_both_refused(holds: Holds) -> None:
    profile_id = str(new_id())

    outcomes = await asyncio.gather(holds.place(profile_id, 1), holds.place(profile_id, 1), return_exceptions=True)

    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)] == ["INSUFFICIENT"] * 2
    assert await holds.stands(profile_id) == (0, 0)


async def test_led_03_the_same_hold_asked_for_twenty_times_at_once_is_placed_once(holds: Holds) -> None:
    profile_id, request_id = await funded(holds, 100), str(new_id())

    placed = await asyncio.gather(*(holds.place(profile_id, 10, request_id=request_id) for _ in range(20)))

    assert len({hold.SerializeToString(deterministic=True) for hold in placed}) == 1
    assert await holds.stands(profile_id) == (90, 10)


async def test_led_04_the_same_request_with_another_amount_is_refused(holds: Holds) -> None:
    profile_id, request_id = await funded(holds, 100), str(new_id())

    outcomes = await asyncio.gather(
        holds.place(profile_id, 10, request_id=request_id),
        holds.place(profile_id, 20, request_id=request_id),
        return_exceptions=True,
    )

    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert (type(refused), refused.reason) == (AlreadyExists, "REQUEST_ID_REUSED")
    (placed,) = [outcome for outcome in outcomes if isinstance(outcome, hold_pb2.Hold)]
    assert await holds.stands(profile_id) == (100 - placed.amount, placed.amount)


async def test_led_11_no_more_is_captured_than_is_held(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    hold = await holds.place(profile_id, 80)

    with pytest.raises(FailedPrecondition) as refused:
        await holds.capture(hold.hold_id, 81)

    assert (refused.value.reason, refused.value.metadata["amount"]) == ("EXCEEDS_HOLD", "80")
    assert await holds.stands(profile_id) == (20, 80)


async def test_led_12_of_capture_and_void_at_once_exactly_one_wins(holds: Holds) -> None:
    profile_id = await funded(holds, 1_000)

    for _ in range(100):
        hold = await holds.place(profile_id, 10)
        outcomes = await asyncio.gather(
            holds.capture(hold.hold_id, 10), holds.void(hold.hold_id), return_exceptions=True
        )

        (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        (done,) = [outcome for outcome in outcomes if isinstance(outcome, hold_pb2.Hold)]
        final = {CAPTURED: "CAPTURED", VOIDED: "VOIDED"}[done.state]
        assert (type(refused), refused.reason, refused.metadata["state"]) == (AlreadyExists, "HOLD_RESOLVED", final)

    spent = await holds.ledger.entries(member("held", profile_id), page_size=200)
    captured = sum(-entry.amount for entry in spent.entries if entry.counter_account == "sys/redeemed")
    assert await holds.stands(profile_id) == (1_000 - captured, 0)


async def test_led_13_at_the_instant_of_its_end_a_hold_is_over_and_goes_back_once(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    hold = await holds.place(profile_id, 80, ttl=1)
    holds.clock.advance(1)

    with pytest.raises(AlreadyExists) as refused:
        await holds.capture(hold.hold_id, 80)
    assert refused.value.reason == "HOLD_EXPIRED"

    await asyncio.gather(*(holds.servicer.expire() for _ in range(5)))
    assert (await holds.get(hold.hold_id)).state == EXPIRED
    assert await holds.stands(profile_id) == (100, 0)


async def test_a_moment_before_its_end_a_hold_can_be_captured(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    hold = await holds.place(profile_id, 80, ttl=1)
    holds.clock.advance(0.999)

    await holds.servicer.expire()

    assert (await holds.capture(hold.hold_id, 80)).state == CAPTURED
    assert await holds.stands(profile_id) == (20, 0)


async def test_what_is_not_captured_is_available_again(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    hold = await holds.place(profile_id, 80)

    captured = await holds.capture(hold.hold_id, 30)

    assert (captured.captured_amount, captured.state) == (30, CAPTURED)
    assert await holds.stands(profile_id) == (70, 0)


async def test_led_20_points_that_paid_an_order_come_back_once(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    hold = await holds.place(profile_id, 80)
    await holds.capture(hold.hold_id, 80)

    outcomes = await asyncio.gather(*(holds.refund(hold.hold_id, 80) for _ in range(5)), return_exceptions=True)

    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)]
    assert reasons == ["EXCEEDS_CAPTURE"] * 4
    assert await holds.stands(profile_id) == (100, 0)


async def test_refunds_in_parts_never_exceed_what_was_captured(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    hold = await holds.place(profile_id, 100)
    await holds.capture(hold.hold_id, 100)

    outcomes = await asyncio.gather(*(holds.refund(hold.hold_id, 30) for _ in range(10)), return_exceptions=True)

    assert len([outcome for outcome in outcomes if isinstance(outcome, hold_pb2.Hold)]) == 3
    assert (await holds.get(hold.hold_id)).refunded_amount == 90
    assert await holds.stands(profile_id) == (90, 0)


async def test_what_was_not_captured_cannot_be_refunded(holds: Holds) -> None:
    hold = await holds.place(await funded(holds, 100), 80)

    with pytest.raises(FailedPrecondition) as refused:
        await holds.refund(hold.hold_id, 1)

    assert refused.value.metadata["left"] == "0"


@pytest.mark.parametrize("amount", [0, -1, 2**63 - 1])
async def test_led_25_an_amount_out_of_bounds_is_refused_and_changes_nothing(holds: Holds, amount: int) -> None:
    profile_id = await funded(holds, 100)

    with pytest.raises(InvalidArgument) as refused:
        await holds.place(profile_id, amount)

    assert refused.value.violations[0][0] == "amount"
    assert await holds.stands(profile_id) == (100, 0)


async def test_another_stores_hold_is_not_there(holds: Holds) -> None:
    profile_id, scopes = await funded(holds, 100), frozenset({"incentive.holds:read", "incentive.holds:write"})
    till, other = (Caller(f"key:{name}", scopes, store_id=str(new_id())) for name in ("till", "other"))
    with acting(Call(till)):
        hold = await holds.place(profile_id, 80)

    with acting(Call(other)):
        for attempt in (holds.get(hold.hold_id), holds.capture(hold.hold_id, 80), holds.void(hold.hold_id)):
            with pytest.raises(NotFound):
                await attempt

    with acting(Call(till)):
        assert (await holds.capture(hold.hold_id, 80)).state == CAPTURED


async def test_a_hold_of_a_merged_person_is_resolved_for_the_survivor(holds: Holds) -> None:
    loser, survivor = await funded(holds, 100), await funded(holds, 5)
    hold = await holds.place(loser, 80)

    await merge(holds, loser, survivor)

    await holds.capture(hold.hold_id, 50)

    assert await holds.stands(survivor) == (55, 0)
    assert await holds.stands(loser) == (0, 0)


async def test_what_comes_back_of_a_hold_pays_what_is_owed_first(holds: Holds) -> None:
    profile_id, survivor, ledger = str(new_id()), str(new_id()), holds.ledger
    earning = a_transfer("issuer/shop", member("available", profile_id), 100)
    await ledger.post(earning)
    voided, captured, expired = [await holds.place(profile_id, amount) for amount in (30, 30, 40)]
    await holds.capture(captured.hold_id, 25)
    request = pb.ReverseEarningRequest(request_id=str(new_id()), transfer_id=earning.transfer_id)
    await ledger.stub.ReverseEarning(request)  # type: ignore[misc]

    owed = [await ledger.balance(member("debt", profile_id))]
    await holds.void(voided.hold_id)
    owed.append(await ledger.balance(member("debt", profile_id)))
    await holds.refund(captured.hold_id, 10)
    owed.append(await ledger.balance(member("debt", profile_id)))
    await merge(holds, profile_id, survivor)
    holds.clock.advance(1800)
    await holds.servicer.expire()
    owed.append(await ledger.balance(member("debt", survivor)))
    await holds.refund(captured.hold_id, 15)

    assert owed == [-95, -65, -55, -15]
    assert (await holds.stands(survivor), await ledger.balance(member("debt", survivor))) == ((0, 0), 0)
    assert (await holds.get(expired.hold_id)).state == EXPIRED


async def test_held_points_cannot_be_spent_otherwise(holds: Holds) -> None:
    profile_id = await funded(holds, 100)
    await holds.place(profile_id, 80)

    (outcome,) = await holds.ledger.post(a_transfer(member("available", profile_id), "sys/redeemed", 21))

    assert outcome.reason == "INSUFFICIENT"


async def test_a_hold_that_cannot_be_given_back_holds_no_other_up(holds: Holds) -> None:
    robbed, other = await funded(holds, 100), await funded(holds, 100)
    for profile_id in (robbed, other):
        await holds.place(profile_id, 80, ttl=1)
    await holds.ledger.post(a_transfer(member("held", robbed), "sys/redeemed", 50))
    holds.clock.advance(1)

    await holds.servicer.expire()

    assert await holds.stands(other) == (100, 0)
    assert await holds.stands(robbed) == (20, 30)


async def test_who_is_merged_with_a_debtor_meanwhile_sets_nothing_aside(holds: Holds) -> None:
    loser, survivor = await funded(holds, 100), str(new_id())
    await holds.ledger.post(a_transfer(member("debt", survivor), "issuer/x", 10))
    others: list[asyncio.Task[hold_pb2.Hold]] = []

    async def place_while_merging(tx: Tx) -> None:
        edge = Edge(str(new_id()), loser, survivor)
        await subjects.insert_merge(tx, edge)
        await ledger_operations.merge_people(tx, edge, now=holds.clock.now())
        others.append(asyncio.create_task(holds.place(loser, 80)))
        await eventually(lambda: waits(holds))

    await holds.ledger.db.transact(place_while_merging)

    with pytest.raises(FailedPrecondition) as refused:
        await others[0]
    assert refused.value.reason == "IN_DEBT"
    assert await holds.stands(survivor) == (100, 0)


async def waits(holds: Holds) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with holds.ledger.db.read() as tx:
        return bool(await (await driver(tx)).fetchval(query))
