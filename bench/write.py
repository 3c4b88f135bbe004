"""POST of an order through the gateway, durable when answered, against a FastAPI monolith with SQLAlchemy's ORM."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from bench import orders, servers
from bench.harness import Report, Runs, Variant, alternate, called, check
from bench.http import Http
from bench.ingest_peers import counts
from chassis.ids import new_id
from suite.embedded import Postgres
from suite.supervisor import Component

REQUESTS = {32: 800, 8: 400, 1: 100}
GOALS = {32: 8.0, 8: 4.0, 1: 1.0}
P99_MAX = 0.25
BUYERS = 200
OURS = "INSERT INTO profile (profile_id, create_time) SELECT id, now() FROM unnest($1::uuid[]) AS known (id)"
THEIRS = "INSERT INTO profile (profile_id) SELECT id FROM unnest($1::uuid[]) AS known (id)"


class Buyers:
    """People who are known on both sides."""

    def __init__(self) -> None:
        self.ids = [new_id() for _ in range(BUYERS)]
        self.placed = 0

    async def make_known(self, url: str, statement: str) -> None:
        """Make them known where an order's buyer is looked up."""
        connection = await asyncpg.connect(url)
        await connection.execute(statement, self.ids)
        await connection.close()

    def requests(self, http: Http, count: int) -> list[bytes]:
        """Orders of theirs."""
        self.placed += count
        buyers = [{"profile_id": str(self.ids[number % BUYERS])} for number in range(count)]
        return [orders.post(http, orders.order(buyer=buyer)) for buyer in buyers]


def processes(_folder: Path, server: Postgres) -> list[Component]:
    """The monolith, on a database of its own on the same server."""
    return [servers.peer("monolith", "bench.monolith", server.url("monolith"))]


async def run(report: Report) -> None:
    """Many callers, some, one."""
    names = ("profile", "distribution", "gateway")
    async with servers.suite(*names, tell=report.tell, beside=processes, databases=("monolith",)) as suite:
        monolith = suite.server.url("monolith")
        both = {name: Http(f"http://{suite.targets[name]}") for name in ("gateway", "monolith")}
        buyers = {name: Buyers() for name in both}
        await buyers["gateway"].make_known(suite.databases["profile"], OURS)
        await buyers["monolith"].make_known(monolith, THEIRS)
        for callers, count in REQUESTS.items():
            variants: dict[str, Variant[Any]] = {
                name: called(partial(buyers[name].requests, http, count), partial(orders.asked, http), callers)
                for name, http in both.items()
            }
            tell(report, callers, await alternate(variants, suite.meter()))
        await verify(suite.databases["distribution"], buyers["gateway"].placed, ("orders", "order_line"))
        await verify(monolith, buyers["monolith"].placed, ('"order"', "order_line"))


async def verify(url: str, placed: int, tables: Sequence[str]) -> None:
    """Every order is there, with all its lines."""
    head, lines = await counts(url, *(f"SELECT count(*) FROM {table}" for table in tables))
    check(head == placed and lines == 4 * placed, f"{placed} orders were placed, {head} with {lines} lines are there")


def tell(report: Report, callers: int, runs: Runs) -> None:
    """What came out."""
    note = "; ".join(
        f"{name} {runs.rate(name):,.0f}/s, p50 {runs.latency(name, 0.5) * 1e3:.1f} ms, CPU µs {runs.costs(name)}"
        for name in runs.passes
    )
    ratios = runs.ratios("gateway", "monolith")
    report.ratio(f"{callers} callers: to FastAPI + ORM", ratios, at_least=GOALS[callers], note=note)
    p99 = [a.latency(0.99) / b.latency(0.99) for a, b in zip(*runs.passes.values(), strict=True)]
    report.bound(f"{callers} callers: p99 to FastAPI + ORM", p99, at_most=P99_MAX if callers > 1 else None, unit="x")
