"""The gRPC face of budgets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import budget_pb2
from bowen.incentive.v1 import budget_service_pb2 as pb
from bowen.incentive.v1.budget_service_pb2_grpc import BudgetServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.budgets import convert, operations, store
from services.incentive.budgets.domain import Budget, Kind
from services.incentive.budgets.errors import BudgetNotFound
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]


class BudgetServicer(BudgetServiceServicer):
    """Budgets are the brand's: a caller that is bound to a store may only read those of its own store."""

    def __init__(self, db: Database) -> None:
        self._db = db

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

        return await once(self._db, request, work, pb.SetKillSwitchResponse)


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
