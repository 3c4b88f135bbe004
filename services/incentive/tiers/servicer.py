"""The gRPC face of tiers."""

from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import tier_pb2
from bowen.incentive.v1 import tier_service_pb2 as pb
from bowen.incentive.v1.tier_service_pb2_grpc import TierServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from chassis.stamps import moment
from services.incentive.subjects import store as subjects
from services.incentive.tiers import convert, operations, store
from services.incentive.tiers.operations import Membership

Context = grpc.aio.ServicerContext[Any, Any]


class TierServicer(TierServiceServicer):
    """Programmes are the brand's; a store may read where members stand, a shopper where they do."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def evaluate_due(self) -> None:
        """Decide about all whose time at a level is over."""
        while await self._db.transact(lambda tx: operations.evaluate_due(tx, self._clock.now())):
            pass

    async def CreateTierProgramme(
        self, request: pb.CreateTierProgrammeRequest, context: Context
    ) -> pb.CreateTierProgrammeResponse:
        subjects.check_brand(current().caller)
        programme = convert.programme_from_proto(request, programme_id=new_id(), now=self._clock.now())

        async def work(tx: Tx) -> pb.CreateTierProgrammeResponse:
            await store.insert_programme(tx, programme)
            return pb.CreateTierProgrammeResponse(programme=convert.programme_to_proto(programme))

        return await once(self._db, request, work, pb.CreateTierProgrammeResponse)

    async def GetTierProgramme(
        self, request: pb.GetTierProgrammeRequest, context: Context
    ) -> pb.GetTierProgrammeResponse:
        async with self._db.read() as tx:
            programme = await store.get_programme(tx, UUID(request.programme_id))
        return pb.GetTierProgrammeResponse(programme=convert.programme_to_proto(programme))

    async def ListTierProgrammes(
        self, request: pb.ListTierProgrammesRequest, context: Context
    ) -> pb.ListTierProgrammesResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            programmes = await store.list_programmes(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, programmes, size, lambda programme: [str(programme.programme_id)])
        return pb.ListTierProgrammesResponse(
            programmes=[convert.programme_to_proto(programme) for programme in page], next_page_token=token
        )

    async def GetMemberTier(self, request: pb.GetMemberTierRequest, context: Context) -> pb.GetMemberTierResponse:
        programme_id, now = UUID(request.programme_id), self._clock.now()
        async with self._db.read() as tx:
            profile_id = await _own(tx, request.profile_id)
            programme = await store.get_programme(tx, programme_id)
            if request.HasField("as_of") and moment(request.as_of) < now:
                ids = await subjects.list_ids(tx, profile_id)
                change = await store.find_change(tx, programme_id, ids, moment(request.as_of))
                return pb.GetMemberTierResponse(member=convert.past_to_proto(programme, profile_id, change))
        members = {(programme_id, profile_id)}
        (membership,) = await self._db.transact(lambda tx: operations.evaluate(tx, members, now))
        return pb.GetMemberTierResponse(member=self._told(membership))

    async def ListProfileTiers(
        self, request: pb.ListProfileTiersRequest, context: Context
    ) -> pb.ListProfileTiersResponse:
        async with self._db.read() as tx:
            profile_id = await _own(tx, request.profile_id)
            members = await store.find_joined(tx, await subjects.list_ids(tx, profile_id))
        memberships = await self._db.transact(lambda tx: operations.evaluate(tx, members, self._clock.now()))
        return pb.ListProfileTiersResponse(tiers=map(self._told, memberships))

    async def ListTierChanges(self, request: pb.ListTierChangesRequest, context: Context) -> pb.ListTierChangesResponse:
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        programme_id = UUID(request.programme_id)
        async with self._db.read() as tx:
            ids = await subjects.list_ids(tx, await _own(tx, request.profile_id))
            await store.get_programme(tx, programme_id)
            changes = await store.list_changes(tx, programme_id, ids, before=before, limit=size + 1)
        page, token = pagination.cut(request, changes, size, lambda each: [str(each[0])])
        return pb.ListTierChangesResponse(
            changes=[convert.change_to_proto(change) for _, change in page], next_page_token=token
        )

    async def PlaceInTier(self, request: pb.PlaceInTierRequest, context: Context) -> pb.PlaceInTierResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.PlaceInTierResponse:
            membership = await operations.place(
                tx,
                UUID(request.programme_id),
                request.profile_id,
                request.level,
                note=request.note,
                document_id=request.document_id,
                now=self._clock.now(),
            )
            return pb.PlaceInTierResponse(member=self._told(membership))

        return await once(self._db, request, work, pb.PlaceInTierResponse)

    def _told(self, membership: Membership) -> tier_pb2.MemberTier:
        programme, person, standing, earnings = membership
        return convert.member_to_proto(programme, person.profile_id, standing, earnings, self._clock.now())


async def _own(tx: ReadTx, profile_id: str) -> str:
    """The profile that stands for a person, whom the caller may see. Raises `PermissionDenied`."""
    resolved = await subjects.resolve(tx, profile_id)
    await subjects.check_own(tx, current().caller, resolved)
    return resolved
