"""The gRPC face of what was not stored."""

from bowen.profile.v1 import rejection_service_pb2 as pb
from bowen.profile.v1.rejection_service_pb2_grpc import RejectionServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.db import Database
from chassis.errors import PermissionDenied
from services.profile.identity.servicer.showing import shown
from services.profile.rejections import convert, store
from services.profile.vault.domain import Vault


class RejectionServicer(RejectionServiceServicer):
    """Answers `bowen.profile.v1.RejectionService`. Sources are the brand's: a store's key may not."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db, self._vault = db, vault

    async def ListRejections(self, request: pb.ListRejectionsRequest, context: object) -> pb.ListRejectionsResponse:
        if current().caller.store_id:
            raise PermissionDenied("rejected events are not a store's")
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        wanted = convert.filter_from_proto(request)
        async with self._db.read() as tx:
            found = await store.page(tx, self._vault, wanted, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda each: [str(each.rejection_id)])
        rejections = [shown(convert.rejection_to_proto(each), convert.masked_rejection) for each in page]
        return pb.ListRejectionsResponse(rejections=rejections, next_page_token=token)
