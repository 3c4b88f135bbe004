"""What is taken when an earning is taken back, by the policy of its programme (spec value §2.1, §3.1)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from bowen.incentive.v1.events_pb2 import DebtLimitReached
from bowen.wire.v1.envelope_pb2 import EventBatch

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.errors import Refusal
from services.incentive.ledger import operations
from services.incentive.ledger.domain import Terms
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.ledger.domain.programmes import Policy
from tests.service.incentive.ledgering import a_transfer
from tests.service.incentive.lotting import Lots, a_lots, local, new

MATURE = local("2026-06-08 12:00:00")


@pytest.fixture
async def lots(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Lots]:
    async with a_lots(fresh_database("incentive"), clock) as lots:
        lots.set(local("2026-06-01 12:00:00"))
        yield lots
        await lots.check()


async def a_spender(lots: Lots, earned: int, spent: int) -> tuple[str, str]:
    """Somebody who earned, and spent most of it; and the earning."""
    who = new()
    earning = await lots.earn(who, earned)
    assert await lots.spend(who, spent) == ""
    return who, earning


async def test_led_14_an_earning_is_taken_back_once(lots: Lots) -> None:
    await lots.programme()
    who = new()
    earning = await lots.earn(who, 100)
    await lots.earn(who, 100)

    assert await lots.reverse(earning) == {"earning": 100}
    with pytest.raises(Refusal, match="ALREADY_REVERSED"):
        await lots.reverse(earning)

    assert await lots.has(who) == {"available": 100}


async def test_led_14_the_same_request_is_answered_alike(lots: Lots) -> None:
    await lots.programme()
    earning = await lots.earn(new(), 100)

    answers = await asyncio.gather(*(lots.reverse(earning, 30, request_id="r-1") for _ in range(5)))

    assert answers == [{"earning": 30}] * 5


async def test_led_15_of_ten_parallel_partial_reversals_no_more_succeed_than_was_earned(lots: Lots) -> None:
    await lots.programme()
    who = new()
    earning = await lots.earn(who, 100)

    answers = await asyncio.gather(*(lots.reverse(earning, 30) for _ in range(10)), return_exceptions=True)

    assert sorted(isinstance(answer, Refusal) for answer in answers) == [False] * 3 + [True] * 7
    assert await lots.has(who) == {"available": 10}


async def test_led_16_unlimited_what_is_spent_is_debt_and_what_matures_pays_it_first(lots: Lots) -> None:
    await lots.programme(clawback="CLAWBACK_UNLIMITED")
    who, earning = await a_spender(lots, 100, 90)

    assert await lots.reverse(earning) == {"earning": 10, "debt": 90}
    assert await lots.has(who) == {"debt": 90}
    await lots.earn(who, 50, matures=MATURE)
    assert await lots.has(who) == {"pending": 50, "debt": 90}
    lots.set(MATURE)

    assert await lots.has(who) == {"debt": 40}
    await lots.programmes.settle()
    assert await lots.has(who) == {"debt": 40}
    await lots.earn(who, 60)
    assert await lots.has(who) == {"available": 20}


async def test_led_17_within_balance_what_is_spent_is_written_off(lots: Lots) -> None:
    await lots.programme(clawback="CLAWBACK_WITHIN_BALANCE")
    who, earning = await a_spender(lots, 100, 90)

    assert await lots.reverse(earning) == {"earning": 10, "writeoff": 90}

    assert await lots.has(who) == {}
    assert await lots.ledger.balance("sys/writeoff") == -90


async def test_led_18_only_pending_what_has_matured_stays(lots: Lots) -> None:
    await lots.programme(clawback="CLAWBACK_ONLY_PENDING")
    who = new()
    earning = await lots.earn(who, 100, matures=MATURE)
    later = await lots.earn(who, 40, matures=local("2026-07-01 00:00:00"))
    lots.set(MATURE)
    await lots.spend(who, 90)

    assert await lots.reverse(earning) == {"writeoff": 100}
    assert await lots.has(who) == {"available": 10, "pending": 40}
    assert await lots.reverse(later) == {"pending": 40}

    assert await lots.has(who) == {"available": 10}
    assert await lots.ledger.balance("sys/writeoff") == -100


async def test_what_is_left_of_the_earning_goes_first_then_the_earliest_earned(lots: Lots) -> None:
    await lots.programme()
    who = new()
    oldest = await lots.earn(who, 50, "2026-12-31")
    lots.set(local("2026-06-02 12:00:00"))
    await lots.earn(who, 50, "2026-07-31")
    lots.set(local("2026-06-03 12:00:00"))
    earning = await lots.earn(who, 100, "2026-06-30")
    await lots.spend(who, 80)

    assert await lots.reverse(earning, 40) == {"earning": 20, "available": 20}

    assert await lots.left(who) == [("2026-12-31", 30), ("2026-07-31", 50)]
    assert await lots.reverse(oldest, 10) == {"earning": 10}


async def test_nobody_owes_more_than_the_programme_allows_and_operators_are_told_of_the_rest(lots: Lots) -> None:
    await lots.programme(debt_max=50)
    who, earning = await a_spender(lots, 100, 100)

    assert await lots.reverse(earning, 30) == {"debt": 30}
    assert await lots.reverse(earning) == {"debt": 20, "writeoff": 50}

    assert await lots.has(who) == {"debt": 50}
    entries = await lots.ledger.entries("sys/writeoff")
    assert [(entry.amount, entry.memo) for entry in entries.entries] == [(-50, "returned")]
    (told,) = await _told(lots)
    assert (told.profile_id, told.asset, told.amount, told.debt_max) == (who, "points", 50, 50)
    assert told.transfer_id == entries.entries[0].transfer_id

    promotional = await lots.earn(new(), 10)
    await lots.reverse(promotional, clawback="CLAWBACK_ONLY_PENDING")
    assert len(await _told(lots)) == 1


async def _told(lots: Lots) -> list[DebtLimitReached]:
    batches = [EventBatch.FromString(payload) for (payload,) in await lots.rows("SELECT payload FROM outbox")]
    return [
        DebtLimitReached.FromString(event.payload)
        for batch in batches
        for event in batch.events
        if event.type.endswith("debt.limited")
    ]


async def test_who_takes_back_may_choose_a_policy(lots: Lots) -> None:
    await lots.programme()
    _, earning = await a_spender(lots, 100, 100)

    assert await lots.reverse(earning, clawback="CLAWBACK_WITHIN_BALANCE") == {"writeoff": 100}


async def test_an_asset_without_a_programme_is_taken_back_as_debt(lots: Lots) -> None:
    who, earning = await a_spender(lots, 100, 90)

    assert await lots.reverse(earning, 95) == {"available": 10, "debt": 85}
    assert await lots.has(who) == {"debt": 85}


async def test_nothing_is_set_aside_by_somebody_who_owes(lots: Lots) -> None:
    who, earning = await a_spender(lots, 100, 90)
    await lots.reverse(earning)
    await lots.ledger.fund(f"member/{who}/available", 30)

    with pytest.raises(Refusal, match="IN_DEBT"):
        await lots.place(who, 10)

    assert await lots.has(who) == {"available": 30, "debt": 90}


@pytest.mark.parametrize("amount", [1, 100])
async def test_more_than_was_earned_or_what_was_not_earned_is_not_taken(lots: Lots, amount: int) -> None:
    await lots.programme()
    who, earning = await a_spender(lots, 100, 10)

    with pytest.raises(Refusal, match="REVERSAL_INVALID"):
        await lots.reverse(earning, 101)
    for transfer_id in ("nothing", lots.spent[0]):
        with pytest.raises(Refusal, match="EARNING_NOT_FOUND"):
            await lots.reverse(transfer_id, amount)

    assert await lots.has(who) == {"available": 90}


async def test_a_key_bound_to_a_store_takes_nothing_back_and_sees_no_lot(lots: Lots) -> None:
    await lots.programme()
    who = new()
    earning = await lots.earn(who, 100)
    (lot,) = await lots.lots(who)
    scopes = frozenset({"incentive.ledger:write", "incentive.ledger:read"})

    with acting(Call(Caller("key:till", scopes, store_id=new()))):
        for call in (lots.reverse(earning), lots.lots(who), lots.expiring(who), lots.story(lot.lot_id)):
            with pytest.raises(Refusal, match="PERMISSION_DENIED"):
                await call

    assert await lots.has(who) == {"available": 100}


def a_claim(who: str, amount: int, now: Any, **fields: Any) -> Claim:
    defaults = {"transfer_id": "grant", "issuer": "issuer/shop", "profile_id": who, "asset": "points"}
    return Claim(**defaults | fields, amount=amount, post_time=now)


async def test_rewards_stay_pending_as_long_as_the_programme_says(lots: Lots) -> None:
    await lots.programme(maturity_seconds=7 * 86_400)
    who, now = new(), lots.clock.now()
    claim = a_claim(who, 100, now)

    answers = []

    for _ in range(2):
        await lots.ledger.db.transact(lambda tx: operations.earn(tx, "test", [claim, claim]))
    assert await lots.has(who) == {"pending": 100}
    back = a_claim(who, 60, now, transfer_id="back", reverses="grant")
    for _ in range(2):
        told = await lots.ledger.db.transact(lambda tx: operations.take_back(tx, "test", [back, back]))
        answers.append([[(line.source, line.amount) for line in lines] for lines in told])
    lots.set(MATURE)

    assert answers == [[[("pending", 60)]] * 2, [[], []]]
    assert await lots.has(who) == {"available": 40}


async def test_a_reward_may_have_days_and_a_policy_of_its_own(lots: Lots) -> None:
    await lots.programme()
    who, now = new(), lots.clock.now()
    claim = a_claim(who, 100, now, terms=Terms(MATURE, local("2026-06-09 00:00:00").date()))
    await lots.ledger.db.transact(lambda tx: operations.earn(tx, "test", [claim]))
    lots.set(MATURE)
    await lots.spend(who, 70)
    back = a_claim(who, 100, MATURE, transfer_id="back", reverses="grant", policy=Policy.WITHIN_BALANCE)

    await lots.ledger.db.transact(lambda tx: operations.take_back(tx, "test", [back]))

    assert await lots.has(who) == {}
    assert await lots.ledger.balance("sys/writeoff") == -70


async def test_terms_of_an_asset_without_a_programme_are_refused(lots: Lots) -> None:
    item = a_transfer("issuer/shop", f"member/{new()}/available", 1, last_day="2026-06-30")

    (outcome,) = await lots.ledger.post(item)

    assert outcome.reason == "TRANSFER_INVALID"
