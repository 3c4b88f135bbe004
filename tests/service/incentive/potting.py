"""Pots over gRPC, beside the service whose clock and ledger they have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bowen.incentive.v1 import pot_pb2
from bowen.incentive.v1 import pot_service_pb2 as pb
from bowen.incentive.v1.pot_service_pb2_grpc import PotServiceStub, add_PotServiceServicer_to_server

from chassis.client import Client
from chassis.db import Tx, driver
from chassis.ids import new_id
from chassis.server import Server
from chassis.stamps import stamp
from services.incentive.pots.domain.points import Point
from services.incentive.pots.servicer import PotServicer
from services.incentive.pots.store import score
from tests.service.incentive.rewarding import NOON, Incentive, new

WEEK = timedelta(days=7)
SHARED = "Drink Shared"


@dataclass
class Pots:
    """Talks to pots, beside the service whose clock and ledger they have."""

    stub: PotServiceStub
    servicer: PotServicer
    incentive: Incentive

    async def create(self, **fields: Any) -> str:
        given = {
            "request_id": new(),
            "name": "the week",
            "event_name": SHARED,
            "score_min": 1,
            "asset": "cash.CNY",
            "top_count": 1,
            "top_amount": 200,
            "shared_pool": 1_000,
            "start_time": stamp(NOON),
            "end_time": stamp(NOON + WEEK),
        }
        response = await self.stub.CreatePot(pb.CreatePotRequest(**given | fields))  # type: ignore[misc]
        return str(response.pot.pot_id)

    async def shared(self, profile_id: str, *, times: int = 1, at: datetime = NOON) -> None:
        points = [Point(new_id(), SHARED, profile_id, at + timedelta(seconds=number)) for number in range(times)]
        await self.incentive.db.transact(lambda tx: score(tx, points))

    async def shared_by(self, people: list[str]) -> None:
        """Each once, at the same moment."""
        points = [Point(new_id(), SHARED, profile_id, NOON) for profile_id in people]
        await self.incentive.db.transact(lambda tx: score(tx, points))

    async def forget_tree(self) -> None:
        async def work(tx: Tx) -> None:
            await (await driver(tx)).execute("DELETE FROM pot_node")

        await self.incentive.db.transact(work)

    async def freeze(self, pot_id: str) -> pot_pb2.Pot:
        request = pb.FreezePotRequest(request_id=new(), pot_id=pot_id)
        return (await self.stub.FreezePot(request)).pot  # type: ignore[misc,no-any-return]

    async def void(self, pot_id: str) -> pot_pb2.Pot:
        request = pb.VoidPotRequest(request_id=new(), pot_id=pot_id)
        return (await self.stub.VoidPot(request)).pot  # type: ignore[misc,no-any-return]

    async def settle(self, pot_id: str) -> pot_pb2.Pot:
        await self.stub.SettlePot(pb.SettlePotRequest(request_id=new(), pot_id=pot_id))  # type: ignore[misc]
        await self.servicer.pay()
        return await self.get(pot_id)

    async def get(self, pot_id: str) -> pot_pb2.Pot:
        return (await self.stub.GetPot(pb.GetPotRequest(pot_id=pot_id))).pot  # type: ignore[misc,no-any-return]

    async def share(self, pot_id: str, profile_id: str) -> pot_pb2.PotShare:
        request = pb.GetPotShareRequest(pot_id=pot_id, profile_id=profile_id)
        return (await self.stub.GetPotShare(request)).share  # type: ignore[misc,no-any-return]

    async def shares(self, pot_id: str, profile_id: str) -> list[pot_pb2.PotShare]:
        """All that a merged person has."""
        request = pb.GetPotShareRequest(pot_id=pot_id, profile_id=profile_id)
        found = await self.stub.GetPotShare(request)  # type: ignore[misc]
        return [found.share, *found.other_shares]

    async def disqualify(self, pot_id: str, profile_id: str) -> pot_pb2.PotShare:
        request = pb.DisqualifyPotWinnerRequest(
            request_id=new(), pot_id=pot_id, profile_id=profile_id, reason="refunded"
        )
        return (await self.stub.DisqualifyPotWinner(request)).share  # type: ignore[misc,no-any-return]

    async def claim(self, pot_id: str, profile_id: str, level: int, request_id: str = "") -> pot_pb2.PotClaim:
        request = pb.ClaimPotLevelRequest(
            request_id=request_id or new(), pot_id=pot_id, profile_id=profile_id, level=level
        )
        return (await self.stub.ClaimPotLevel(request)).claim  # type: ignore[misc,no-any-return]

    async def standing(self, pot_id: str, profile_id: str) -> pot_pb2.PotStanding:
        request = pb.GetPotStandingRequest(pot_id=pot_id, profile_id=profile_id)
        return (await self.stub.GetPotStanding(request)).standing  # type: ignore[misc,no-any-return]

    async def cash(self, profile_id: str, kind: str = "available") -> int:
        return await self.incentive.ledger.balance(f"member/{profile_id}/{kind}", "cash.CNY")

    def over(self) -> None:
        """The week and its grace are over."""
        self.incentive.clock.advance((WEEK + timedelta(days=1)).total_seconds())


@asynccontextmanager
async def a_pots(incentive: Incentive) -> AsyncIterator[Pots]:
    servicer = PotServicer(incentive.db, incentive.clock)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=incentive.clock)
    server.add(add_PotServiceServicer_to_server, servicer)
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=60.0, forward_caller=True) as client:
        yield Pots(PotServiceStub(client), servicer, incentive)
    await server.stop(0)
