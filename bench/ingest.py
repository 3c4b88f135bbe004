"""Events per second with repeats dropped, identities resolved and facts told, against COPY of the rows it writes."""

import base64
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from bowen.profile.v1 import ingest_service_pb2 as pb
from bowen.profile.v1.ingest_service_pb2_grpc import IngestServiceStub

from bench import servers
from bench.harness import Report, Runs, Variant, alternate, called, check
from bench.http import Http
from bench.ingest_load import WHEN, Event, Population, chunks, incoming
from bench.ingest_peers import Copy, counts
from chassis import lifecycle
from chassis.client import Client
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import new_id
from services.profile.ingest import convert, operations
from services.profile.ingest.servicer import EVENTS_PER_TRANSACTION_MAX, IngestServicer
from services.profile.vault import domain as vaults
from services.profile.vault.domain import Vault

EVENTS = 7_500
EVENTS_ALONE = 200
RPC_BATCH = 500
RPC_CALLERS = 4
HTTP_BATCH = 100
HTTP_CALLERS = 20

Call = Callable[[pb.IngestRequest], Awaitable[pb.IngestResponse]]

REJECTED = pb.IngestOutcome.RESULT_REJECTED


def requests(population: Population) -> list[pb.IngestRequest]:
    """A pass as batches of the contract."""
    return [pb.IngestRequest(events=map(incoming, chunk)) for chunk in chunks(population.events(EVENTS), RPC_BATCH)]


def in_turn(*calls: Call) -> Call:
    """Hands each request to the next of several processes of the service."""
    turn = itertools.cycle(calls)
    return lambda request: next(turn)(request)


async def ingest(call: Call, request: pb.IngestRequest) -> None:
    """Hand in one batch, and look at every outcome."""
    answer = await call(request)
    check(len(answer.outcomes) == len(request.events), "outcomes are missing")
    check(all(each.result != REJECTED for each in answer.outcomes), "an event was rejected")


async def one_by_one(db: Database, vault: Vault, event: Event) -> None:
    """The same operation with a transaction of its own."""
    now, items = SystemClock().now(), [convert.incoming_from_proto(incoming(event))]
    judged = operations.judge(items, now=now)
    (outcome,) = await db.transact(lambda tx: operations.ingest(tx, items, judged, vault=vault, now=now))
    check(outcome.refusal is None, "an event was rejected")


def bodies(http: Http, write_key: str, population: Population) -> list[bytes]:
    """A pass as HTTP requests."""
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    return [
        http.request("POST", "/v1/batch", _body(chunk), authorization=f"Basic {credentials}")
        for chunk in chunks(population.events(EVENTS), HTTP_BATCH)
    ]


def _body(events: Sequence[Event]) -> bytes:
    return json.dumps({"batch": events, "sentAt": WHEN}).encode()


async def post(http: Http, request: bytes) -> None:
    """Send one batch."""
    status, answer = await http.ask(request)
    check(status == 200 and b"rejected" not in answer.lower().replace(b'"rejected":[]', b""), f"{status} {answer!r}")


async def verify(url: str, *populations: Population, told: bool) -> None:
    """What was accepted is stored once, people are those of an independent union-find, and every event was told of."""
    events, messages, people, recorded = await counts(
        url,
        "SELECT count(*) FROM event",
        "SELECT count(*) FROM message",
        "SELECT (SELECT count(*) FROM profile) - (SELECT count(*) FROM redirect)",
        "SELECT sum(event_count) FROM outbox WHERE subject LIKE '%event.recorded%'",
    )
    distinct = sum(each.distinct for each in populations)
    wanted = sum(each.people for each in populations)
    check(events == messages == distinct, f"{distinct} events were sent, {events} stored, {messages} noted")
    check(people == wanted, f"{wanted} people were there, {people} were found")
    check(not told or recorded == distinct, f"{recorded} events of {distinct} were told of")


async def write_key(http: Http) -> str:
    """A key that may send events."""
    headers = {"authorization": f"Bearer {servers.ROOT_KEY}", "idempotency_key": str(new_id())}
    answer = await http.json("POST", "/v1/write-keys", {"name": "bench", "trust": "SERVER"}, **headers)
    return str(answer["write_key"]["write_key"])


async def run(report: Report) -> None:
    """In this process, over gRPC, over HTTP; the limit; and event by event."""
    async with servers.suite("profile", "gateway", tell=report.tell, twice=["profile"]) as suite:
        here, copied, alone = [
            await servers.database(suite.server, name, "profile") for name in ("here", "copied", "alone")
        ]
        db, db_alone = Database.open(here), Database.open(alone)
        vault = Vault(vaults.new_key(), {1: vaults.new_key()})
        servicer, http = IngestServicer(db, SystemClock(), vault), Http(suite.url)
        local, remote, shared, web, single = map(Population, ("local", "remote", "shared", "web", "single"))
        key = await write_key(http)

        async def in_process(request: pb.IngestRequest) -> pb.IngestResponse:
            return await servicer.Ingest(request, None)

        async with (
            Copy.between(here, copied) as copy,
            Client.connect(suite.targets["profile"], name="bench", timeout_s=30.0) as client,
            Client.connect(suite.targets[servers.second("profile")], name="bench", timeout_s=30.0) as other,
        ):
            one, two = IngestServiceStub(client).Ingest, IngestServiceStub(other).Ingest
            both = in_turn(one, two)
            portions = EVENTS // EVENTS_PER_TRANSACTION_MAX
            lifecycle.settle()
            variants: dict[str, Variant[Any]] = {
                "in process": called(partial(requests, local), partial(ingest, in_process), RPC_CALLERS, items=EVENTS),
                "COPY": called(partial(copy.gained, portions), copy.write, 2, items=EVENTS),
                "gRPC": called(partial(requests, remote), partial(ingest, one), RPC_CALLERS, items=EVENTS),
                "gRPC, two": called(partial(requests, shared), partial(ingest, both), 2 * RPC_CALLERS, items=EVENTS),
                "HTTP": called(partial(bodies, http, key, web), partial(post, http), HTTP_CALLERS, items=EVENTS),
                "one by one": called(partial(single.events, EVENTS_ALONE), partial(one_by_one, db_alone, vault), 1),
            }
            runs = await alternate(variants, suite.meter())
        http.close()
        await servicer.close()
        await db.close()
        await db_alone.close()
        await verify(here, local, told=True)
        await verify(alone, single, told=True)
        await verify(suite.databases["profile"], remote, shared, web, told=False)
        tell(report, runs)


def tell(report: Report, runs: Runs) -> None:
    """What came out."""

    def note(name: str) -> str:
        return f"{runs.rate(name):,.0f} events/s, CPU µs/event: {runs.costs(name)}"

    report.ratio("HTTP in batches of 100: of COPY", runs.ratios("HTTP", "COPY"), at_least=0.35, note=note("HTTP"))
    for name, workers in (("gRPC", "one process"), ("gRPC, two", "two processes on one database")):
        report.ratio(f"gRPC in batches of 500, {workers}: of COPY", runs.ratios(name, "COPY"), note=note(name))
    report.ratio("in process, batches of 500: of COPY", runs.ratios("in process", "COPY"), note=note("in process"))
    limit = f"COPY {note('COPY')}; alone {note('one by one')}"
    report.ratio("HTTP: to a transaction per event", runs.ratios("HTTP", "one by one"), at_least=50, note=limit)
    rates = [each.rate for each in runs.passes["HTTP"]]
    report.ratio("HTTP, everything on, all on two cores", rates, at_least=3000, unit="events/s")
