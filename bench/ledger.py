"""Transfers per second: the ledger against the bare writes of the same rows, and against a transaction per transfer."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import asyncpg
from bowen.incentive.v1 import ledger_pb2
from bowen.incentive.v1 import ledger_service_pb2 as pb

from bench import servers
from bench.harness import Meter, Report, Runs, alternate, called, check
from bench.ledger_peers import Bare, RowLocks
from chassis.batch import Gatherer
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import new_id
from services.incentive.ledger import convert
from services.incentive.ledger.domain import Transfer
from services.incentive.ledger.servicer import LedgerServicer
from suite.embedded import Postgres

CALLERS = 64
ACCOUNTS = 10_000
FUND = 1_000_000
TRANSFERS = 6_000
ALONE = 1_000
FEWER = {1: 500, 16: 3_000}
"""With how many callers it is measured beside `CALLERS`, and how many transfers a pass has then."""
POSTED = pb.TransferOutcome.RESULT_POSTED

MEMBERS = [f"member/{new_id()}/available" for _ in range(ACCOUNTS)]
HOT = f"partner/{new_id()}/available"
Shape = Callable[[], tuple[str, str]]

_FUND = """
WITH funded AS (
    INSERT INTO account (account, asset, balance, sequence)
    SELECT name, 'points', $2, 1 FROM unnest($1::text[]) AS wanted (name) RETURNING account
)
INSERT INTO transfer (transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo,
                      post_time, debit_position, credit_position, credit_balance)
SELECT gen_random_uuid(), '', '', 'issuer/bench', account, 'points', $2, '', now(), nextval('transfer_number'), 1, $2
FROM funded
"""


def uniform() -> tuple[str, str]:
    """Between any two members."""
    debit, credit = random.sample(MEMBERS, 2)
    return debit, credit


def hot() -> tuple[str, str]:
    """From one account, whose balance is guarded, to any member."""
    return HOT, random.choice(MEMBERS)


def transfers(shape: Shape, count: int) -> list[ledger_pb2.Transfer]:
    """New transfers of one point each."""
    return [
        ledger_pb2.Transfer(
            transfer_id=str(new_id()), debit_account=debit, credit_account=credit, asset="points", amount=1
        )
        for debit, credit in (shape() for _ in range(count))
    ]


async def fund(url: str) -> None:
    """Open all accounts with what they spend."""
    connection = await asyncpg.connect(url)
    await connection.execute(_FUND, [*MEMBERS], FUND)
    await connection.execute(_FUND, [HOT], FUND * 1000)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def verify(url: str, posted: int) -> None:
    """Every transfer stands, nothing was made or lost, and the balances are those of the entries."""
    connection = await asyncpg.connect(url)
    total = await connection.fetchval("SELECT sum(balance)::bigint FROM account")
    count = await connection.fetchval("SELECT count(*) FROM transfer")
    wrong = await connection.fetchval(
        """
        SELECT count(*) FROM account JOIN (
            SELECT account, sum(amount) AS amount FROM (
                SELECT debit_account AS account, -amount AS amount FROM transfer
                UNION ALL SELECT credit_account, amount FROM transfer
            ) AS entry GROUP BY account
        ) AS summed USING (account) WHERE summed.amount <> account.balance
        """
    )
    await connection.close()
    check(total == FUND * (ACCOUNTS + 1000), f"balances sum to {total}")
    check(count == posted + ACCOUNTS + 1, f"{count} transfers are there, {posted} were posted")
    check(wrong == 0, f"{wrong} balances are not those of their entries")


async def post_one(servicer: LedgerServicer, transfer: ledger_pb2.Transfer) -> None:
    """As a caller in the same process."""
    answer = await servicer.PostTransfers(pb.PostTransfersRequest(transfers=[transfer]), None)  # type: ignore[arg-type]
    check(answer.outcomes[0].result == POSTED, f"refused: {answer.outcomes[0].reason}")


def bare(shape: Shape, count: int) -> list[Transfer]:
    """The same transfers as rows to be."""
    now = SystemClock().now()
    return [convert.transfer_from_proto(each, scope="service:bench", now=now) for each in transfers(shape, count)]


class Counted:
    """Makes the input of passes and remembers how much of it there was."""

    def __init__(self, make: Callable[[Shape, int], Sequence[Any]], shape: Shape, count: int) -> None:
        self.made = 0
        self._make, self._shape, self._count = make, shape, count

    def __call__(self) -> Sequence[Any]:
        self.made += self._count
        return self._make(self._shape, self._count)


async def compare(report: Report, server: Postgres, shape: Shape) -> None:
    """One shape of load, all three ways, each on a database of its own."""
    name = shape.__name__
    urls = [await servers.database(server, f"{name}_{kind}", "incentive") for kind in ("ledger", "limit", "rows")]
    for url in urls:
        await fund(url)
    db = Database.open(urls[0])
    servicer = LedgerServicer(db, SystemClock())
    made = [0, 0, 0]
    async with Bare.open(urls[1]) as limit, RowLocks.open(urls[2]) as rows:
        gatherer: Gatherer[Transfer, None] = Gatherer(limit.write, batch_max=1000, queue_max=20_000)
        for callers, count in {**FEWER, CALLERS: TRANSFERS}.items():
            alone = min(count, ALONE)
            counted = [Counted(transfers, shape, count), Counted(bare, shape, count), Counted(bare, shape, alone)]
            variants = {
                "ledger": called(counted[0], partial(post_one, servicer), callers),
                "limit": called(counted[1], gatherer.submit, callers),
                "rows": called(counted[2], rows.post, callers),
            }
            runs = await alternate(variants, Meter(postgres=server.pid))
            made = [before + each.made for before, each in zip(made, counted, strict=True)]
            tell_rates(report, f"{name}, {callers} callers" if callers > 1 else f"{name}, 1 caller", callers, runs)
        await gatherer.close()
    await servicer.close()
    await db.close()
    for url, total in zip(urls, made, strict=True):
        await verify(url, total)


def tell_rates(report: Report, name: str, callers: int, runs: Runs) -> None:
    """What came out of the three ways. The goal is for many callers: with one of them all ways wait for the disk."""
    ours = f"{runs.rate('ledger'):,.0f}/s, µs: {runs.costs('ledger')}"
    goal = 0.75 if callers == CALLERS else None
    report.ratio(f"{name}: of bare insert + update", runs.ratios("ledger", "limit"), at_least=goal, note=ours)
    theirs = f"{runs.rate('rows'):,.0f}/s, µs: {runs.costs('rows')}; limit µs: {runs.costs('limit')}"
    report.ratio(f"{name}: to a transaction per transfer", runs.ratios("ledger", "rows"), note=theirs)


async def run(report: Report) -> None:
    """Uniform load, then one hot account."""
    async with servers.postgres() as server:
        for shape in (uniform, hot):
            await compare(report, server, shape)
