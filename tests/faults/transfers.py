"""Transfers between members while something is killed, and what must be there in the end, to the last unit."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import nats
import nats.errors
from bowen.incentive.v1.events_pb2 import TransferPosted
from bowen.wire.v1.envelope_pb2 import EventBatch
from nats.js.api import ConsumerConfig, DeliverPolicy

from chassis.ids import new_id
from tests.e2e.running import Suite
from tests.e2e.world import Json, World
from tests.faults.ledgers import rows
from tests.faults.load import Load
from tests.waiting import eventually

MEMBERS = 20
FUND = 200
TOPIC = "bowen.incentive.v1.transfer.posted.>"
WITHIN_SECONDS = 90.0

_STORED = """
SELECT transfer_id, debit_account, credit_account, amount, 'POSTED' AS result FROM transfer WHERE transfer_id = ANY ($1)
UNION ALL
SELECT transfer_id, '', '', 0, 'REFUSED' FROM transfer_refusal WHERE transfer_id = ANY ($1)
"""
_SIDES = """
SELECT account, position, amount, balance FROM (
    SELECT debit_account AS account, debit_position AS position, -amount AS amount, debit_balance AS balance
    FROM transfer
    UNION ALL SELECT credit_account, credit_position, amount, credit_balance FROM transfer
) AS side WHERE account = ANY ($1) ORDER BY account, position
"""
_BALANCES = "SELECT account, balance FROM account WHERE account = ANY ($1)"


@dataclass
class Transfers:
    """Callers at work until `stop`. What is in `answers` was acknowledged."""

    world: World
    seed: int
    answers: dict[str, tuple[Json, str]] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.accounts = [f"member/{new_id()}/available" for _ in range(MEMBERS)]
        self.load = Load(self.world, "", "", "", ())

    async def run(self, callers: int) -> None:
        """Fund the members, and move it about until `stop`."""
        await self.post([self._transfer("issuer/faults", account, FUND) for account in self.accounts])
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._work())

    async def _work(self) -> None:
        batch: list[Json] = []
        while not self.stop.is_set():
            if not batch or self.random.random() < 0.8:
                batch = [
                    self._transfer(*self.random.sample(self.accounts, 2), self.random.randint(1, 120)) for _ in "123"
                ]
            await self.post(batch)

    def _any(self) -> Json:
        """Between any two members; some ask for more than there is."""
        return self._transfer(*self.random.sample(self.accounts, 2), self.random.randint(1, 120))

    def _transfer(self, debit: str, credit: str, amount: int) -> Json:
        ends = {"debit_account": debit, "credit_account": credit}
        return {"transfer_id": str(new_id()), **ends, "asset": "points", "amount": amount}

    async def post(self, batch: list[Json]) -> None:
        """Insist on a batch until it is answered; an answer is the same whenever it is asked for."""
        answer = await self.load.insist("POST", "/v1/ledger/transfers", {"transfers": batch})
        for item, outcome in zip(batch, answer["outcomes"], strict=True):
            assert outcome["transfer_id"] == item["transfer_id"]
            before = self.answers.setdefault(item["transfer_id"], (item, outcome["result"]))
            assert before == (item, outcome["result"])

    async def grown(self, by: int) -> None:
        """Wait until so much more has been acknowledged."""
        goal = len(self.answers) + by
        await eventually(lambda: len(self.answers) >= goal, within=WITHIN_SECONDS)

    async def killed_again_and_again(self, kill: Callable[[str], Any], times: int) -> None:
        """Kill the service and its database by turns, at random moments."""
        for turn in range(times):
            await self.grown(self.random.randint(1, 150))
            await kill(("incentive", "postgres")[turn % 2])
        await self.grown(30)


async def are_exact(transfers: Transfers) -> None:
    """Every answer is what is stored, once; balances follow from entries without a gap, and none is below zero."""
    suite, answers, accounts = transfers.world.suite, transfers.answers, transfers.accounts
    stored = await rows(suite, "incentive", _STORED, list(answers))
    assert len(stored) == len(answers)
    for row in stored:
        item, result = answers[row["transfer_id"]]
        assert row["result"] == result
        if result == "POSTED":
            assert [row[name] for name in ("debit_account", "credit_account", "amount")] == [
                item[name] for name in ("debit_account", "credit_account", "amount")
            ]
    reached: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for account, position, amount, balance in await rows(suite, "incentive", _SIDES, accounts):
        reached[account] = reached[account][0] + 1, reached[account][1] + amount
        assert reached[account] == (position, balance)
        assert balance >= 0
    balances = await rows(suite, "incentive", _BALANCES, accounts)
    assert {account: balance for account, (_, balance) in reached.items()} == dict(map(tuple, balances))
    assert sum(balance for _, balance in reached.values()) == MEMBERS * FUND
    await transfers.world.balances_are_sound()


async def replayed(suite: Suite, accounts: list[str]) -> dict[str, int]:
    """An empty read model after the whole topic: what it says of some accounts."""
    balances, seen = dict.fromkeys(accounts, 0), set[bytes]()
    connection = await nats.connect(suite.nats_url, connect_timeout=10)
    try:
        stream = connection.jetstream(timeout=5)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        topic = await stream.subscribe(TOPIC, ordered_consumer=True, config=config)
        pending = (await topic.consumer_info()).num_pending
        while pending:
            message = await topic.next_msg(timeout=30)
            pending = message.metadata.num_pending
            for event in EventBatch.FromString(message.data).events:
                if event.event_id not in seen:
                    seen.add(event.event_id)
                    _fold(balances, TransferPosted.FromString(event.payload))
    finally:
        await connection.close()
    return balances


def _fold(balances: dict[str, int], event: TransferPosted) -> None:
    for account, amount in ((event.debit_account, -event.amount), (event.credit_account, event.amount)):
        if account in balances:
            balances[account] += amount


async def replay_is_the_ledger(transfers: Transfers) -> None:
    """LED-23: who has seen the whole topic has the balances of the ledger."""
    suite, accounts = transfers.world.suite, transfers.accounts

    async def is_equal() -> bool:
        try:
            balances = await rows(suite, "incentive", _BALANCES, accounts)
            return await replayed(suite, accounts) == dict(map(tuple, balances))
        except (OSError, asyncpg.PostgresError, nats.errors.Error):
            return False

    await eventually(is_equal, within=WITHIN_SECONDS)
