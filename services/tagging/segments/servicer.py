"""The gRPC face of segments."""

from typing import Any

import grpc
from bowen.tagging.v1 import segment_service_pb2 as pb
from bowen.tagging.v1.segment_service_pb2_grpc import SegmentServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.tagging.segments import convert, operations, store
from services.tagging.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]

FIRST = "00000000-0000-0000-0000-000000000000"


class SegmentServicer(SegmentServiceServicer):
    """Answers `bowen.tagging.v1.SegmentService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def CreateSegment(self, request: pb.CreateSegmentRequest, context: Context) -> pb.CreateSegmentResponse:
        async def work(tx: Tx) -> pb.CreateSegmentResponse:
            segment = await operations.create_segment(
                tx,
                segment_id=str(new_id()),
                name=request.name,
                expression=request.expression,
                now=self._clock.now(),
            )
            return pb.CreateSegmentResponse(segment=convert.segment_to_proto(segment))

        return await once(self._db, request, work, pb.CreateSegmentResponse)

    async def GetSegment(self, request: pb.GetSegmentRequest, context: Context) -> pb.GetSegmentResponse:
        async with self._db.read() as tx:
            segment = await store.get_segment(tx, request.segment_id)
        return pb.GetSegmentResponse(segment=convert.segment_to_proto(segment))

    async def ListSegments(self, request: pb.ListSegmentsRequest, context: Context) -> pb.ListSegmentsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.decode_token(request.page_token, request) or [FIRST]
        async with self._db.read() as tx:
            segments = await store.list_segments(tx, after=str(after[0]), limit=size + 1)
        more = len(segments) > size
        return pb.ListSegmentsResponse(
            segments=[convert.segment_to_proto(segment) for segment in segments[:size]],
            next_page_token=pagination.encode_token(request, [segments[size - 1].segment_id]) if more else "",
        )

    async def ListSegmentMembers(
        self, request: pb.ListSegmentMembersRequest, context: Context
    ) -> pb.ListSegmentMembersResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.decode_token(request.page_token, request) or [FIRST]
        async with self._db.read() as tx:
            await store.get_segment(tx, request.segment_id)
            members = await store.list_members(tx, request.segment_id, after=str(after[0]), limit=size + 1)
        more = len(members) > size
        return pb.ListSegmentMembersResponse(
            members=[convert.member_to_proto(member) for member in members[:size]],
            next_page_token=pagination.encode_token(request, [members[size - 1].profile_id]) if more else "",
        )

    async def ListProfileSegments(
        self, request: pb.ListProfileSegmentsRequest, context: Context
    ) -> pb.ListProfileSegmentsResponse:
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, current().caller, profile_id)
            segments = await store.list_of_profile(tx, profile_id)
        return pb.ListProfileSegmentsResponse(segments=[convert.membership_to_proto(segment) for segment in segments])
