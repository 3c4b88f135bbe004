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

ENTRIES_MAX = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class SegmentServicer(SegmentServiceServicer):
    """Answers `bowen.tagging.v1.SegmentService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def CreateSegment(self, request: pb.CreateSegmentRequest, context: Context) -> pb.CreateSegmentResponse:
        subjects.check_brand(current().caller)

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
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            segments = await store.list_segments(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, segments, size, lambda segment: [segment.segment_id])
        return pb.ListSegmentsResponse(
            segments=[convert.segment_to_proto(segment) for segment in page],
            next_page_token=token,
        )

    async def ListSegmentMembers(
        self, request: pb.ListSegmentMembersRequest, context: Context
    ) -> pb.ListSegmentMembersResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            await store.get_segment(tx, request.segment_id)
            members = await store.list_members(tx, request.segment_id, after=after, limit=size + 1)
        page, token = pagination.cut(request, members, size, lambda member: [member.profile_id])
        return pb.ListSegmentMembersResponse(
            members=[convert.member_to_proto(member) for member in page],
            next_page_token=token,
        )

    async def ListSegmentEntries(
        self, request: pb.ListSegmentEntriesRequest, context: Context
    ) -> pb.ListSegmentEntriesResponse:
        subjects.check_brand(current().caller)
        after, limit = request.after_entry_id or str(pagination.FIRST_ID), request.entries_max or ENTRIES_MAX
        async with self._db.read() as tx:
            await store.check_segment(tx, request.segment_id)
            entries = await store.list_entries(tx, request.segment_id, after=after, limit=limit)
        return pb.ListSegmentEntriesResponse(entries=[convert.entry_to_proto(entry) for entry in entries])

    async def ListProfileSegments(
        self, request: pb.ListProfileSegmentsRequest, context: Context
    ) -> pb.ListProfileSegmentsResponse:
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, current().caller, profile_id)
            segments = await store.list_of_profile(tx, profile_id)
        return pb.ListProfileSegmentsResponse(segments=[convert.membership_to_proto(segment) for segment in segments])
