"""Reading people with all that was said of them, and who has to do with whom."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto

from chassis.db import ReadTx, driver
from services.profile.identity.domain import (
    MANUAL,
    Correction,
    Heard,
    Held,
    MoveReason,
    Origin,
    Release,
    Reunion,
    Sign,
    Stood,
    Trust,
    key_of,
)
from services.profile.identity.store import forms
from services.profile.timeline.domain import keys_in
from services.profile.vault.domain import Vault

Root = UUID
"""The id of somebody who is merged into nobody."""

_NEXT = """
SELECT profile_id FROM profile
WHERE profile_id > $1 AND NOT EXISTS (SELECT FROM redirect WHERE loser_id = profile_id) ORDER BY profile_id LIMIT $2
"""
_OWN = """
WITH own (root, profile_id) AS (
    SELECT root, root FROM unnest($1::uuid[]) AS root
    UNION ALL SELECT survivor_id, loser_id FROM redirect WHERE survivor_id = ANY($1)
)
"""
_TIED = f"""
{_OWN}, tied (root, profile_id) AS (
    SELECT root, loser_id FROM own JOIN merge ON merge.survivor_id = own.profile_id
    UNION SELECT root, survivor_id FROM own JOIN merge ON merge.loser_id = own.profile_id
    UNION SELECT root, high_id FROM own JOIN separation ON low_id = own.profile_id
    UNION SELECT root, low_id FROM own JOIN separation ON high_id = own.profile_id
    UNION SELECT root, to_profile_id FROM own JOIN identifier_move ON from_profile_id = own.profile_id
    UNION SELECT root, from_profile_id FROM own JOIN identifier_move ON to_profile_id = own.profile_id
)
SELECT DISTINCT root, coalesce(led.survivor_id, tied.profile_id)
FROM tied LEFT JOIN redirect AS led ON led.loser_id = tied.profile_id WHERE tied.profile_id IS NOT NULL
"""  # noqa: S608 (names of our own)
_NAMED_BY = f"""
{_OWN}
SELECT root, key FROM own JOIN encounter USING (profile_id)
UNION
SELECT profile_id, key FROM identifier
WHERE profile_id = ANY($1) AND EXISTS (SELECT FROM encounter WHERE encounter.key = identifier.key)
"""  # noqa: S608 (names of our own)
_NAMING = """
SELECT coalesce(led.survivor_id, found.profile_id), found.key
FROM (
    SELECT key, profile_id FROM identifier WHERE key = ANY($1)
    UNION SELECT key, profile_id FROM encounter WHERE key = ANY($1)
) AS found LEFT JOIN redirect AS led ON led.loser_id = found.profile_id
"""
_IDS = f"{_OWN} SELECT profile_id, root FROM own"  # noqa: S608 (names of our own)
_HELD = """
SELECT key, profile_id, type, namespace, value, verified, first_seen_time, last_seen_time, last_verified_time,
       source_id, event_id, trust, touched, suspect_time, release_id
FROM identifier WHERE profile_id = ANY($1) ORDER BY key
"""
_CONFLICTS = "SELECT profile_id, key, rule, type, namespace, value FROM conflict WHERE profile_id = ANY($1)"
_MOVES = """
SELECT move_id, key, type, namespace, value, verified, from_profile_id, to_profile_id, reason, source_id, event_id,
       actor, note, move_time
