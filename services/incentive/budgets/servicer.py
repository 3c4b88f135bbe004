"""The gRPC face of budgets."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import budget_pb2
from bowen.incentive.v1 import budget_service_pb2 as pb
from bowen.incentive.v1.budget_service_pb2_grpc import BudgetServiceServicer

from chassis import pagination
from chassis.batch import Gatherer
from chassis.caller import current
from chassis.clock import Clock, SandboxClock, sandbox_now
from chassis.db import Database, ReadTx, Tx, violated
from chassis.errors import Conflict, Refusal
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.budgets import convert, operations, store
from services.incentive.budgets.domain import Budget, Kind
from services.incentive.budgets.domain.reservations import Order, Reservation, Verdict
from services.incentive.budgets.domain.tallies import Tallied, start_of
from services.incentive.budgets.errors import BudgetNotFound
from services.incentive.subjects import store as subjects

BATCH_MAX = 500
QUEUE_MAX = 20_000
CLASHES_MAX = 5

Context = grpc.aio.ServicerContext[Any, Any]


class BudgetServicer(BudgetServiceServicer):
    """Budgets are the brand's: a caller that is bound to a store may only read those of its own store."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._orders = Gatherer(self._reserve, batch_max=BATCH_MAX, queue_max=QUEUE_MAX)
        self._verdicts = Gatherer(self._resolve, batch_max=BATCH_MAX, queue_max=QUEUE_MAX)

    async def close(self) -> None:
        """Finish what was handed in."""
        await self._orders.close()
        await self._verdicts.close()

    async def tend(self) -> None:
        """Put back what nobody committed, count leases that are over, add to tallies."""
        with self._moment():
            while await self._db.transact(operations.lapse_some):
                pass
            await self._db.transact(operations.fold_some)
            while await self._db.transact(operations.add_notes):
                pass

    async def look(self) -> None:
        """Look at how budgets are being spent."""
        with self._moment():
            await self._db.transact(operations.look)

    def _moment(self) -> AbstractContextManager[None]:
        """The time of work that nobody asked for: in a sandbox it brings none along."""
        return self._clock.use(self._clock.now()) if isinstance(self._clock, SandboxClock) else nullcontext()

    async def _reserve(self, orders: Sequence[Order]) -> list[Reservation | Refusal]:
        """Decide together; when another replica decides one of the requests at the same moment, look again."""
        for _ in range(CLASHES_MAX):
            try:
                return await self._db.transact(lambda tx: operations.reserve(tx, orders))
            except Exception as error:
                if violated(error) != store.DECIDED_ELSEWHERE:
                    raise
        raise Conflict("the same requests kept being decided elsewhere")

    async def _resolve(self, verdicts: Sequence[Verdict]) -> list[Reservation | Refusal]:
        return await self._db.transact(lambda tx: operations.resolve(tx, verdicts))

    async def CreateBudget(self, request: pb.CreateBudgetRequest, context: Context) -> pb.CreateBudgetResponse:
        subjects.check_brand(current().caller)
        budget = convert.budget_from_proto(request, budget_id=new_id())
        parent_id = UUID(request.parent_id) if request.parent_id else None

        async def work(tx: Tx) -> pb.CreateBudgetResponse:
            created = await operations.create_budget(tx, budget, parent_id)
            return pb.CreateBudgetResponse(budget=await _described(tx, created))

        return await once(self._db, request, work, pb.CreateBudgetResponse)

    async def GetBudget(self, request: pb.GetBudgetRequest, context: Context) -> pb.GetBudgetResponse:
        async with self._db.read() as tx:
            budget = await store.get_budget(tx, UUID(request.budget_id))
            _check_own(budget, current().caller.store_id)
            return pb.GetBudgetResponse(budget=await _described(tx, budget))

    async def ListBudgets(self, request: pb.ListBudgetsRequest, context: Context) -> pb.ListBudgetsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        parent_id = UUID(request.parent_id) if request.parent_id else None
        async with self._db.read() as tx:
            found = await store.list_budgets(
                tx, parent_id=parent_id, store_id=current().caller.store_id, after=after, limit=size + 1
            )
            page, token = pagination.cut(request, found, size, lambda budget: [str(budget.budget_id)])
            return pb.ListBudgetsResponse(budgets=await _all_described(tx, page), next_page_token=token)

    async def GetBudgetBoard(self, request: pb.GetBudgetBoardRequest, context: Context) -> pb.GetBudgetBoardResponse:
        async with self._db.read() as tx:
            budget = await store.get_budget(tx, UUID(request.budget_id))
            _check_own(budget, current().caller.store_id)
            children = await store.find_children(tx, budget.budget_id, pagination.PAGE_SIZE_MAX)
            total, *lines = await _lines(tx, [budget, *children])
        return pb.GetBudgetBoardResponse(total=total, children=lines)

    async def UpdateBudgetCap(self, request: pb.UpdateBudgetCapRequest, context: Context) -> pb.UpdateBudgetCapResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.UpdateBudgetCapResponse:
            budget = await operations.update_cap(tx, UUID(request.budget_id), request.cap)
            return pb.UpdateBudgetCapResponse(budget=await _described(tx, budget))

        return await once(self._db, request, work, pb.UpdateBudgetCapResponse)

    async def SetKillSwitch(self, request: pb.SetKillSwitchRequest, context: Context) -> pb.SetKillSwitchResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.SetKillSwitchResponse:
            budget = await operations.set_kill_switch(tx, UUID(request.budget_id), killed=request.killed)
            return pb.SetKillSwitchResponse(budget=await _described(tx, budget))

        response = await once(self._db, request, work, pb.SetKillSwitchResponse)
        if request.killed:
            await self._db.transact(lambda tx: operations.end_leases(tx, UUID(request.budget_id)))
            while await self._db.transact(lambda tx: operations.lapse_under(tx, UUID(request.budget_id))):
                pass
        return response

    async def ReserveBudget(self, request: pb.ReserveBudgetRequest, context: Context) -> pb.ReserveBudgetResponse:
        caller = current().caller
        subjects.check_brand(caller)
        order = convert.order_from_proto(request, principal=caller.principal)
        outcome = await (self._reserve_now(order) if sandbox_now() else self._orders.submit(order))
        return pb.ReserveBudgetResponse(reservation=convert.reservation_to_proto(_granted(outcome)))

    async def CommitReservation(
        self, request: pb.CommitReservationRequest, context: Context
    ) -> pb.CommitReservationResponse:
        reservation = await self._resolved(request.reservation_id, commit=True)
        return pb.CommitReservationResponse(reservation=convert.reservation_to_proto(reservation))

    async def ReleaseReservation(
        self, request: pb.ReleaseReservationRequest, context: Context
    ) -> pb.ReleaseReservationResponse:
        reservation = await self._resolved(request.reservation_id, commit=False)
        return pb.ReleaseReservationResponse(reservation=convert.reservation_to_proto(reservation))

    async def _resolved(self, reservation_id: str, *, commit: bool) -> Reservation:
        subjects.check_brand(current().caller)
        verdict = Verdict(UUID(reservation_id), commit)
        return _granted(await (self._resolve_now(verdict) if sandbox_now() else self._verdicts.submit(verdict)))

    # What is gathered is decided at one time; in a sandbox every call brings its own.

    async def _reserve_now(self, order: Order) -> Reservation | Refusal:
        return (await self._reserve([order]))[0]

    async def _resolve_now(self, verdict: Verdict) -> Reservation | Refusal:
        return (await self._resolve([verdict]))[0]


