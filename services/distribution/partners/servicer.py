"""The gRPC face of partners."""

from typing import Any
from uuid import UUID

from bowen.distribution.v1 import partner_service_pb2 as pb
from bowen.distribution.v1 import partner_service_pb2_grpc

from chassis import idempotency, pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.ids import new_id
from services.distribution.partners import convert, domain, operations, store
from services.distribution.partners.domain import Partner, Role


class PartnerServicer(partner_service_pb2_grpc.PartnerServiceServicer):
    """Answers `bowen.distribution.v1.PartnerService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def CreatePartner(self, request: pb.CreatePartnerRequest, context: Any) -> pb.CreatePartnerResponse:
        partner = convert.partner_from_proto(request, new_id(), self._clock.now())

        async def work(tx: Tx) -> pb.CreatePartnerResponse:
            visible = await store.visible_to(tx, current().caller.store_id)
            created = await operations.create_partner(tx, partner, visible=visible)
            return pb.CreatePartnerResponse(partner=convert.partner_to_proto(created))

        return await idempotency.once(self._db, request, work, pb.CreatePartnerResponse)

    async def UpdatePartner(self, request: pb.UpdatePartnerRequest, context: Any) -> pb.UpdatePartnerResponse:
        partner_id, change = UUID(request.partner_id), convert.change_from_proto(request)
        now = self._clock.now()

        async def work(tx: Tx) -> pb.UpdatePartnerResponse:
            visible = await store.visible_to(tx, current().caller.store_id)
            updated = await operations.update_partner(tx, partner_id, change, now=now, visible=visible)
            return pb.UpdatePartnerResponse(partner=convert.partner_to_proto(updated))

        return await idempotency.once(self._db, request, work, pb.UpdatePartnerResponse)

    async def GetPartner(self, request: pb.GetPartnerRequest, context: Any) -> pb.GetPartnerResponse:
        partner_id = UUID(request.partner_id)
        async with self._db.read() as tx:
            domain.require(await store.visible_to(tx, current().caller.store_id), partner_id)
            partner = await store.get_partner(tx, partner_id)
        return pb.GetPartnerResponse(partner=convert.partner_to_proto(partner))

    async def ListPartners(self, request: pb.ListPartnersRequest, context: Any) -> pb.ListPartnersResponse:
        limit = pagination.page_size(request.page_size)
        async with self._db.read() as tx:
            rows = await store.list_partners(
                tx,
                role=Role(request.role) if request.role else None,
                parent_id=convert.uuid_or_none(request.parent_partner_id),
                external_code=request.external_code or None,
                visible=await store.visible_to(tx, current().caller.store_id),
                after=pagination.after(request, pagination.parse_id),
                limit=limit + 1,
            )
        page, token = pagination.cut(request, rows, limit, _key)
        return pb.ListPartnersResponse(partners=map(convert.partner_to_proto, page), next_page_token=token)


def _key(partner: Partner) -> list[str | int]:
    return [str(partner.partner_id)]
