"""Tagging over gRPC, and events that are valid unless a test says otherwise."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bowen.profile.v1 import event_pb2
from bowen.profile.v1.events_pb2 import (
    EventReassigned,
    EventRecorded,
    ProfileMerged,
    ProfileUnmerged,
    ProfileUpdated,
)
from bowen.tagging.v1 import (
    rule_service_pb2,
    segment_pb2,
    segment_service_pb2,
    tag_service_pb2,
    taxonomy_pb2,
    taxonomy_service_pb2,
)
from bowen.tagging.v1.rule_service_pb2_grpc import RuleServiceStub, add_RuleServiceServicer_to_server
from bowen.tagging.v1.segment_service_pb2_grpc import SegmentServiceStub, add_SegmentServiceServicer_to_server
from bowen.tagging.v1.tag_service_pb2_grpc import TagServiceStub, add_TagServiceServicer_to_server
from bowen.tagging.v1.taxonomy_service_pb2_grpc import TaxonomyServiceStub, add_TaxonomyServiceServicer_to_server
from bowen.wire.v1.envelope_pb2 import EventBatch

from chassis.client import Client
from chassis.clock import Clock
from chassis.consumer import Delivery
from chassis.db import Database, driver
from chassis.ids import new_id
from chassis.stamps import stamp
from services.tagging.rules.servicer import RuleServicer
from services.tagging.segments.servicer import SegmentServicer
from services.tagging.tags import consumers, operations
from services.tagging.tags.servicer import TagServicer
from services.tagging.taxonomy.servicer import TaxonomyServicer
from tests.databases import patient
from tests.serving import serving


@dataclass
class Tagging:
    """Talks to tagging."""

    db: Database
    clock: Clock
    taxonomy: TaxonomyServiceStub
    tags: TagServiceStub
    rules: RuleServiceStub
    segments: SegmentServiceStub
    client: Client

    async def group(self, name: str, **fields: Any) -> taxonomy_pb2.TagGroup:
        request = taxonomy_service_pb2.CreateTagGroupRequest(
            **{"request_id": str(new_id()), "name": name, "dimension": taxonomy_pb2.DIMENSION_INTERACTION} | fields
        )
        return (await self.taxonomy.CreateTagGroup(request)).tag_group  # type: ignore[misc,no-any-return]

    async def tag(self, key: str, group_id: str = "") -> taxonomy_pb2.Tag:
        group_id = group_id or (await self.group(f"group of {key}")).group_id
        request = taxonomy_service_pb2.CreateTagRequest(request_id=str(new_id()), group_id=group_id, key=key, name=key)
        return (await self.taxonomy.CreateTag(request)).tag  # type: ignore[misc,no-any-return]

    async def rule(self, tag: taxonomy_pb2.Tag, when: object) -> str:
        request = rule_service_pb2.CreateRuleRequest(request_id=str(new_id()), tag_id=tag.tag_id, when=json.dumps(when))
        return (await self.rules.CreateRule(request)).rule.rule_id  # type: ignore[misc,no-any-return]

    async def segment(self, name: str, expression: object) -> str:
        request = segment_service_pb2.CreateSegmentRequest(
            request_id=str(new_id()), name=name, expression=json.dumps(expression)
        )
        return (await self.segments.CreateSegment(request)).segment.segment_id  # type: ignore[misc,no-any-return]

    async def add(self, profile_id: str, tag: taxonomy_pb2.Tag, **fields: Any) -> None:
        request = tag_service_pb2.AddProfileTagRequest(
            request_id=str(new_id()), profile_id=profile_id, tag_id=tag.tag_id, **fields
        )
        await self.tags.AddProfileTag(request)  # type: ignore[misc]

    async def remove(self, profile_id: str, tag: taxonomy_pb2.Tag) -> bool:
        request = tag_service_pb2.RemoveProfileTagRequest(
            request_id=str(new_id()), profile_id=profile_id, tag_id=tag.tag_id
        )
        return (await self.tags.RemoveProfileTag(request)).removed  # type: ignore[misc,no-any-return]

    async def tags_of(self, profile_id: str) -> list[str]:
        response = await self.tags.ListProfileTags(tag_service_pb2.ListProfileTagsRequest(profile_id=profile_id))  # type: ignore[misc]
        return [tag.key for tag in response.tags]

    async def members(self, segment_id: str) -> list[str]:
        response = await self.segments.ListSegmentMembers(  # type: ignore[misc]
            segment_service_pb2.ListSegmentMembersRequest(segment_id=segment_id)
        )
        return [member.profile_id for member in response.members]

    async def read(self, segment_id: str) -> segment_pb2.Segment:
        request = segment_service_pb2.GetSegmentRequest(segment_id=segment_id)
        return (await self.segments.GetSegment(request)).segment  # type: ignore[misc,no-any-return]

    async def tracked(self, profile_id: str, name: str, *times: datetime) -> None:
        events = [a_track(profile_id, name, time) for time in times]
        batch = [Delivery(new_id(), event, time, time) for event, time in zip(events, times, strict=True)]
        await self.db.transact(lambda tx: consumers.on_event_recorded(tx, batch))

    async def updated(self, profile_id: str, version: int, attributes: object) -> None:
        now = self.clock.now()
        event = ProfileUpdated(
            profile_id=profile_id, version=version, attributes=json.dumps(attributes), update_time=stamp(now)
        )
        await self.db.transact(lambda tx: consumers.on_profile_updated(tx, [Delivery(new_id(), event, now, now)]))

    async def merged(self, survivor_id: str, loser_id: str, version: int = 1, merge_id: str = "") -> str:
        now, merge_id = self.clock.now(), merge_id or str(new_id())
        event = ProfileMerged(
            merge_id=merge_id, survivor_id=survivor_id, loser_id=loser_id, attributes="{}", version=version
        )
        await self.db.transact(lambda tx: consumers.on_profile_merged(tx, [Delivery(new_id(), event, now, now)]))
        return merge_id

    async def unmerged(self, survivor_id: str, restored_id: str, merge_id: str, **fields: Any) -> None:
        now = self.clock.now()
        event = ProfileUnmerged(
            **{
                "merge_id": merge_id,
                "survivor_id": survivor_id,
                "restored_id": restored_id,
                "remaining_id": survivor_id,
                "remaining_attributes": "{}",
                "remaining_version": 9,
                "restored_attributes": "{}",
                "restored_version": 9,
            }
            | fields
        )
        await self.db.transact(lambda tx: consumers.on_profile_unmerged(tx, [Delivery(new_id(), event, now, now)]))

    async def reassigned(self, event: EventRecorded, profile_id: str, time: datetime) -> None:
        now = self.clock.now()
        moved = EventReassigned(
            event_id=event.event_id,
            profile_id=profile_id,
            from_profile_id=event.profile_id,
            type=event.type,
            name=event.name,
            properties=event.properties,
            timestamp=event.timestamp,
            reassign_time=stamp(time),
        )
        await self.db.transact(lambda tx: consumers.on_event_reassigned(tx, [Delivery(new_id(), moved, now, now)]))

    async def recorded(self, event: EventRecorded) -> None:
        now = self.clock.now()
        await self.db.transact(lambda tx: consumers.on_event_recorded(tx, [Delivery(new_id(), event, now, now)]))

    async def backfilled(self) -> None:
        while await self.db.transact(lambda tx: operations.backfill(tx, self.clock.now())):
            pass

    async def told(self) -> list[str]:
        """Last parts of the types of all events told, in the order of publishing."""
        async with self.db.read() as tx:
            rows = await (await driver(tx)).fetch("SELECT payload FROM outbox ORDER BY outbox_id")
        batches = [EventBatch.FromString(row[0]) for row in rows]
        return [event.type.split(".v1.")[1] for batch in batches for event in batch.events]


def a_track(profile_id: str, name: str, time: datetime) -> EventRecorded:
    return EventRecorded(
        event_id=str(new_id()),
        profile_id=profile_id,
        type=event_pb2.EVENT_TYPE_TRACK,
        name=name,
        properties="{}",
        timestamp=stamp(time),
    )


@asynccontextmanager
async def a_tagging(url: str, clock: Clock) -> AsyncIterator[Tagging]:
    """Tagging on a database, served on a free port."""
    db = patient(url)
    async with serving(
        "tagging",
        clock,
        (add_TaxonomyServiceServicer_to_server, TaxonomyServicer(db, clock)),
        (add_TagServiceServicer_to_server, TagServicer(db, clock)),
        (add_RuleServiceServicer_to_server, RuleServicer(db, clock)),
        (add_SegmentServiceServicer_to_server, SegmentServicer(db, clock)),
    ) as client:
        yield Tagging(
            db,
            clock,
            TaxonomyServiceStub(client),
            TagServiceStub(client),
            RuleServiceStub(client),
            SegmentServiceStub(client),
            client,
        )
    await db.close()
