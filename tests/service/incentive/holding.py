"""Holds over gRPC, beside the ledger that they move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bowen.incentive.v1 import hold_pb2
from bowen.incentive.v1 import hold_service_pb2 as pb
from bowen.incentive.v1.hold_service_pb2_grpc import HoldServiceStub, add_HoldServiceServicer_to_server

from chassis.client import Client
from chassis.clock import FixedClock
from chassis.ids import new_id
from chassis.server import Server
from services.incentive.holds.servicer import HoldServicer
from tests.service.incentive.ledgering import Ledger, member


@dataclass
class Holds:
    """Talks to holds. Amounts are points."""

    stub: HoldServiceStub
    servicer: HoldServicer
    ledger: Ledger
    clock: FixedClock

    async def place(self, profile_id: str, amount: int, *, ttl: int = 0, request_id: str = "") -> hold_pb2.Hold:
        request = pb.PlaceHoldRequest(
            request_id=request_id or str(new_id()),
            profile_id=profile_id,
            asset="points",
            amount=amount,
            ttl_seconds=ttl,
            reference="order A-17",
        )
        return (await self.stub.PlaceHold(request)).hold  # type: ignore[misc,no-any-return]

    async def capture(self, hold_id: str, amount: int, *, request_id: str = "") -> hold_pb2.Hold:
        request = pb.CaptureHoldRequest(request_id=request_id or str(new_id()), hold_id=hold_id, amount=amount)
        return (await self.stub.CaptureHold(request)).hold  # type: ignore[misc,no-any-return]

    async def void(self, hold_id: str) -> hold_pb2.Hold:
        request = pb.VoidHoldRequest(request_id=str(new_id()), hold_id=hold_id)
        return (await self.stub.VoidHold(request)).hold  # type: ignore[misc,no-any-return]

    async def refund(self, hold_id: str, amount: int, *, request_id: str = "") -> hold_pb2.Hold:
        request = pb.RefundHoldRequest(request_id=request_id or str(new_id()), hold_id=hold_id, amount=amount)
        return (await self.stub.RefundHold(request)).hold  # type: ignore[misc,no-any-return]

    async def get(self, hold_id: str) -> hold_pb2.Hold:
        return (await self.stub.GetHold(pb.GetHoldRequest(hold_id=hold_id))).hold  # type: ignore[misc,no-any-return]

    async def stands(self, profile_id: str) -> tuple[int, int]:
        """What of the person's is available, and what is held."""
        balances = [await self.ledger.balance(member(kind, profile_id)) for kind in ("available", "held")]
        return balances[0], balances[1]


@asynccontextmanager
async def a_holds(ledger: Ledger, clock: FixedClock) -> AsyncIterator[Holds]:
    """Holds on a ledger's database, served on a free port."""
    servicer = HoldServicer(ledger.db, clock)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=clock)
    server.add(add_HoldServiceServicer_to_server, servicer)
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=20.0, forward_caller=True) as client:
        yield Holds(HoldServiceStub(client), servicer, ledger, clock)
    await server.stop(0)
