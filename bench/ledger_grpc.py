"""Transfers per second through `PostTransfers` in batches over gRPC, against callers in the service's own process."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from bowen.incentive.v1 import ledger_pb2
from bowen.incentive.v1 import ledger_service_pb2 as pb
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub

from bench import servers
from bench.harness import Report, Variant, alternate, called, check
from bench.ingest_load import chunks
from bench.ledger import CALLERS, POSTED, TRANSFERS, Counted, fund, hot, post_one, transfers, uniform, verify
from chassis.client import Client
from chassis.clock import SystemClock
from chassis.db import Database
from services.incentive.ledger.servicer import LedgerServicer

BATCH = 64
CLIENTS = 2


async def post(stub: LedgerServiceStub, batch: Sequence[ledger_pb2.Transfer]) -> None:
    """As another component, a batch a call."""
    answer = await stub.PostTransfers(pb.PostTransfersRequest(transfers=batch))  # type: ignore[misc]
    check(len(answer.outcomes) == len(batch), "outcomes are missing")
    check(all(each.result == POSTED for each in answer.outcomes), "a transfer was refused")


async def run(report: Report) -> None:
    """Two clients of the service as it runs, and as many callers as in the other bench beside it."""
    async with servers.suite("incentive", tell=report.tell) as suite:
        here = await servers.database(suite.server, "here", "incentive")
        await fund(here)
        await fund(suite.databases["incentive"])
        db = Database.open(here)
        servicer = LedgerServicer(db, SystemClock())
        made = {"in process": 0, "gRPC": 0}
        async with Client.connect(suite.targets["incentive"], name="bench", timeout_s=20.0) as client:
            stub = LedgerServiceStub(client)
            for shape in (uniform, hot):
                ours, theirs = Counted(transfers, shape, TRANSFERS), Counted(transfers, shape, TRANSFERS)
                variants: dict[str, Variant[Any]] = {
                    "in process": called(ours, partial(post_one, servicer), CALLERS),
                    "gRPC": called(partial(_batches, theirs), partial(post, stub), CLIENTS, items=TRANSFERS),
                }
                runs = await alternate(variants, suite.meter())
                made["in process"] += ours.made
                made["gRPC"] += theirs.made
                note = f"{runs.rate('gRPC'):,.0f}/s, CPU µs: {runs.costs('gRPC')}"
                ratios = runs.ratios("gRPC", "in process")
                report.ratio(f"{shape.__name__}: of {CALLERS} callers in process", ratios, at_least=0.6, note=note)
        await servicer.close()
        await db.close()
        await verify(here, made["in process"])
        await verify(suite.databases["incentive"], made["gRPC"])


def _batches(make: Counted) -> list[Sequence[ledger_pb2.Transfer]]:
    return chunks(make(), BATCH)
