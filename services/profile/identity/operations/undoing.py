"""Merges are undone: two people again, each with what is theirs (spec people §3.4, step 11)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import Tx
from services.profile.attributes import domain as attributes
from services.profile.attributes import store as attribute_store
from services.profile.attributes.domain import NOTHING, Known
from services.profile.attributes.domain.gates import NO_PERMISSION
from services.profile.identity import domain, events, store
from services.profile.identity.domain import (
    EVENTS_MAX,
    SAID_MAX,
    Author,
    Parting,
    PastEvent,
    PastMerge,
    StoredIdentifier,
)
from services.profile.identity.errors import MergeEventsMax, MergeHasDependents
from services.profile.timeline import domain as timeline
from services.profile.timeline import store as timeline_store
from services.profile.vault.domain import Vault

TOLD_AT_ONCE = 500


class Parted(NamedTuple):
    """A merge that was undone, by whom, and the identifiers that went back.

    `remaining_ids` are all ids of whom the restored person was part of.
    """

    merge_id: UUID
    remaining_ids: list[UUID]
    restored_id: UUID
    identifiers: list[StoredIdentifier]
    actor: str


async def undo_merge(
    tx: Tx, vault: Vault, merge_id: UUID, author: Author, *, cascade: bool, now: datetime
) -> list[Parted]:
    """Undo a merge and, if asked to, those that depend on it: returns them in the order in which they were undone.

    Nothing happens if it was undone before.

    The two are kept apart from now on; those who were parted only because they depended on it are not. Raises
    `MergeNotFound`, `MergeHasDependents`, or `MergeEventsMax` where that would take too long.
    """
    await store.take_turn(tx, alone=True)
    merge = await store.lock_merge(tx, vault, merge_id)
    if merge is None:
        return []
    later = await store.merges_since(tx, vault, merge_id)
    since = await _events_since(tx, vault, merge)
    dependents = domain.dependents(merge, later, since)
    if dependents and not cascade:
        raise MergeHasDependents(merge_id, [each.merge_id for each in reversed(dependents)])
    if len(since) * (len(dependents) + 1) > EVENTS_MAX:  # each of them looks through those that came since it
        raise MergeEventsMax(merge_id, EVENTS_MAX)
    parted = [
        await _undo(tx, vault, each, author, requested=merge_id, now=now) for each in (*reversed(dependents), merge)
    ]
    await store.separate(tx, merge.survivor_id, merge.loser_id, author, merge_id=merge_id, now=now)
    await store.keep_apart(tx, merge.survivor_id, merge.loser_id)
    return parted


async def _events_since(tx: Tx, vault: Vault, merge: PastMerge) -> list[PastEvent]:
    """What came since a merge for all who are one person with its survivor now. Raises `MergeEventsMax`."""
    root = await store.root_of(tx, merge.survivor_id)
    own = set(await store.below(tx, merge.loser_id))
    everyone = [each for each in await store.everyone_of(tx, root) if each not in own]
    found: list[PastEvent] = []
    said = 0
    async for event in timeline_store.since(tx, vault, everyone, merge.first_event_id, limit=EVENTS_MAX + 1):
        found.append(_past(event))
        said += len(event.said)
        if len(found) > EVENTS_MAX or said > SAID_MAX:
            raise MergeEventsMax(merge.merge_id, EVENTS_MAX)
    return found


def _past(event: timeline.Recalled) -> PastEvent:
    traits = attributes.traits_of(event.said, event.type == timeline.EventType.IDENTIFY)
    facts = attributes.stated(traits, event.timestamp, event.source_id)
    return PastEvent(event.event_id, event.profile_id, event.keys(), facts)


async def _undo(tx: Tx, vault: Vault, merge: PastMerge, author: Author, *, requested: UUID, now: datetime) -> Parted:
    later = await store.merges_since(tx, vault, merge.merge_id)
    parting = domain.part(merge, later, await _events_since(tx, vault, merge))
    line, below = await store.line_of(tx, merge.survivor_id), await store.below(tx, merge.loser_id)
    remaining_id, restored_id = line[-1], merge.loser_id
    await store.mark_undone(tx, merge.merge_id, author, requested=requested, now=now)
    identifiers = await store.give_back(tx, vault, parting.keys, from_id=remaining_id, to_id=restored_id)
    await store.lead_back(tx, restored_id, below)
    await store.uncount(tx, merge.survivor_id, restored_id)
    ids = [event.event_id for event in parting.restored]
    await timeline_store.reassign(tx, ids, merge.loser_id, merge_id=merge.merge_id, now=now)
    await _date(tx, vault, merge, line, below)
    known = await _part_attributes(tx, vault, merge, later, parting, remaining_id, now)
    await timeline_store.count(tx, {"profiles": 1, "merges": -1})
    undone = events.Unmerge(merge, requested, remaining_id, below[1:], *known, identifiers)
    await events.profile_unmerged(tx, undone, len(ids), now=now)
    await _tell_reassigned(tx, vault, merge, parting, now)
    remaining_ids = await store.everyone_of(tx, remaining_id)
    return Parted(merge.merge_id, remaining_ids, restored_id, identifiers, author.actor)


async def _tell_reassigned(tx: Tx, vault: Vault, merge: PastMerge, parting: Parting, now: datetime) -> None:
    """Tell of each event that is the restored person's whose it was, few at a time in memory."""
    owners = {event.event_id: event.profile_id for event in parting.restored}
    ids = list(owners)
    for start in range(0, len(ids), TOLD_AT_ONCE):
        found = await timeline_store.events_of(tx, vault, ids[start : start + TOLD_AT_ONCE])
        moved = [(owners[event.event_id], event) for event in found]
        await events.event_reassigned(tx, merge, moved, now=now)


