"""The gRPC face of commission."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bowen.distribution.v1 import commission_service_pb2 as pb
from bowen.distribution.v1 import commission_service_pb2_grpc

from chassis import idempotency, pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.ids import new_id
from services.distribution.commission import convert, operations
from services.distribution.commission.domain import Commission, Plan
from services.distribution.commission.store import commissions as store
from services.distribution.commission.store.commissions import Earning
from services.distribution.partners import convert as common
from services.distribution.partners import store as partners
from services.distribution.partners.domain import Partner, Role, Visible, require

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CommissionServicer(commission_service_pb2_grpc.CommissionServiceServicer):
    """Answers `bowen.distribution.v1.CommissionService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def CreateCommissionPlan(
        self, request: pb.CreateCommissionPlanRequest, context: Any
    ) -> pb.CreateCommissionPlanResponse:
        plan = convert.plan_from_proto(request, new_id(), self._clock.now())

        async def work(tx: Tx) -> pb.CreateCommissionPlanResponse:
            require(await _visible(tx), None)
            return pb.CreateCommissionPlanResponse(plan=convert.plan_to_proto(await operations.create_plan(tx, plan)))

        return await idempotency.once(self._db, request, work, pb.CreateCommissionPlanResponse)

    async def ListCommissionPlans(
        self, request: pb.ListCommissionPlansRequest, context: Any
    ) -> pb.ListCommissionPlansResponse:
        limit = pagination.page_size(request.page_size)
        after = pagination.after(request, lambda key: _EPOCH + timedelta(microseconds=int(key[0])))
        async with self._db.read() as tx:
            rows = await store.list_plans(tx, after=after, limit=limit + 1)
        page, token = pagination.cut(request, rows, limit, _plan_key)
        return pb.ListCommissionPlansResponse(plans=map(convert.plan_to_proto, page), next_page_token=token)

    async def ListCommissions(self, request: pb.ListCommissionsRequest, context: Any) -> pb.ListCommissionsResponse:
        limit, partner_id = pagination.page_size(request.page_size), common.uuid_or_none(request.partner_id)
        after = pagination.after(request, common.parse_time_key)
        async with self._db.read() as tx:
            visible = await _visible(tx)
            if partner_id is not None:
                require(visible, partner_id)
            rows = await store.list_commissions(
                tx,
                partner_id=partner_id,
                order_id=common.uuid_or_none(request.order_id),
                visible=visible,
                after=after,
                limit=limit + 1,
            )
        page, token = pagination.cut(request, rows, limit, _key)
        return pb.ListCommissionsResponse(commissions=map(convert.commission_to_proto, page), next_page_token=token)

    async def ListTopPartners(self, request: pb.ListTopPartnersRequest, context: Any) -> pb.ListTopPartnersResponse:
        async with self._db.read() as tx:
            earnings = await store.top_partners(
                tx,
                currency_code=request.currency_code,
                role=Role(request.role) if request.role else None,
                visible=await _visible(tx),
                limit=pagination.page_size(request.page_size),
            )
            known = await partners.get_partners(tx, (earning.partner_id for earning in earnings))
        return pb.ListTopPartnersResponse(partners=(_top(earning, known[earning.partner_id]) for earning in earnings))

    async def GetCommissionStats(
        self, request: pb.GetCommissionStatsRequest, context: Any
    ) -> pb.GetCommissionStatsResponse:
        async with self._db.read() as tx:
            stats = await store.stats(tx, currency_code=request.currency_code, visible=await _visible(tx))
        return pb.GetCommissionStatsResponse(
            estimated_minor=stats.estimated_minor,
            accrued_minor=stats.accrued_minor,
            unposted_count=stats.unposted_count,
        )


async def _visible(tx: ReadTx) -> Visible:
    return await partners.visible_to(tx, current().caller.store_id)


def _top(earning: Earning, partner: Partner) -> pb.TopPartner:
    return pb.TopPartner(
        partner=common.partner_to_proto(partner),
        earned_minor=earning.earned_minor,
        order_count=earning.order_count,
    )


def _key(commission: Commission) -> list[str | int]:
    return common.time_key(commission.create_time, commission.commission_id)


def _plan_key(plan: Plan) -> list[str | int]:
    return [(plan.start_time - _EPOCH) // timedelta(microseconds=1)]
