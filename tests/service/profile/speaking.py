"""Talking to the profile service in a few words."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from bowen.profile.v1 import event_pb2, profile_pb2
from bowen.profile.v1 import identity_service_pb2 as identity_pb
from bowen.profile.v1 import ingest_service_pb2 as ingest_pb
from bowen.profile.v1 import profile_service_pb2 as pb
from bowen.profile.v1.attribute_service_pb2_grpc import AttributeServiceStub
from bowen.profile.v1.consent_service_pb2_grpc import ConsentServiceStub
from bowen.profile.v1.group_service_pb2_grpc import GroupServiceStub
from bowen.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from bowen.profile.v1.ingest_service_pb2_grpc import IngestServiceStub
from bowen.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from bowen.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from bowen.profile.v1.rejection_service_pb2_grpc import RejectionServiceStub
from bowen.profile.v1.review_service_pb2_grpc import ReviewServiceStub
from bowen.profile.v1.search_service_pb2_grpc import SearchServiceStub
from bowen.profile.v1.suppression_service_pb2_grpc import SuppressionServiceStub
from bowen.wire.v1 import envelope_pb2

from chassis.client import Client
from chassis.clock import FixedClock
from chassis.db import Database, driver
from chassis.ids import new_id
from services.profile.identity.store import forms
from services.profile.vault.domain import Vault

Outcome = ingest_pb.IngestOutcome
ACCEPTED, DUPLICATE, REJECTED = Outcome.RESULT_ACCEPTED, Outcome.RESULT_DUPLICATE, Outcome.RESULT_REJECTED
TRACK, IDENTIFY, ALIAS = event_pb2.EVENT_TYPE_TRACK, event_pb2.EVENT_TYPE_IDENTIFY, event_pb2.EVENT_TYPE_ALIAS


def identifier(type_name: str, value: str, *, namespace: str = "", verified: bool = True) -> profile_pb2.Identifier:
    return profile_pb2.Identifier(type=type_name, namespace=namespace, value=value, verified=verified)


def an_event(**fields: Any) -> ingest_pb.IncomingEvent:
    """A track event of a trusted source. Times may be datetimes, properties, traits and context dicts."""
    event = ingest_pb.IncomingEvent(message_id=str(new_id()), type=TRACK, source_id="web", trust=event_pb2.TRUST_SERVER)
    for name, value in fields.items():
        if isinstance(value, datetime):
            getattr(event, name).FromDatetime(value)
        elif isinstance(value, dict):
            setattr(event, name, json.dumps(value))
        elif isinstance(value, list):
            getattr(event, name).extend(value)
        else:
            setattr(event, name, value)
    if event.type == TRACK and "name" not in fields:
        event.name = "Product Viewed"
    return event


def identify(**fields: Any) -> ingest_pb.IncomingEvent:
    return an_event(type=IDENTIFY, **fields)


_STANDING = """
WITH RECURSIVE up (profile_id, at) AS (
    SELECT loser_id, survivor_id FROM merge WHERE undo_time IS NULL
    UNION ALL
    SELECT up.profile_id, merge.survivor_id FROM up JOIN merge ON merge.loser_id = up.at AND merge.undo_time IS NULL
)
"""
_ROOTS = _STANDING + "SELECT * FROM up WHERE NOT EXISTS (SELECT FROM merge WHERE loser_id = at AND undo_time IS NULL)"
_MISCOUNTED = (
    _STANDING
    + """
