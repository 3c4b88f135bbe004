"""Seals of past days, proofs of balances, and the transfers as events."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import pytest
from bowen.incentive.v1 import events_pb2

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.db import Tx, driver
from chassis.errors import InvalidArgument, PermissionDenied
from chassis.ids import new_id
from services.incentive.ledger import domain, operations
from services.incentive.ledger.domain import Account
from tests.service.incentive.auditing import Audits, audits_of
from tests.service.incentive.ledgering import Ledger, a_transfer, member
from tests.service.incentive.rewarding import NOON
from tests.waiting import eventually


@pytest.fixture
async def audits(ledger: Ledger, clock: FixedClock) -> AsyncIterator[Audits]:
    """Audits of an empty ledger, at noon of 20 June 2026 in Shanghai."""
    async with audits_of(ledger, clock) as audits:
        yield audits


async def three_days(audits: Audits) -> str:
    """Two transfers on each of 20, 21 and 22 June, sealed. Returns whose they are."""
    available = member()
    for _ in range(3):
        await audits.ledger.fund(available, 100)
        await audits.ledger.post(a_transfer(available, "sys/redeemed", 30, memo="coffee, 咖啡"))
        await audits.next_day()
    return available


async def test_pl_14_past_days_are_sealed_in_a_chain_and_told(audits: Audits) -> None:
    await three_days(audits)
    await audits.servicer.seal()

    seals = await audits.seals()

    assert [(seal.day, seal.transfer_count) for seal in seals] == [
        ("2026-06-20", 2), ("2026-06-21", 2), ("2026-06-22", 2),
    ]  # fmt: skip
    assert len({seal.seal for seal in seals}) == 3
    told = [events_pb2.LedgerSealed.FromString(payload) for payload in await audits.told("ledger.sealed")]
    assert [(event.day, event.seal) for event in told] == [(seal.day, seal.seal) for seal in seals]
    assert await audits.verify("2026-06-20", "2026-06-22") == (3, "")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transfer SET amount = amount + 1 WHERE transfer_key = $1",
        "UPDATE transfer SET memo = 'tea' WHERE transfer_key = $1",
        "UPDATE transfer SET post_time = post_time + interval '1 microsecond' WHERE transfer_key = $1",
        "UPDATE transfer SET credit_balance = coalesce(credit_balance, 0) + 1 WHERE transfer_key = $1",
        "UPDATE transfer SET xact = xact + 100000 WHERE transfer_key = $1",
        "DELETE FROM transfer WHERE transfer_key = $1",
    ],
)
async def test_pl_14_a_row_that_is_changed_later_is_found_by_its_day(audits: Audits, change: str) -> None:
    await three_days(audits)
    query = (
        "SELECT transfer_key FROM transfer WHERE debit_account <> 'issuer/welcome' ORDER BY post_time OFFSET 1 LIMIT 1"
    )
    async with audits.ledger.db.read() as tx:
        key = await (await driver(tx)).fetchval(query)

    await audits.execute(change, key)

    assert await audits.verify("2026-06-20", "2026-06-22") == (1, "2026-06-21")
    assert await audits.verify("2026-06-22", "2026-06-22") == (1, "")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_seal SET transfer_count = 3 WHERE day = '2026-06-21'",
        "UPDATE ledger_seal SET seal = previous WHERE day = '2026-06-21'",
        "DELETE FROM ledger_seal WHERE day = '2026-06-20'",
    ],
)
async def test_pl_14_seals_that_are_changed_break_the_chain(audits: Audits, change: str) -> None:
    await three_days(audits)

    await audits.execute(change)

    count, broken = await audits.verify("2026-06-20", "2026-06-22")
    assert (count, broken) == (0 if "DELETE" in change else 1, "2026-06-21")


async def test_pl_14_what_is_committed_after_the_sealing_of_its_day_is_in_the_next_seal(audits: Audits) -> None:
    available, waits, done = member(), asyncio.Event(), asyncio.Event()
    await audits.ledger.fund(available, 100)
    late = domain.transfer(
        "test", "late", Account("issuer/x", "points"), Account("sys/adjust", "points"), 7, post_time=NOON
    )

    async def linger(tx: Tx) -> None:
        await operations.post(tx, [late])
        waits.set()
        await done.wait()

    slow = asyncio.create_task(audits.ledger.db.transact(linger))
    await waits.wait()
    await audits.ledger.fund(available, 50)  # committed before the sealing, begun after the slow one
    await audits.next_day()
    done.set()
    await slow
    await audits.next_day()

    assert [seal.transfer_count for seal in await audits.seals()] == [1, 2]
    assert await audits.verify("2026-06-20", "2026-06-21") == (2, "")


async def test_pl_14_two_replicas_seal_a_day_once(audits: Audits, clock: FixedClock) -> None:
    await audits.ledger.fund(member(), 100)
    clock.advance(24 * 3600)

    await asyncio.gather(*(audits.servicer.seal() for _ in range(4)))

    assert [seal.day for seal in await audits.seals()] == ["2026-06-20"]
    assert len(await audits.told("ledger.sealed")) == 1


async def test_days_that_cannot_be_verified_are_refused(audits: Audits) -> None:
    for first, last in (("2026-06-31", "2026-07-01"), ("2026-06-02", "2026-06-01"), ("2026-06-01", "2026-07-02")):
        with pytest.raises(InvalidArgument):
            await audits.verify(first, last)


async def test_pl_01_an_hourly_proof_goes_on_from_the_one_before(audits: Audits, clock: FixedClock) -> None:
    first, second = member(), member("debt")
    await audits.ledger.fund(first, 100)
    await audits.servicer.prove()
    await audits.servicer.prove()
    clock.advance(3600)
    await audits.ledger.post(a_transfer(first, "sys/redeemed", 30), a_transfer(second, first, 5))
    await audits.ledger.post(a_transfer("issuer/x", member(), 9, asset="cash"))
    await audits.servicer.prove()

    proofs = [
        (each.number, each.asset, each.debits, each.credits, each.liability, each.discrepancy, each.account_count)
        for each in await audits.proofs()
    ]

    assert proofs == [(2, "cash", 9, 9, 9, 0, 1), (2, "points", 135, 135, 70, 0, 2), (1, "points", 100, 100, 100, 0, 1)]
    assert [each.is_full for each in await audits.proofs()] == [False, False, True]
    assert [(each.debits, each.liability) for each in await audits.prove()] == [(9, 9), (135, 70)]
    told = [events_pb2.TrialBalanceProved.FromString(each) for each in await audits.told("trial_balance.proved")]
    assert [(event.number, event.asset) for event in told] == [
        (1, "points"), (2, "cash"), (2, "points"), (3, "cash"), (3, "points"),
    ]  # fmt: skip


async def test_pl_01_what_is_open_at_the_proof_counts_in_the_next(audits: Audits, clock: FixedClock) -> None:
    waits, done = asyncio.Event(), asyncio.Event()
    await audits.ledger.fund(member(), 100)
    gift = domain.transfer(
        "test", "slow", Account("issuer/x", "points"), Account(member(), "points"), 7, post_time=NOON
    )

    async def linger(tx: Tx) -> None:
        await operations.post(tx, [gift])
        waits.set()
        await done.wait()

    slow = asyncio.create_task(audits.ledger.db.transact(linger))
    await waits.wait()
    await audits.ledger.fund(member(), 20)
    await audits.servicer.prove()
    done.set()
    await slow
    clock.advance(3600)
    await audits.servicer.prove()

    assert [(each.debits, each.liability, each.discrepancy) for each in await audits.proofs()] == [
        (127, 127, 0), (100, 100, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "discrepancy"),
    [
        ("UPDATE account SET balance = balance + 3 WHERE account = $1", 3),
        ("UPDATE account SET sequence = sequence + 1 WHERE account = $1", 1),
        ("UPDATE transfer SET amount = 31 WHERE debit_account = $1", 1),
        ("DELETE FROM transfer WHERE debit_account = $1", 32),
    ],
)
async def test_pl_01_what_does_not_follow_from_its_entries_raises_the_alarm(
    audits: Audits, clock: FixedClock, change: str, discrepancy: int
) -> None:
    available = member()
    await audits.ledger.fund(available, 100)
    await audits.servicer.prove()
    clock.advance(3600)
    await audits.ledger.post(a_transfer(available, "sys/redeemed", 30))
    await audits.ledger.fund(available, 1)

    await audits.execute(change, available)
    await audits.servicer.prove()

    assert (await audits.proofs())[0].discrepancy >= discrepancy
    assert [each.discrepancy >= discrepancy for each in await audits.prove()] == [True]
    told = [events_pb2.TrialBalanceFailed.FromString(each) for each in await audits.told("trial_balance.failed")]
    assert [(event.number, event.asset, event.is_full) for event in told] == [(2, "points", False), (3, "points", True)]


async def test_a_key_bound_to_a_store_audits_nothing(audits: Audits) -> None:
    scopes = frozenset({"incentive.audits:write", "incentive.audits:read"})

    with acting(Call(Caller("key:till", scopes, store_id=str(new_id())))):
        for call in (audits.seals, audits.prove, audits.proofs, lambda: audits.verify("2026-06-01", "2026-06-01")):
            with pytest.raises(PermissionDenied):
                await call()


async def test_led_23_who_sums_up_all_transfers_that_are_told_has_the_balances_of_the_ledger(audits: Audits) -> None:
    members = [member(kind) for kind in ("available", "available", "held", "debt") for _ in range(3)]
    posts = [
        audits.ledger.post(*(a_transfer(one, other, 5) for one, other in zip(members, members[turn:], strict=False)))
        for turn in range(1, 6)
    ]
    await audits.ledger.post(*(a_transfer("issuer/welcome", each, 100) for each in members))
    publishing = asyncio.create_task(audits.servicer.publish())
    await asyncio.gather(*posts)
    await publishing

    async def all_told() -> bool:
        await audits.servicer.publish()
        return len(await audits.told("transfer.posted")) == await count(audits)

    await eventually(all_told)
    view: dict[str, int] = defaultdict(int)
    keys: Counter[str] = Counter()
    for payload in await audits.told("transfer.posted"):
        event = events_pb2.TransferPosted.FromString(payload)
        keys[event.transfer_key] += 1
        view[event.debit_account] -= event.amount
        view[event.credit_account] += event.amount
    assert set(keys.values()) == {1}
    assert {name: view[name] for name in members} == {name: await audits.ledger.balance(name) for name in members}


async def count(audits: Audits) -> int:
    async with audits.ledger.db.read() as tx:
        return int(await (await driver(tx)).fetchval("SELECT count(*) FROM transfer"))
