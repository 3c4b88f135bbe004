"""The gRPC face of groups: translates, decides nothing, catches nothing."""

from uuid import UUID

from bowen.profile.v1 import group_service_pb2 as pb
from bowen.profile.v1.group_service_pb2_grpc import GroupServiceServicer

from chassis import pagination
from chassis.caller import Caller, current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from chassis.stamps import moment
from services.profile.groups import convert, operations, store
from services.profile.groups.domain import GroupType, Place
from services.profile.identity import store as identity
from services.profile.identity.servicer.showing import shown
from services.profile.vault.domain import Vault


class GroupServicer(GroupServiceServicer):
    """Answers `bowen.profile.v1.GroupService`. A store's key has its own customers, a shopper their own groups."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db, self._clock, self._vault = db, clock, vault

    async def JoinGroup(self, request: pb.JoinGroupRequest, context: object) -> pb.JoinGroupResponse:
        now, caller = self._clock.now(), current().caller
        _check(caller, convert.place_from_proto(request))
        joining = convert.joining_from_proto(request, caller.principal, now)

        async def work(tx: Tx) -> pb.JoinGroupResponse:
            held = await operations.join(tx, self._vault, joining, now=now)
            return pb.JoinGroupResponse(memberships=map(convert.membership_to_proto, held))

        return await once(self._db, request, work, pb.JoinGroupResponse)

    async def LeaveGroup(self, request: pb.LeaveGroupRequest, context: object) -> pb.LeaveGroupResponse:
        now, place = self._clock.now(), convert.place_from_proto(request)
        _check(current().caller, place)
        leave_time = moment(request.leave_time) if request.HasField("leave_time") else now

        async def work(tx: Tx) -> pb.LeaveGroupResponse:
            ended = await operations.leave(tx, UUID(request.profile_id), place, leave_time, now=now)
            return pb.LeaveGroupResponse(memberships=map(convert.membership_to_proto, ended))

        return await once(self._db, request, work, pb.LeaveGroupResponse)

    async def GetGroup(self, request: pb.GetGroupRequest, context: object) -> pb.GetGroupResponse:
        place = convert.place_from_proto(request)
        _check(current().caller, place)
        async with self._db.read() as tx:
            group = await store.get_group(tx, self._vault, place)
        return pb.GetGroupResponse(group=shown(convert.group_to_proto(group), convert.masked_group))

    async def ListGroupMembers(
        self, request: pb.ListGroupMembersRequest, context: object
    ) -> pb.ListGroupMembersResponse:
        place = convert.place_from_proto(request)
        _check(current().caller, place)
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        as_of = moment(request.as_of) if request.HasField("as_of") else self._clock.now()
        async with self._db.read() as tx:
            found = await store.members(tx, place, as_of=as_of, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda member: [str(member.profile_id)])
        return pb.ListGroupMembersResponse(members=map(convert.member_to_proto, page), next_page_token=token)

    async def ListProfileGroups(
        self, request: pb.ListProfileGroupsRequest, context: object
    ) -> pb.ListProfileGroupsResponse:
        caller = current().caller
        place = Place(GroupType.STORE, caller.store_id) if caller.store_id else None
        as_of = moment(request.as_of) if request.HasField("as_of") else None
        async with self._db.read() as tx:
            everyone = await identity.own(tx, caller, UUID(request.profile_id))
            found = await store.list_of(tx, everyone, place=place, as_of=as_of)
        return pb.ListProfileGroupsResponse(memberships=map(convert.membership_to_proto, found))


def _check(caller: Caller, place: Place) -> None:
    """Raises `PermissionDenied` for a shopper, and for a store's key that asks for other groups than its customers."""
    if caller.profile_id or (caller.store_id and place != Place(GroupType.STORE, caller.store_id)):
        raise PermissionDenied("another store's customers, or another group")