def _granted(outcome: Reservation | Refusal) -> Reservation:
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def _check_own(budget: Budget, store_id: str) -> None:
    if store_id and (budget.kind, budget.scope) != (Kind.STORE, store_id):
        raise BudgetNotFound(budget.budget_id)


async def _described(tx: ReadTx, budget: Budget) -> budget_pb2.Budget:
    return (await _all_described(tx, [budget]))[0]


async def _all_described(tx: ReadTx, budgets: Sequence[Budget]) -> list[budget_pb2.Budget]:
    now = await store.get_time(tx)
    above = await store.find_budgets(tx, {each for budget in budgets for each in budget.ancestors})
    return [
        convert.budget_to_proto(
            budget.at(now), stopped=budget.killed or any(above[each].killed for each in budget.ancestors)
        )
        for budget in budgets
    ]


async def _lines(tx: ReadTx, budgets: Sequence[Budget]) -> list[budget_pb2.BudgetLine]:
    now = await store.get_time(tx)
    meters = await store.find_meters(tx, [budget.budget_id for budget in budgets])
    tallies = await store.find_tallies(tx, [(budget.budget_id, start_of(budget, now)) for budget in budgets])
    described = await _all_described(tx, budgets)
    return [
        convert.line_to_proto(
            each, budget.at(now), meters.get(budget.budget_id), tallies.get(budget.budget_id, Tallied()), now
        )
        for each, budget in zip(described, budgets, strict=True)
    ]