async def _date(tx: Tx, vault: Vault, merge: PastMerge, line: Sequence[UUID], below: Sequence[UUID]) -> None:
    """Correct when both were first seen, and what stands between the survivor and whom it is part of now."""
    was = await store.create_times(tx, [merge.loser_id])
    await _set_earliest(tx, merge.loser_id, was[merge.loser_id], below)
    unmerged = {merge.survivor_id: merge.survivor.create_time}
    for each in await store.merges_since(tx, vault, merge.merge_id):
        if each.loser_id in line:
            unmerged[each.survivor_id] = each.survivor.create_time
    for profile_id in line:
        await _set_earliest(tx, profile_id, unmerged[profile_id], await store.below(tx, profile_id))


async def _set_earliest(tx: Tx, profile_id: UUID, known: datetime, below: Sequence[UUID]) -> None:
    told = await timeline_store.first_time(tx, below), await store.first_seen(tx, profile_id)
    await store.set_create_time(tx, profile_id, min([known, *(time for time in told if time is not None)]))


async def _part_attributes(
    tx: Tx,
    vault: Vault,
    merge: PastMerge,
    later: Sequence[PastMerge],
    parting: Parting,
    remaining_id: UUID,
    now: datetime,
) -> tuple[Known, Known]:
    """Give each what is known of them. Both versions are above any that was told of either."""
    found, rules = await attribute_store.read(tx, vault, [remaining_id])
    known = found.get(remaining_id, NOTHING)
    remaining, restored = domain.parted_facts(known.facts, merge, later, parting, rules)
    gate, allowed = attributes.gate(rules, now), await attribute_store.permissions(tx, [remaining_id, merge.loser_id])
    remaining = gate.passed(remaining, allowed.get(remaining_id, NO_PERMISSION))
    restored = gate.passed(restored, allowed.get(merge.loser_id, NO_PERMISSION))
    version = max(known.version, merge.survivor.version, merge.loser.version) + 1
    parted = Known(remaining, version, now), Known(restored, version, now)
    pairs = zip((remaining_id, merge.loser_id), parted, strict=True)
    await attribute_store.save(tx, vault, sorted(pairs, key=lambda pair: pair[0]), now=now)
    return parted
