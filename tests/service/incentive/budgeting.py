"""Budgets over gRPC, served by several replicas on one database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bowen.incentive.v1 import budget_pb2, events_pb2
from bowen.incentive.v1 import budget_service_pb2 as pb
from bowen.incentive.v1.budget_service_pb2_grpc import BudgetServiceStub, add_BudgetServiceServicer_to_server
from bowen.wire.v1 import envelope_pb2

from chassis.clock import Clock
from chassis.db import Database, driver
from chassis.ids import new_id
from services.incentive.budgets import operations
from services.incentive.budgets.domain import Want
from services.incentive.budgets.servicer import BudgetServicer
from tests.serving import serving

Kind, Period, Status = budget_pb2.Budget.Kind, budget_pb2.Budget.Period, budget_pb2.Budget.Status
Reservation = budget_pb2.Reservation
TENANT, PROGRAMME, CAMPAIGN = Kind.KIND_TENANT, Kind.KIND_PROGRAMME, Kind.KIND_CAMPAIGN
STORE, REGION = Kind.KIND_STORE, Kind.KIND_REGION
OPEN, EXHAUSTED, KILLED = Status.STATUS_OPEN, Status.STATUS_EXHAUSTED, Status.STATUS_KILLED
OVER_CAP = Status.STATUS_OVER_CAP_BY_CHANGE


def new() -> str:
    return str(new_id())


def a_budget(cap: int, parent: str = "", **fields: Any) -> pb.CreateBudgetRequest:
    """A campaign's budget of points."""
    defaults = {"request_id": new(), "parent_id": parent, "kind": CAMPAIGN, "name": "Spring", "cap": cap}
    if not parent:
        defaults["asset"] = "points"
    return pb.CreateBudgetRequest(**defaults | fields)


@dataclass
class Replica:
    """One process: a servicer with a pool of its own."""

    db: Database
    stub: BudgetServiceStub
    servicer: BudgetServicer

    async def create(self, cap: int, parent: str = "", **fields: Any) -> str:
        created = await self.stub.CreateBudget(a_budget(cap, parent, **fields))  # type: ignore[misc]
        return str(created.budget.budget_id)

    async def get(self, budget_id: str) -> budget_pb2.Budget:
        return (await self.stub.GetBudget(pb.GetBudgetRequest(budget_id=budget_id))).budget  # type: ignore[misc,no-any-return]

    async def committed(self, budget_id: str) -> int:
        return (await self.get(budget_id)).committed

    async def kill(self, budget_id: str, *, killed: bool = True) -> budget_pb2.Budget:
        request = pb.SetKillSwitchRequest(request_id=new(), budget_id=budget_id, killed=killed)
        return (await self.stub.SetKillSwitch(request)).budget  # type: ignore[misc,no-any-return]

    async def cap(self, budget_id: str, cap: int) -> budget_pb2.Budget:
        request = pb.UpdateBudgetCapRequest(request_id=new(), budget_id=budget_id, cap=cap)
        return (await self.stub.UpdateBudgetCap(request)).budget  # type: ignore[misc,no-any-return]

    async def board(self, budget_id: str) -> pb.GetBudgetBoardResponse:
        return await self.stub.GetBudgetBoard(pb.GetBudgetBoardRequest(budget_id=budget_id))  # type: ignore[misc,no-any-return]

    async def alarms(self) -> list[events_pb2.BudgetAlarmRaised]:
        """The alarms that wait in the outbox."""
        payloads = await self.rows("SELECT payload FROM outbox ORDER BY outbox_id")
        events = [event for (payload,) in payloads for event in envelope_pb2.EventBatch.FromString(payload).events]
        return [events_pb2.BudgetAlarmRaised.FromString(event.payload) for event in events]

    async def reserve(self, budget_id: str, amount: int, *, request_id: str = "", **fields: Any) -> Reservation:
        request = pb.ReserveBudgetRequest(
            request_id=request_id or new(), budget_id=budget_id, amount=amount, reference="A-17", **fields
        )
        return (await self.stub.ReserveBudget(request)).reservation  # type: ignore[misc,no-any-return]

    async def commit(self, reservation_id: str) -> Reservation:
        request = pb.CommitReservationRequest(request_id=new(), reservation_id=reservation_id)
        return (await self.stub.CommitReservation(request)).reservation  # type: ignore[misc,no-any-return]

    async def release(self, reservation_id: str) -> Reservation:
        request = pb.ReleaseReservationRequest(request_id=new(), reservation_id=reservation_id)
        return (await self.stub.ReleaseReservation(request)).reservation  # type: ignore[misc,no-any-return]

    async def stands(self, budget_id: str) -> tuple[int, int]:
        """What is committed and reserved."""
        budget = await self.get(budget_id)
        return budget.committed, budget.reserved

    async def spend(self, budget_id: str, *amounts: int, scope: Any = ()) -> list[bool]:
        """What others of the service do in their own transactions."""
        wants = [Want(UUID(budget_id), amount, scope) for amount in amounts]
        return await self.db.transact(lambda tx: operations.reserve_all(tx, wants))

    async def put_back(self, budget_id: str, amount: int, **fields: Any) -> None:
        wants = [Want(UUID(budget_id), amount, **fields)]
        await self.db.transact(lambda tx: operations.release_all(tx, wants))

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        async with self.db.read() as tx:
            return [tuple(row) for row in await (await driver(tx)).fetch(query, *arguments)]


@asynccontextmanager
async def replicas(url: str, *clocks: Clock) -> AsyncIterator[Sequence[Replica]]:
    """As many processes as clocks, on one database."""
    async with AsyncExitStack() as stack:
        made = []
        for clock in clocks:
            db = Database.open(url, pool_max=4, lock_seconds_max=30.0)
            stack.push_async_callback(db.close)
            servicer = BudgetServicer(db, clock)
            stack.push_async_callback(servicer.close)
            added = (add_BudgetServiceServicer_to_server, servicer)
            client = await stack.enter_async_context(serving("incentive", clock, added, timeout_s=100.0))
            made.append(Replica(db, BudgetServiceStub(client), servicer))
        yield made
