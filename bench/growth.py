"""What an event costs as the log grows, how long reading takes then, what useless user ids do (spec people, I3)."""

import asyncio
import time
from collections.abc import Iterator

import psutil
from bowen.profile.v1 import ingest_service_pb2 as pb

from bench import servers
from bench.growth_reads import Reads
from bench.harness import Meter, Report, check
from bench.ingest_load import Population, chunks, incoming
from bench.ingest_peers import counts
from chassis import lifecycle
from chassis.clock import SystemClock
from chassis.db import Database
from services.profile.ingest.servicer import IngestServicer
from services.profile.vault import domain as vaults
from services.profile.vault.domain import Vault

EVENTS = 20_000
"""At scale 1, for a minute; `--scale 250` are five million."""
TENTHS = 10
NEWCOMER_SHARE = 0.2
"""The same in every tenth: what a known person's event costs beside a newcomer's is not taken for growth."""
RPC_BATCH = 500
CALLERS = 4
STORM = 3_000
USELESS = ("null", "0", "test", "undefined")


async def run(report: Report) -> None:
    """Tenth by tenth, then reads, then a storm of useless ids."""
    async with servers.postgres() as server:
        url = await servers.database(server, "growth", "profile")
        db, clock = Database.open(url), SystemClock()
        vault = Vault(vaults.new_key(), {1: vaults.new_key()})
        ingest = IngestServicer(db, clock, vault)
        await _grow(report, ingest, Meter(postgres=server.pid))
        await Reads(report, db, clock, vault).measure(ingest, *await counts(url, "SELECT count(*) FROM profile"))
        await _storm(report, ingest, url)
        await ingest.close()
        await db.close()


async def _grow(report: Report, ingest: IngestServicer, meter: Meter) -> None:
    """The garbage collector is settled as in a service, and does not see what the generator holds."""
    events = int(EVENTS * report.scale)
    population = Population("grown", people=1, newcomer_share=NEWCOMER_SHARE, has_contacts=True)
    costs: list[float] = []
    for tenth in range(TENTHS):
        portions = chunks(population.events(events // TENTHS), RPC_BATCH)
        requests = iter([pb.IngestRequest(events=map(incoming, portion)) for portion in portions])
        lifecycle.settle()
        before = meter.read()
        await asyncio.gather(*(_hand_in(ingest, requests) for _ in range(CALLERS)))
        after = meter.read()
        spent = {who: (after[who] - before[who]) / (events // TENTHS) * 1e6 for who in after}
        costs.append(sum(spent.values()))
        told = ", ".join(f"{who} {micros:.0f}" for who, micros in spent.items())
        told += f"; memory {psutil.Process().memory_info().rss >> 20:,} MB"
        report.tell(f"growth: at {events // TENTHS * (tenth + 1):,} events, CPU µs/event: {told}")
    report.bound("CPU per event, last tenth / second", [costs[-1] / costs[1]], at_most=1.5, unit="x")


async def _hand_in(ingest: IngestServicer, requests: Iterator[pb.IngestRequest]) -> None:
    for request in requests:
        answer = await ingest.Ingest(request, None)
        check(all(each.result != pb.IngestOutcome.RESULT_REJECTED for each in answer.outcomes), "rejected")


async def _storm(report: Report, ingest: IngestServicer, url: str) -> None:
    """Everybody has a phone of their own and a useless user id: as many people as phones, and no merge."""
    people, merges = await counts(url, "SELECT count(*) FROM profile", "SELECT count(*) FROM merge")
    events = [
        pb.IncomingEvent(
            message_id=f"storm-{number}",
            type="EVENT_TYPE_IDENTIFY",
            user_id=USELESS[number % len(USELESS)],
            traits=f'{{"phone": "139{number:08}"}}',
            source_id="storm",
            trust="TRUST_SERVER",
        )
        for number in range(STORM)
    ]
    started = time.perf_counter()
    for portion in chunks(events, RPC_BATCH):
        await ingest.Ingest(pb.IngestRequest(events=portion), None)
    rate = STORM / (time.perf_counter() - started)
    now, merged = await counts(url, "SELECT count(*) FROM profile", "SELECT count(*) FROM merge")
    check((now - people, merged - merges) == (STORM, 0), f"{now - people} people, {merged - merges} merges")
    report.ratio("3,000 useless ids, each with a phone: 3,000 people, 0 merges", [rate], unit="events/s")
