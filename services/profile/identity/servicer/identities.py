"""The gRPC face of corrections: translates, decides nothing, catches nothing."""

from uuid import UUID

from bowen.profile.v1 import identity_service_pb2 as pb
from bowen.profile.v1 import profile_pb2
from bowen.profile.v1.identity_service_pb2_grpc import IdentityServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from services.profile.identity import convert, operations, store
from services.profile.identity.domain import Author, MergeRecord
from services.profile.identity.servicer.showing import shown
from services.profile.vault.domain import Vault


class IdentityServicer(IdentityServiceServicer):
    """Answers `bowen.profile.v1.IdentityService`. Who is who is the brand's: no store and no shopper corrects it."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db, self._clock, self._vault = db, clock, vault

    async def GetMerge(self, request: pb.GetMergeRequest, context: object) -> pb.GetMergeResponse:
        _check_brand()
        async with self._db.read() as tx:
            merge = await store.get_merge(tx, UUID(request.merge_id))
        return pb.GetMergeResponse(merge=_shown(merge))

    async def UndoMerge(self, request: pb.UndoMergeRequest, context: object) -> pb.UndoMergeResponse:
        author, now, merge_id = _author(request.note), self._clock.now(), UUID(request.merge_id)

        async def work(tx: Tx) -> pb.UndoMergeResponse:
            await operations.undo_merge(tx, self._vault, merge_id, author, cascade=request.cascade, now=now)
            undone = await store.list_undone(tx, merge_id)
            return pb.UndoMergeResponse(merges=map(_shown, undone))

        return await once(self._db, request, work, pb.UndoMergeResponse)

    async def MergeProfiles(self, request: pb.MergeProfilesRequest, context: object) -> pb.MergeProfilesResponse:
        author, now = _author(request.note), self._clock.now()
        pair = UUID(request.profile_id), UUID(request.other_profile_id)

        async def work(tx: Tx) -> pb.MergeProfilesResponse:
            merge_id = await operations.merge_profiles(tx, self._vault, *pair, author, now=now)
            return pb.MergeProfilesResponse(merge=_shown(await store.get_merge(tx, merge_id)))

        return await once(self._db, request, work, pb.MergeProfilesResponse)

    async def ListSeparations(self, request: pb.ListSeparationsRequest, context: object) -> pb.ListSeparationsResponse:
        _check_brand()
        async with self._db.read() as tx:
            root = await store.root_of(tx, UUID(request.profile_id))
            own = await store.everyone_of(tx, root)
            found = await store.list_separations(tx, own)
        return pb.ListSeparationsResponse(separations=[convert.separation_to_proto(each, set(own)) for each in found])

    async def CreateSeparation(
        self, request: pb.CreateSeparationRequest, context: object
    ) -> pb.CreateSeparationResponse:
        author, now = _author(request.note), self._clock.now()
        pair = UUID(request.profile_id), UUID(request.other_profile_id)

        async def work(tx: Tx) -> pb.CreateSeparationResponse:
            said = await operations.create_separation(tx, *pair, author, now=now)
            return pb.CreateSeparationResponse(separation=convert.separation_to_proto(said, {pair[0]}))

        return await once(self._db, request, work, pb.CreateSeparationResponse)

    async def DeleteSeparation(
        self, request: pb.DeleteSeparationRequest, context: object
    ) -> pb.DeleteSeparationResponse:
        _check_brand()
        pair = UUID(request.profile_id), UUID(request.other_profile_id)

        async def work(tx: Tx) -> pb.DeleteSeparationResponse:
            await operations.delete_separation(tx, *pair)
            return pb.DeleteSeparationResponse()

        return await once(self._db, request, work, pb.DeleteSeparationResponse)


def _shown(merge: MergeRecord) -> profile_pb2.Merge:
    return shown(convert.merge_to_proto(merge), convert.masked_merge)


def _author(note: str) -> Author:
    _check_brand()
    return Author(current().caller.principal, note)


def _check_brand() -> None:
    """Raises `PermissionDenied` for a caller that is bound to a store or is a shopper."""
    caller = current().caller
    if caller.store_id or caller.profile_id:
        raise PermissionDenied("who is who is not a store's or a shopper's to read or to correct")
