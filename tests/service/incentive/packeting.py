"""Packets over gRPC, with a provider that does as it is told."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bowen.incentive.v1 import packet_pb2
from bowen.incentive.v1 import packet_service_pb2 as pb
from bowen.incentive.v1.packet_service_pb2_grpc import PacketServiceStub, add_PacketServiceServicer_to_server

from chassis.clock import Clock
from chassis.ids import new_id
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget
from services.incentive.packets.clients import Habits, Sender, Simulator
from services.incentive.packets.domain.payouts import Answer, Bill
from services.incentive.packets.servicer import PacketServicer
from tests.service.incentive.rewarding import Incentive, new
from tests.serving import serving

CNY = "cash.CNY"


@dataclass
class Packets:
    """Talks to packets, beside the service whose clock and ledger they have."""

    stub: PacketServiceStub
    sender: Sender
    provider: Simulator
    incentive: Incentive
    budget_id: UUID

    async def send(self, profile_id: str = "", **fields: Any) -> packet_pb2.Packet:
        given = {
            "request_id": new(),
            "profile_id": profile_id or new(),
            "budget_id": str(self.budget_id),
            "amount_minor": 500,
            "currency_code": "CNY",
        }
        request = pb.SendPacketRequest(**given | fields)
        return (await self.stub.SendPacket(request)).packet  # type: ignore[misc,no-any-return]

    async def get(self, packet_id: str) -> packet_pb2.Packet:
        return (await self.stub.GetPacket(pb.GetPacketRequest(packet_id=packet_id))).packet  # type: ignore[misc,no-any-return]

    async def state(self, packet: packet_pb2.Packet) -> str:
        """The packet's state after the sender was there."""
        await self.sender.tend()
        found = await self.get(packet.packet_id)
        return packet_pb2.Packet.State.Name(found.state).removeprefix("STATE_")

    async def refresh(self, bill_no: str) -> packet_pb2.Packet:
        return (await self.stub.RefreshPacket(pb.RefreshPacketRequest(bill_no=bill_no))).packet  # type: ignore[misc,no-any-return]

    async def withdraw(self, packet_id: str) -> packet_pb2.Packet:
        request = pb.WithdrawPacketRequest(request_id=new(), packet_id=packet_id, reason="sent by mistake")
        return (await self.stub.WithdrawPacket(request)).packet  # type: ignore[misc,no-any-return]

    async def committed(self) -> int:
        """What is reserved or spent of the budget."""
        async with self.incentive.db.read() as tx:
            return (await budget_store.find_budgets(tx, [self.budget_id]))[self.budget_id].committed

    async def balance(self, account: str) -> int:
        return await self.incentive.ledger.balance(account, CNY)

    def later(self, *, hours: float = 0, seconds: float = 0) -> None:
        self.incentive.clock.advance(hours * 3600 + seconds)


@asynccontextmanager
async def a_packets(incentive: Incentive, habits: Habits | None = None, file: str = "") -> AsyncIterator[Packets]:
    """Packets of a service whose budget holds a hundred yuan."""
    budget_id = new_id()
    await incentive.db.transact(lambda tx: budget_store.insert_budget(tx, Budget(budget_id, 10_000)))
    provider = Simulator(file, incentive.clock, habits)
    sender = Sender(incentive.db, incentive.clock, provider)
    servicer = PacketServicer(incentive.db, incentive.clock, sender)
    async with serving("incentive", incentive.clock, (add_PacketServiceServicer_to_server, servicer)) as client:
        yield Packets(PacketServiceStub(client), sender, provider, incentive, budget_id)
    provider.close()


class Dying(Simulator):
    """Pays, and takes the whole process along before anybody can write it down."""

    async def send(self, bill: Bill) -> Answer:
        await super().send(bill)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")


def dying(clock: Clock) -> Dying:
    """What `BOWEN_PAYOUT` names in the test that kills the program."""
    return Dying(os.environ["BOWEN_PAYOUT_BOOK"], clock)