FROM identifier_move WHERE from_profile_id = ANY($1) OR to_profile_id = ANY($1)
"""
_MERGES = """
SELECT merge_id, survivor_id, loser_id, event_id, reason, identifiers, merge_time, undo_time FROM merge
WHERE survivor_id = ANY($1) ORDER BY merge_id
"""
_SEPARATIONS = "SELECT low_id, high_id FROM separation WHERE low_id = ANY($1) OR high_id = ANY($1)"
_EVIDENCE = """
SELECT evidence_id, profile_id, source_id, trust, identifiers, proven, time FROM evidence WHERE profile_id = ANY($1)
"""
_BY_HAND = MoveReason.REASSIGNED, MoveReason.REMOVED


class MergeRow(NamedTuple):
    """A merge. `keys` stand for the identifiers that linked both."""

    merge_id: UUID
    survivor_id: UUID
    loser_id: UUID
    event_id: UUID | None
    is_manual: bool
    keys: frozenset[bytes]
    time: datetime
    is_standing: bool

    def stood(self) -> Stood:
        """As one that stands."""
        return Stood(*self[:3])

    def reunion(self) -> Reunion:
        """As one that nothing else says."""
        return Reunion(*self[:3], self.time)


async def people_after(tx: ReadTx, after: UUID, *, limit: int) -> list[Root]:
    """People who are merged into nobody, in order of id, at most `limit` after an id."""
    return [row["profile_id"] for row in await (await driver(tx)).fetch(_NEXT, after, limit)]


async def tied_to(tx: ReadTx, roots: Collection[Root]) -> list[tuple[Root, Root]]:
    """With whom people were merged, from whom they were told apart, to whom identifiers of theirs went."""
    return [tuple(row) for row in await (await driver(tx)).fetch(_TIED, list(roots))]


async def named_by(tx: ReadTx, roots: Collection[Root]) -> list[tuple[Root, bytes]]:
    """By which identifiers people were named that somebody else was named by too."""
    return [(root, key.bytes) for root, key in await (await driver(tx)).fetch(_NAMED_BY, list(roots))]


async def naming(tx: ReadTx, keys: Iterable[bytes]) -> list[tuple[Root, bytes]]:
    """Who holds identifiers, or was named by them."""
    rows = await (await driver(tx)).fetch(_NAMING, list(map(pgproto.UUID, keys)))
    return [(root, key.bytes) for root, key in rows]


async def ids_of(tx: ReadTx, roots: Collection[Root]) -> dict[UUID, Root]:
    """All ids of people, each with whom it leads to."""
    return dict(await (await driver(tx)).fetch(_IDS, list(roots)))


async def held_by(tx: ReadTx, vault: Vault, roots: Collection[Root]) -> tuple[list[Held], list[Release]]:
    """The identifiers of people, by what stands for them, and which somebody let name people again."""
    rows = await (await driver(tx)).fetch(_HELD, list(roots))
    held = [_held(vault, *row) for row in rows]
    return held, [Release(row["release_id"], row["key"].bytes) for row in rows if row["release_id"]]


def _held(vault: Vault, stored: UUID, *row: Any) -> Held:
    *columns, _ = row
    held = Held(stored.bytes, *columns)
    return held._replace(value=forms.value(vault, stored, held.value))


async def refused_to(tx: ReadTx, vault: Vault, ids: Collection[UUID]) -> dict[bytes, Sign]:
    """The identifiers that were not believed of people."""
    found = {}
    for profile_id, key, rule, type_name, namespace, sealed in await (await driver(tx)).fetch(_CONFLICTS, list(ids)):
        value = vault.unseal(sealed, forms.refused_about(profile_id, key, rule))
        found[key.bytes] = Sign(type_name, namespace, value)
    return found


async def moved_of(tx: ReadTx, vault: Vault, ids: Collection[UUID]) -> tuple[dict[bytes, Sign], list[Correction]]:
    """The contacts that left people or came to them, and what of that was done by hand."""
    signs, corrections = {}, []
    for row in await (await driver(tx)).fetch(_MOVES, list(ids)):
        key, move = row["key"].bytes, forms.move(vault, [row["move_id"], *row[2:]])
        signs[key] = Sign(move.type, move.namespace, move.value)
        if move.reason in _BY_HAND:
            corrections.append(Correction(move.move_id, key, *move[5:7], move.verified, move.move_time))
    return signs, corrections


async def merges_of(tx: ReadTx, vault: Vault, ids: Collection[UUID]) -> list[MergeRow]:
    """The merges of people, also those that were undone, in order."""
    return [_merge(vault, row) for row in await (await driver(tx)).fetch(_MERGES, list(ids))]


def _merge(vault: Vault, row: Any) -> MergeRow:
    merge_id, survivor_id, loser_id, event_id, reason, sealed, time, undo_time = row
    keys = frozenset(vault.index(key_of(*each[:3])) for each in forms.named(vault, merge_id, sealed))
    return MergeRow(merge_id, survivor_id, loser_id, event_id, reason == MANUAL, keys, time, undo_time is None)


async def apart_from(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """From which ids some were told apart."""
    apart: dict[UUID, set[UUID]] = defaultdict(set)
    for low, high in await (await driver(tx)).fetch(_SEPARATIONS, list(ids)):
        apart[low].add(high)
        apart[high].add(low)
    return apart


async def said_of(tx: ReadTx, ids: Collection[UUID], parted: Collection[UUID]) -> list[Heard]:
    """What was said of people without an event; of those who were `parted` since, nobody knows whom it is about now."""
    return [_said(row, parted) for row in await (await driver(tx)).fetch(_EVIDENCE, list(ids))]


def _said(row: Any, parted: Collection[UUID]) -> Heard:
    evidence_id, profile_id, source_id, trust, identifiers, proven, time = row
    origin, is_id = Origin(time, source_id, None, Trust(trust)), None if profile_id in parted else profile_id
    return Heard(evidence_id, profile_id, is_id, origin, keys_in(identifiers), proven)
