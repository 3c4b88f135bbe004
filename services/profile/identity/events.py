"""What others are told about people."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from bowen.profile.v1 import event_pb2, events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.profile.attributes import domain as attributes
from services.profile.attributes.domain import Known
from services.profile.identity import convert
from services.profile.identity.domain import (
    Conflict,
    Merge,
    MoveRecord,
    Origin,
    PastMerge,
    Quarantine,
    StoredIdentifier,
)
from services.profile.timeline.domain import Event


class Unmerge(NamedTuple):
    """A merge that was undone, and how both people stand since."""

    merge: PastMerge
    requested_merge_id: UUID
    remaining_id: UUID
    restored_from_ids: Sequence[UUID]
    remaining: Known
    restored: Known
    restored_identifiers: Sequence[StoredIdentifier]


async def profile_merged(tx: Tx, merges: Sequence[tuple[Merge, attributes.Union]], *, now: datetime) -> None:
    """Tell which people turned out to be one, and what is known of the one that lives on."""
    await append(tx, [Fact(_profile_merged(merge, union, now), now) for merge, union in merges])


def _profile_merged(merge: Merge, union: attributes.Union, now: datetime) -> events_pb2.ProfileMerged:
    return events_pb2.ProfileMerged(
        merge_id=str(merge.merge_id),
        survivor_id=str(merge.survivor.profile_id),
        loser_id=str(merge.loser.profile_id),
        attributes=attributes.public(union.after.facts),
        version=union.after.version,
        identifiers=convert.identifiers_to_proto(
            (each.kind.name, each.namespace, each.value, each.verified) for each in merge.claims
        ),
        merge_time=stamp(now),
    )


async def merge_refused(tx: Tx, refused: Sequence[tuple[Conflict, Origin]], *, now: datetime) -> None:
    """Tell which links between people were not believed."""
    await append(tx, [Fact(_merge_refused(conflict, origin, now), now) for conflict, origin in refused])


def _merge_refused(conflict: Conflict, origin: Origin, now: datetime) -> events_pb2.MergeRefused:
    claim = conflict.claim
    return events_pb2.MergeRefused(
        profile_id=str(conflict.profile_id),
        owner_id=str(conflict.owner_id),
        rule=conflict.rule,
        identifier=convert.identifier_to_proto(claim.kind.name, claim.namespace, claim.value, claim.verified),
        event_id=str(origin.event_id) if origin.event_id else "",
        refuse_time=stamp(now),
    )


async def identifier_moved(tx: Tx, moves: Sequence[MoveRecord]) -> None:
    """Tell which contacts left whom."""
    await append(tx, [Fact(_identifier_moved(move), move.move_time, move.move_id) for move in moves])


def _identifier_moved(move: MoveRecord) -> events_pb2.IdentifierMoved:
    return events_pb2.IdentifierMoved(
        move_id=str(move.move_id),
        identifier=convert.identifier_to_proto(move.type, move.namespace, move.value, move.verified),
        from_profile_id=str(move.from_profile_id),
        to_profile_id=str(move.to_profile_id) if move.to_profile_id else "",
        reason=events_pb2.IdentifierMoved.Reason.ValueType(move.reason),
        move_time=stamp(move.move_time),
    )


async def identifier_quarantined(tx: Tx, quarantined: Sequence[Quarantine], *, now: datetime) -> None:
    """Tell which values were seen with too many people."""
    await append(tx, [Fact(_identifier_quarantined(each, now), now) for each in quarantined])


def _identifier_quarantined(quarantine: Quarantine, now: datetime) -> events_pb2.IdentifierQuarantined:
    link = quarantine.link
    return events_pb2.IdentifierQuarantined(
        identifier=convert.identifier_to_proto(link.kind.name, link.namespace, link.value, link.verified),
        profile_id=str(link.person.profile_id),
        seen_count=quarantine.seen_count,
        quarantine_time=stamp(now),
    )


async def profile_unmerged(tx: Tx, undone: Unmerge, reassigned: int, *, now: datetime) -> None:
    """Tell that two people are two again, and how many events are another person's than was told."""
    await append(tx, [Fact(_profile_unmerged(undone, reassigned, now), now)])


async def event_reassigned(
    tx: Tx, merge: PastMerge, reassigned: Sequence[tuple[UUID, Event]], *, now: datetime
) -> None:
    """Tell of events that are another person's since a merge was undone, each with whose it was."""
    await append(tx, [Fact(_event_reassigned(merge, was, event, now), now) for was, event in reassigned])


def _profile_unmerged(undone: Unmerge, reassigned: int, now: datetime) -> events_pb2.ProfileUnmerged:
    return events_pb2.ProfileUnmerged(
        merge_id=str(undone.merge.merge_id),
        survivor_id=str(undone.merge.survivor_id),
        restored_id=str(undone.merge.loser_id),
        remaining_id=str(undone.remaining_id),
        restored_from_ids=map(str, undone.restored_from_ids),
        remaining_attributes=attributes.public(undone.remaining.facts),
        remaining_version=undone.remaining.version,
        restored_attributes=attributes.public(undone.restored.facts),
        restored_version=undone.restored.version,
        restored_identifiers=convert.identifiers_to_proto(each[:4] for each in undone.restored_identifiers),
        reassigned_event_count=reassigned,
        requested_merge_id=str(undone.requested_merge_id),
        merge_time=stamp(undone.merge.merge_time),
        unmerge_time=stamp(now),
        restored_identifier_keys=[str(each.key) for each in undone.restored_identifiers],
    )


def _event_reassigned(merge: PastMerge, was: UUID, event: Event, now: datetime) -> events_pb2.EventReassigned:
    return events_pb2.EventReassigned(
        event_id=str(event.event_id),
        profile_id=str(merge.loser_id),
        from_profile_id=str(was),
        merge_id=str(merge.merge_id),
        message_id=event.message_id,
        type=event_pb2.EventType.ValueType(event.type),
        name=event.name,
        source_id=event.source_id,
        trust=event_pb2.Trust.ValueType(event.trust),
        anonymous_id=event.anonymous_id,
        properties=event.properties,
        timestamp=stamp(event.timestamp),
        receive_time=stamp(event.receive_time),
        reassign_time=stamp(now),
    )
