"""Posting by one statement: what it writes, what it leaves to the exact way, and that two replicas never disagree."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bowen.incentive.v1 import ledger_pb2
from bowen.incentive.v1.ledger_service_pb2 import TransferOutcome

from chassis.clock import FixedClock
from chassis.consumer import Delivery
from chassis.db import Database, Tx, driver
from chassis.ids import new_id
from services.incentive.ledger import domain, operations, store
from services.incentive.ledger.consumers import on_profile_merged
from services.incentive.ledger.domain import Account, Transfer, plans
from tests.service.incentive.ledgering import POSTED, Ledger, a_ledger, a_transfer, member
from tests.service.incentive.lotting import a_lots
from tests.service.incentive.rewarding import NOON, a_merge
from tests.waiting import eventually

ISSUER = "issuer/welcome"
SPENT = "sys/redeemed"
SCOPE = "service:test"  # whose transfers those of the client are

_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
_TWICE = "SELECT transfer_key FROM transfer JOIN transfer_refusal USING (transfer_key)"
_STORED = """
SELECT transfer_id, debit_account, credit_account, amount, '' AS reason FROM transfer
UNION ALL SELECT transfer_id, '', '', 0, reason FROM transfer_refusal
"""
_SIDES = """
SELECT debit_account, debit_position, -amount, debit_balance FROM transfer WHERE debit_balance IS NOT NULL
UNION ALL SELECT credit_account, credit_position, amount, credit_balance FROM transfer WHERE credit_balance IS NOT NULL
ORDER BY 1, 2
"""


def moving(debit: str, credit: str, amount: int, transfer_id: str = "", **fields: Any) -> Transfer:
    """A transfer as the servicer understands it."""
    accounts = Account(debit, "points"), Account(credit, "points")
    return domain.transfer(SCOPE, transfer_id or str(new_id()), *accounts, amount, post_time=NOON, **fields)


async def at_once(db: Database, *batch: Transfer) -> bool:
    plan = plans.plan(batch)
    return plan is not None and (await store.post_at_once(db, plan)).posted


async def exactly(db: Database, *batch: Transfer) -> list[domain.Outcome]:
    return await db.transact(lambda tx: operations.post(tx, batch))


async def asked(db: Database, *batch: Transfer) -> list[domain.Outcome]:
    return await db.transact(lambda tx: operations.post_asked(tx, batch))


async def rows(db: Database, query: str) -> list[Any]:
    async with db.read() as tx:
        return list(await (await driver(tx)).fetch(query))


async def waits(db: Database, other: "asyncio.Task[Any]") -> None:
    """Wait until the other one waits for what is held, or has got through beside it."""

    async def met() -> bool:
        return other.done() or bool(await rows(db, _WAITING))

    await eventually(met)


async def test_a_batch_is_written_down_as_if_it_were_decided_one_by_one(ledger: Ledger) -> None:
    profile_id = str(new_id())
    available, held, debt = (member(kind, profile_id) for kind in ("available", "held", "debt"))
    await exactly(ledger.db, moving(ISSUER, available, 100), moving(available, held, 1), moving(ISSUER, debt, 1))

    posted = await at_once(
        ledger.db,
        moving(available, held, 60),
        moving(held, SPENT, 61, memo='coffee, 咖啡, {"a"}, \\, \''),
        moving(debt, available, 1000),
        moving(available, SPENT, 1039),
        moving(ISSUER, SPENT, 7),
    )

    assert posted
    assert [await ledger.balance(name) for name in (available, held, debt)] == [0, 0, -999]
    entries = (await ledger.entries(available)).entries
    assert [(entry.amount, entry.balance_after) for entry in entries] == [
        (-1039, 0), (1000, 1039), (-60, 39), (-1, 99), (100, 100),
    ]  # fmt: skip
    assert [entry.memo for entry in (await ledger.entries(held)).entries] == ['coffee, 咖啡, {"a"}, \\, \'', "", ""]
    assert [entry.amount for entry in (await ledger.entries(SPENT)).entries] == [7, 1039, 61]
    await ledger.check()


async def test_batches_of_any_size_are_planned_once(fresh_database: Callable[[str], str]) -> None:
    db = Database.open(fresh_database("incentive"), pool_max=1)
    available = member()
    await exactly(db, moving(ISSUER, available, 100))

    for size in (*[1] * 10, 40, *[1] * 10):
        assert await at_once(db, *(moving(available, SPENT, 1) for _ in range(size)))

    query = (
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO transfer%'"
    )
    plans_made = [tuple(row) for row in await db.alone(query)]
    assert max(plans_made) == (16, 5)
    await db.close()


@pytest.mark.parametrize("doubt", ["too little", "not open", "posted before", "refused before", "merged", "odd word"])
async def test_what_is_in_doubt_is_left_to_the_exact_way_with_all_of_its_batch(ledger: Ledger, doubt: str) -> None:
    available, empty, loser_id = member(), member(), str(new_id())
    earlier, refused = moving(ISSUER, available, 100, "earlier"), moving(empty, SPENT, 1, "refused")
    await exactly(ledger.db, earlier, refused, moving(ISSUER, member("available", loser_id), 5))
    await ledger.db.transact(lambda tx: merged(tx, loser_id, str(new_id())))
    item = {
        "too little": moving(empty, SPENT, 1),
        "not open": moving(ISSUER, member(), 1),
        "posted before": earlier,
        "refused before": moving(ISSUER, empty, 1, "refused"),
        "merged": moving(ISSUER, member("available", loser_id), 1),
        "odd word": moving(ISSUER, empty, 1, memo="a\x1fb"),
    }[doubt]

    posted = await at_once(ledger.db, moving(available, SPENT, 40), item, moving(available, SPENT, 40))

    assert not posted
    assert (await ledger.balance(available), await ledger.balance(empty)) == (100, 0)
    assert await at_once(ledger.db, moving(available, SPENT, 40), moving(available, SPENT, 40))


async def test_an_asset_that_is_kept_in_lots_is_left_to_the_exact_way_which_moves_its_lots(
    fresh_database: Callable[[str], str], clock: FixedClock
) -> None:
    async with a_lots(fresh_database("incentive"), clock) as lots:
        await lots.programme()
        who = str(new_id())
        await lots.earn(who, 100, "2026-12-31")

        posted = await at_once(lots.ledger.db, moving(member("available", who), SPENT, 40))
        spent = await lots.spend(who, 40)

        assert (posted, spent) == (False, "")
        assert await lots.left(who) == [("2026-12-31", 60)]
        assert await at_once(lots.ledger.db, moving(ISSUER, SPENT, 40))


async def merged(tx: Tx, loser_id: str, survivor_id: str) -> None:
    await on_profile_merged(tx, [Delivery(new_id(), a_merge(loser_id, survivor_id), NOON, NOON)])


async def test_a_spending_that_waits_for_the_earning_that_covers_it_is_posted_with_it(ledger: Ledger) -> None:
    available = member()
    await exactly(ledger.db, moving(ISSUER, available, 10))
    others: list[asyncio.Task[bool]] = []

    async def earn_while_spending(tx: Tx) -> None:
        await operations.post(tx, [moving(ISSUER, available, 10)])
        others.append(asyncio.create_task(at_once(ledger.db, moving(available, SPENT, 15))))
        await waits(ledger.db, others[0])

    await ledger.db.transact(earn_while_spending)

    assert await others[0]
    assert await ledger.balance(available) == 5


async def test_what_is_posted_to_an_empty_account_while_its_member_is_merged_goes_to_the_survivor(
    ledger: Ledger,
) -> None:
    loser_id, survivor_id = str(new_id()), str(new_id())
    available = member("available", loser_id)
    await exactly(ledger.db, moving(ISSUER, available, 5), moving(available, SPENT, 5))
    others: list[asyncio.Task[Any]] = []

    async def post_while_merging(tx: Tx) -> None:
        await merged(tx, loser_id, survivor_id)
        others.append(asyncio.create_task(ledger.post(a_transfer(ISSUER, available, 30))))
        await waits(ledger.db, others[0])

    await ledger.db.transact(post_while_merging)

    assert [outcome.result for outcome in await others[0]] == [POSTED]
    assert (await ledger.balance(available), await ledger.balance(member("available", survivor_id))) == (0, 30)


async def test_led_04_an_id_that_is_refused_elsewhere_while_its_posting_waits_is_not_posted(ledger: Ledger) -> None:
    available, empty = member(), member()
    await exactly(ledger.db, moving(ISSUER, available, 100), moving(ISSUER, empty, 1), moving(empty, SPENT, 1))
    posting = a_transfer(available, SPENT, 10)
    refused = domain.transfer(
        "service:anonymous", posting.transfer_id, Account(empty, "points"), Account(SPENT, "points"), 1, post_time=NOON
    )
    others: list[asyncio.Task[Any]] = []

    async def refuse_while_posting_waits(tx: Tx) -> None:
        await store.lock_accounts(tx, [Account(available, "points")])
        others.append(asyncio.create_task(ledger.post(posting)))
        await waits(ledger.db, others[0])
        (outcome,) = await exactly(ledger.db, refused)
        assert outcome.reason == "INSUFFICIENT"

    await ledger.db.transact(refuse_while_posting_waits)

    assert [outcome.reason for outcome in await others[0]] == ["TRANSFER_ID_REUSED"]
    assert await ledger.balance(available) == 100


@pytest.mark.parametrize("way", [at_once, asked])
async def test_led_04_of_a_posting_and_a_refusal_of_one_id_at_the_same_moment_one_stands(
    ledger: Ledger, way: Callable[..., Awaitable[Any]]
) -> None:
    available, empty = member(), member()
    await exactly(ledger.db, moving(ISSUER, available, 100))

    for number in range(10):
        posting, refusal = moving(available, SPENT, 10, f"t{number}"), moving(empty, SPENT, 1, f"t{number}")
        await asyncio.gather(way(ledger.db, posting), asked(ledger.db, refusal))

    assert await rows(ledger.db, _TWICE) == []


class Load:
    """Callers of two replicas who ask for transfers under a few ids, some of them again, some for something else."""

    def __init__(self, ledgers: list[Ledger], seed: int) -> None:
        self.random = random.Random(seed)
        self.ledgers = ledgers
        self.members = [str(new_id()) for _ in range(6)]
        kinds = ("available", "available", "held", "debt")
        self.accounts = [*(member(kind, who) for who in self.members for kind in kinds), ISSUER, ISSUER, SPENT]
        self.asked: dict[str, list[ledger_pb2.Transfer]] = defaultdict(list)
        self.answers: list[tuple[ledger_pb2.Transfer, TransferOutcome]] = []
        self.groups: list[list[str]] = []

    def transfer(self) -> ledger_pb2.Transfer:
        name = f"t{self.random.randrange(600)}"
        if self.asked[name] and self.random.random() < 0.8:
            return self.random.choice(self.asked[name])
        debit, credit = self.random.sample(self.accounts, 2)
        made = a_transfer(debit, credit, self.random.randint(1, 20), transfer_id=name)
        self.asked[name].append(made)
        return made

    def group(self) -> list[ledger_pb2.Transfer]:
        debit, through, credit = self.random.sample(self.accounts, 3)
        first = a_transfer(debit, through, self.random.randint(1, 20))
        first.linked = True
        made = [first, a_transfer(through, credit, self.random.randint(1, 20))]
        self.groups.append([item.transfer_id for item in made])
        return made

    async def call(self, ledger: Ledger) -> None:
        for _ in range(20):
            batch = [self.transfer() for _ in range(self.random.randint(1, 3))]
            if self.random.random() < 0.2:
                batch += self.group()
            self.answers += zip(batch, await ledger.post(*batch), strict=True)

    async def run(self) -> None:
        merge = self.ledgers[0].db.transact(lambda tx: merged(tx, self.members[0], self.members[1]))
        calls = [self.call(ledger) for ledger in self.ledgers for _ in range(6)]
        await asyncio.gather(*calls, merge)


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_replicas_under_load_decide_every_id_once_and_account_for_every_unit(
    fresh_database: Callable[[str], str], clock: FixedClock, seed: int
) -> None:
    url = fresh_database("incentive")
    async with a_ledger(url, clock) as one, a_ledger(url, clock) as two:
        load = Load([one, two], seed)

        await load.run()

        assert await rows(one.db, _TWICE) == []
        stored = {row["transfer_id"]: row for row in await rows(one.db, _STORED)}
        for asked, answer in load.answers:
            is_first = load.asked.get(asked.transfer_id, [asked])
            assert_answered(stored[asked.transfer_id], asked, answer, of_several=len(is_first) > 1)
        for group in load.groups:
            assert len({bool(stored[transfer_id]["reason"]) for transfer_id in group}) == 1
        assert_balances_follow_from_entries(await rows(one.db, _SIDES))
        for kind in domain.KINDS:
            assert await one.balance(member(kind, load.members[0])) == 0
        await one.check()


def assert_answered(stored: Any, asked: ledger_pb2.Transfer, answer: TransferOutcome, *, of_several: bool) -> None:
    """An answer tells what was decided about the id, or that the id stands for something else."""
    if answer.result == POSTED:
        assert (stored["reason"], stored["amount"]) == ("", asked.amount)
    elif answer.reason == "TRANSFER_ID_REUSED":
        assert of_several
    else:
        assert stored["reason"] == answer.reason


def assert_balances_follow_from_entries(sides: list[Any]) -> None:
    balances: dict[str, int] = defaultdict(int)
    sequences: dict[str, int] = defaultdict(int)
    for account, position, amount, balance in sides:
        balances[account] += amount
        sequences[account] += 1
        assert (sequences[account], balances[account]) == (position, balance), account
        assert balance >= 0 or account.endswith("/debt")
