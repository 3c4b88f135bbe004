"""The gRPC face of the taxonomy."""

from typing import Any

import grpc
from bowen.tagging.v1 import taxonomy_service_pb2 as pb
from bowen.tagging.v1.taxonomy_service_pb2_grpc import TaxonomyServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.tagging.subjects import store as subjects
from services.tagging.taxonomy import convert, operations, store

Context = grpc.aio.ServicerContext[Any, Any]


class TaxonomyServicer(TaxonomyServiceServicer):
    """Answers `bowen.tagging.v1.TaxonomyService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def CreateTagGroup(self, request: pb.CreateTagGroupRequest, context: Context) -> pb.CreateTagGroupResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.CreateTagGroupResponse:
            group = await operations.create_group(
                tx,
                group_id=str(new_id()),
                name=request.name,
                dimension=convert.dimension_from_proto(request.dimension),
                parent_group_id=request.parent_group_id,
                exclusive=request.exclusive,
                now=self._clock.now(),
            )
            return pb.CreateTagGroupResponse(tag_group=convert.group_to_proto(group))

        return await once(self._db, request, work, pb.CreateTagGroupResponse)

    async def CreateTag(self, request: pb.CreateTagRequest, context: Context) -> pb.CreateTagResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.CreateTagResponse:
            tag = await operations.create_tag(
                tx,
                tag_id=str(new_id()),
                group_id=request.group_id,
                key=request.key,
                name=request.name,
                now=self._clock.now(),
            )
            return pb.CreateTagResponse(tag=convert.tag_to_proto(tag))

        return await once(self._db, request, work, pb.CreateTagResponse)

    async def ListTagGroups(self, request: pb.ListTagGroupsRequest, context: Context) -> pb.ListTagGroupsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            groups = await store.list_groups(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, groups, size, lambda group: [group.group_id])
        return pb.ListTagGroupsResponse(
            tag_groups=[convert.group_to_proto(group) for group in page],
            next_page_token=token,
        )

    async def ListTags(self, request: pb.ListTagsRequest, context: Context) -> pb.ListTagsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            tags = await store.list_tags(tx, group_id=request.group_id, after=after, limit=size + 1)
        page, token = pagination.cut(request, tags, size, lambda tag: [tag.tag_id])
        return pb.ListTagsResponse(
            tags=[convert.tag_to_proto(tag) for tag in page],
            next_page_token=token,
        )
