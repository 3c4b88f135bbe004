"""Audits over gRPC, beside the ledger that they are about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bowen.incentive.v1 import audit_pb2
from bowen.incentive.v1 import audit_service_pb2 as pb
from bowen.incentive.v1.audit_service_pb2_grpc import AuditServiceStub, add_AuditServiceServicer_to_server
from bowen.wire.v1 import envelope_pb2

from chassis.client import Client
from chassis.clock import FixedClock
from chassis.db import driver
from chassis.ids import new_id
from chassis.server import Server
from services.incentive.audits.servicer import AuditServicer
from tests.service.incentive.ledgering import Ledger


@dataclass
class Audits:
    """Talks to audits."""

    stub: AuditServiceStub
    servicer: AuditServicer
    ledger: Ledger
    clock: FixedClock

    async def seals(self) -> list[audit_pb2.Seal]:
        """The oldest first."""
        return list(reversed((await self.stub.ListSeals(pb.ListSealsRequest())).seals))  # type: ignore[misc]

    async def verify(self, first_day: str, last_day: str) -> tuple[int, str]:
        request = pb.VerifySealsRequest(first_day=first_day, last_day=last_day)
        response = await self.stub.VerifySeals(request)  # type: ignore[misc]
        return response.verified_count, response.broken_day

    async def prove(self) -> list[audit_pb2.Proof]:
        """Prove the whole ledger, however many calls it takes."""
        request_id, progress_bp = str(new_id()), 0
        while progress_bp < 10_000:
            proofs, progress_bp = await self.proved(request_id)
        return proofs

    async def proofs(self) -> list[audit_pb2.Proof]:
        """The newest first."""
        return list((await self.stub.ListProofs(pb.ListProofsRequest())).proofs)  # type: ignore[misc]

    async def proved(self, request_id: str) -> tuple[list[audit_pb2.Proof], int]:
        """What a proof has come to, and how far it has."""
        response = await self.stub.ProveLedger(pb.ProveLedgerRequest(request_id=request_id))  # type: ignore[misc]
        return list(response.proofs), response.progress_bp

    async def next_day(self) -> None:
        """A day later, sealed."""
        self.clock.advance(24 * 3600)
        await self.servicer.seal()

    async def execute(self, statement: str, *values: Any) -> None:
        await self.ledger.db.transact(lambda tx: _execute(tx, statement, *values))

    async def told(self, kind: str) -> list[bytes]:
        """What waits in the outbox of one kind of events."""
        query = "SELECT payload FROM outbox WHERE subject LIKE '%' || $1 || '.%' ORDER BY outbox_id"
        async with self.ledger.db.read() as tx:
            rows = await (await driver(tx)).fetch(query, kind)
        batches = [envelope_pb2.EventBatch.FromString(row[0]) for row in rows]
        return [event.payload for batch in batches for event in batch.events]


async def _execute(tx: Any, statement: str, *values: Any) -> None:
    await (await driver(tx)).execute(statement, *values)


@asynccontextmanager
async def audits_of(ledger: Ledger, clock: FixedClock, **options: Any) -> AsyncIterator[Audits]:
    """Audits of a ledger, served on a free port."""
    servicer = AuditServicer(ledger.db, clock, time_zone="Asia/Shanghai", **options)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=clock)
    server.add(add_AuditServiceServicer_to_server, servicer)
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=20.0, forward_caller=True) as client:
        yield Audits(AuditServiceStub(client), servicer, ledger, clock)
    await server.stop(0)
