"""The gRPC face of people's tags."""

from typing import Any

import grpc
from bowen.tagging.v1 import tag_service_pb2 as pb
from bowen.tagging.v1.tag_service_pb2_grpc import TagServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import InvalidArgument
from chassis.idempotency import once
from chassis.stamps import moment
from services.tagging.subjects import store as subjects
from services.tagging.tags import convert, operations, store
from services.tagging.taxonomy import store as taxonomy

Context = grpc.aio.ServicerContext[Any, Any]


class TagServicer(TagServiceServicer):
    """Answers `bowen.tagging.v1.TagService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def AddProfileTag(self, request: pb.AddProfileTagRequest, context: Context) -> pb.AddProfileTagResponse:
        now = self._clock.now()
        expire_time = moment(request.expire_time) if request.HasField("expire_time") else None
        if expire_time and expire_time <= now:
            raise InvalidArgument("expire_time", "must be in the future")
        operator = request.operator or current().caller.principal

        async def work(tx: Tx) -> pb.AddProfileTagResponse:
            tag = await taxonomy.get_tag(tx, request.tag_id)
            given = await operations.add_tag(
                tx, profile_id=request.profile_id, tag=tag, operator=operator, expire_time=expire_time, now=now
            )
            return pb.AddProfileTagResponse(tag=convert.tag_to_proto(given))

        return await once(self._db, request, work, pb.AddProfileTagResponse)

    async def RemoveProfileTag(
        self, request: pb.RemoveProfileTagRequest, context: Context
    ) -> pb.RemoveProfileTagResponse:
        async def work(tx: Tx) -> pb.RemoveProfileTagResponse:
            await taxonomy.get_tag(tx, request.tag_id)
            removed = await operations.remove_tag(
                tx, profile_id=request.profile_id, tag_id=request.tag_id, now=self._clock.now()
            )
            return pb.RemoveProfileTagResponse(removed=removed)

        return await once(self._db, request, work, pb.RemoveProfileTagResponse)

    async def ListProfileTags(self, request: pb.ListProfileTagsRequest, context: Context) -> pb.ListProfileTagsResponse:
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, current().caller, profile_id)
            tags = await store.list_tags(tx, profile_id)
        return pb.ListProfileTagsResponse(tags=[convert.tag_to_proto(tag) for tag in tags])