SELECT * FROM profile WHERE merge_count <> (SELECT count(*) FROM up WHERE up.at = profile.profile_id)
"""
)


class Profile:
    """A running profile service."""

    def __init__(self, client: Client, db: Database, clock: FixedClock, vault: Vault) -> None:
        self.db, self.clock, self.vault = db, clock, vault
        self.consent_stub = ConsentServiceStub(client)
        self.privacy_stub = PrivacyServiceStub(client)
        self.suppression_stub = SuppressionServiceStub(client)
        self.rejection_stub = RejectionServiceStub(client)
        self.attribute_stub = AttributeServiceStub(client)
        self.ingest_stub = IngestServiceStub(client)
        self.group_stub = GroupServiceStub(client)
        self.review_stub = ReviewServiceStub(client)
        self.search_stub = SearchServiceStub(client)
        self.stub = ProfileServiceStub(client)
        self.identity = IdentityServiceStub(client)

    async def ingest(self, *events: ingest_pb.IncomingEvent) -> list[Outcome]:
        return list((await self.ingest_stub.Ingest(ingest_pb.IngestRequest(events=events))).outcomes)

    async def accepted(self, *events: ingest_pb.IncomingEvent) -> list[str]:
        """The people of events that must all be accepted."""
        outcomes = await self.ingest(*events)
        assert [(each.result, each.reason, each.detail) for each in outcomes if each.result != ACCEPTED] == []
        return [each.profile_id for each in outcomes]

    async def get(self, profile_id: str) -> profile_pb2.Profile:
        return (await self.stub.GetProfile(pb.GetProfileRequest(profile_id=profile_id))).profile

    async def lookup(self, type_name: str, value: str, namespace: str = "") -> profile_pb2.Profile:
        request = pb.LookupProfileRequest(type=type_name, namespace=namespace, value=value)
        return (await self.stub.LookupProfile(request)).profile

    async def timeline(self, profile_id: str, **fields: Any) -> list[event_pb2.Event]:
        request = pb.ListProfileEventsRequest(profile_id=profile_id, **fields)
        return list((await self.stub.ListProfileEvents(request)).events)

    async def merges(self, profile_id: str, **fields: Any) -> list[profile_pb2.Merge]:
        request = pb.ListProfileMergesRequest(profile_id=profile_id, **fields)
        return list((await self.stub.ListProfileMerges(request)).merges)

    async def undo(self, merge_id: str, *, cascade: bool = False) -> list[profile_pb2.Merge]:
        request = identity_pb.UndoMergeRequest(
            request_id=str(new_id()), merge_id=merge_id, cascade=cascade, note="they are two"
        )
        return list((await self.identity.UndoMerge(request)).merges)

    async def merge(self, one: str, other: str) -> profile_pb2.Merge:
        request = identity_pb.MergeProfilesRequest(
            request_id=str(new_id()), profile_id=one, other_profile_id=other, note="same person"
        )
        return (await self.identity.MergeProfiles(request)).merge

    async def keep_apart(self, one: str, other: str) -> profile_pb2.Separation:
        request = identity_pb.CreateSeparationRequest(
            request_id=str(new_id()), profile_id=one, other_profile_id=other, note="not the same"
        )
        return (await self.identity.CreateSeparation(request)).separation

    async def reunite(self, one: str, other: str) -> None:
        await self.identity.DeleteSeparation(
            identity_pb.DeleteSeparationRequest(request_id=str(new_id()), profile_id=one, other_profile_id=other)
        )

    async def remove(self, profile_id: str, type_name: str, value: str) -> profile_pb2.IdentifierMove:
        request = identity_pb.RemoveIdentifierRequest(
            request_id=str(new_id()), profile_id=profile_id, type=type_name, value=value, note="recycled"
        )
        return (await self.identity.RemoveIdentifier(request)).move

    async def reassign(
        self, profile_id: str, type_name: str, value: str, to: str, *, verified: bool = True
    ) -> profile_pb2.IdentifierMove:
        request = identity_pb.ReassignIdentifierRequest(
            request_id=str(new_id()),
            profile_id=profile_id,
            type=type_name,
            value=value,
            to_profile_id=to,
            verified=verified,
            note="recycled",
        )
        return (await self.identity.ReassignIdentifier(request)).move

    async def moves(self, profile_id: str, **fields: Any) -> list[profile_pb2.IdentifierMove]:
        request = identity_pb.ListIdentifierMovesRequest(profile_id=profile_id, **fields)
        return list((await self.identity.ListIdentifierMoves(request)).moves)

    async def quarantined(self, **fields: Any) -> identity_pb.ListQuarantinedIdentifiersResponse:
        request = identity_pb.ListQuarantinedIdentifiersRequest(**fields)
        return await self.identity.ListQuarantinedIdentifiers(request)

    async def release(self, type_name: str, value: str) -> bool:
        request = identity_pb.ReleaseIdentifierRequest(request_id=str(new_id()), type=type_name, value=value)
        return (await self.identity.ReleaseIdentifier(request)).was_quarantined

    async def block(self, type_name: str, value: str, *, is_pattern: bool = False) -> profile_pb2.BlockedValue:
        request = identity_pb.CreateBlockedValueRequest(
            request_id=str(new_id()), type=type_name, value=value, is_pattern=is_pattern, note="of the store"
        )
        return (await self.identity.CreateBlockedValue(request)).blocked_value

    async def unblock(self, blocked_value_id: str) -> None:
        await self.identity.DeleteBlockedValue(
            identity_pb.DeleteBlockedValueRequest(request_id=str(new_id()), blocked_value_id=blocked_value_id)
        )

    async def blocked(self) -> list[profile_pb2.BlockedValue]:
        return list((await self.identity.ListBlockedValues(identity_pb.ListBlockedValuesRequest())).blocked_values)

    async def separations(self, profile_id: str) -> list[profile_pb2.Separation]:
        request = identity_pb.ListSeparationsRequest(profile_id=profile_id)
        return list((await self.identity.ListSeparations(request)).separations)

    async def stats(self) -> tuple[int, int, int]:
        """People, merges, events."""
        stats = await self.stub.GetProfileStats(pb.GetProfileStatsRequest())
        return stats.profile_count, stats.merge_count, stats.event_count

    async def imported(self, *rows: pb.ProfileRow) -> list[pb.ImportProfilesOutcome]:
        request = pb.ImportProfilesRequest(source_id="members", rows=rows)
        return list((await self.stub.ImportProfiles(request)).outcomes)

    async def resolved(
        self, *sets: list[profile_pb2.Identifier], create: bool = True
    ) -> list[pb.ResolveProfilesOutcome]:
        request = pb.ResolveProfilesRequest(
            sets=[pb.IdentifierSet(identifiers=each) for each in sets], create_missing=create
        )
        return list((await self.stub.ResolveProfiles(request)).outcomes)

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        async with self.db.read() as tx:
            return list(await (await driver(tx)).fetch(query, *arguments))

    async def facts(self, *message_classes: Any) -> list[Any]:
        """The facts of some kinds that wait in the outbox, in order."""
        classes = {_type(each): each for each in message_classes}
        found = []
        for row in await self.fetch("SELECT payload FROM outbox ORDER BY outbox_id"):
            batch = envelope_pb2.EventBatch.FromString(row["payload"])
            found += [classes[event.type].FromString(event.payload) for event in batch.events if event.type in classes]
        return found

    async def partition(self) -> set[frozenset[str]]:
        """The identifiers of each person."""
        people: dict[UUID, set[str]] = {}
        for row in await self.fetch("SELECT profile_id, key, type, namespace, value FROM identifier"):
            name = f"{row['type']}/{row['namespace']}/{forms.value(self.vault, row['key'], row['value'])}"
            people.setdefault(row["profile_id"], set()).add(name)
        return {frozenset(names) for names in people.values()}

    async def assert_sound(self) -> None:
        """Redirects are what the merges that stand say, nothing merged holds anything, all counts tell the truth."""
        assert await self.fetch("SELECT 1 FROM redirect a JOIN redirect b ON a.survivor_id = b.loser_id") == []
        assert await self.fetch("SELECT 1 FROM identifier JOIN redirect ON profile_id = loser_id") == []
        assert {(row["loser_id"], row["survivor_id"]) for row in await self.fetch("SELECT * FROM redirect")} == {
            (loser, root) for loser, root in await self.fetch(_ROOTS)
        }
        assert await self.fetch(_MISCOUNTED) == []
        [truth] = await self.fetch(
            "SELECT (SELECT count(*) FROM profile) - (SELECT count(*) FROM redirect) AS people,"
            " (SELECT count(*) FROM merge WHERE undo_time IS NULL) AS merges, (SELECT count(*) FROM event) AS events,"
            " (SELECT count(*) FROM redirect) AS redirects"
        )
        assert await self.stats() == (truth["people"], truth["merges"], truth["events"])
        assert truth["redirects"] == truth["merges"]


def _type(message_class: Any) -> str:
    from chassis.outbox import type_of

    return type_of(message_class.DESCRIPTOR)
