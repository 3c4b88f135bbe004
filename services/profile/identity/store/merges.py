"""The records of merges: what each was made of, how both sides stood before it, whether it still stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from chassis.pagination import LAST_ID
from services.profile.attributes.domain.rules import Fact
from services.profile.identity.domain import Author, Merge, MergeRecord, PastMerge, Side, key_of
from services.profile.identity.errors import MergeNotFound
from services.profile.identity.store import forms
from services.profile.identity.store.writes import execute
from services.profile.vault.domain import Vault

_SAVE = """
INSERT INTO merge (merge_id, survivor_id, loser_id, event_id, source_id, trust, reason, rule_version, identifiers,
                   before, actor, note, merge_time)
SELECT *, $13 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::smallint[], $7::text[],
                          $8::int[], $9::text[], $10::text[], $11::text[], $12::text[])
"""
_READ = """
SELECT merge_id, survivor_id, loser_id, event_id, source_id, trust, reason, rule_version, identifiers, {before}, actor,
       note, merge_time, undo_time, undo_actor, undo_note, undone_with
FROM merge WHERE
"""
_LIST = "survivor_id = ANY($1) AND merge_id < $2 ORDER BY merge_id DESC LIMIT $3"
_UNDONE = "merge_id = $1 OR undone_with = $1 ORDER BY sequence DESC"
_PAST = "merge_id, sequence, survivor_id, loser_id, event_id, identifiers, before, merge_time, undo_time"
_LOCK = f"SELECT {_PAST} FROM merge WHERE merge_id = $1 FOR UPDATE"  # noqa: S608 (names of our own)
# The profiles through which the survivor of a merge leads to whom it is part of now, each with what made it lead there;
# then the merges that befell them since.
_LATER = f"""
WITH RECURSIVE line (profile_id, sequence) AS (
    SELECT survivor_id, sequence FROM merge WHERE merge_id = $1
    UNION ALL
    SELECT merge.survivor_id, merge.sequence FROM merge JOIN line ON merge.loser_id = line.profile_id
    WHERE merge.undo_time IS NULL
)
SELECT {", ".join(f"merge.{name}" for name in _PAST.split(", "))}
FROM merge JOIN line ON merge.survivor_id = line.profile_id AND merge.sequence >= line.sequence
WHERE merge.undo_time IS NULL AND merge.merge_id <> $1 ORDER BY merge.sequence
"""  # noqa: S608 (names of our own)
_BELOW = """
WITH RECURSIVE below (profile_id) AS (
    SELECT $1::uuid
    UNION ALL
    SELECT merge.loser_id FROM merge JOIN below ON merge.survivor_id = below.profile_id WHERE merge.undo_time IS NULL
)
SELECT profile_id FROM below
"""
_MARK_UNDONE = """
UPDATE merge SET undo_time = $2, undo_actor = $3, undo_note = $4, undone_with = $5 WHERE merge_id = $1
"""


class _Link(msgspec.Struct):
    type: str
    namespace: str
    value: str


class _Side(msgspec.Struct):
    """A side of a merge as `before` holds it; it holds more than undoing takes."""

    create_time: datetime
    links: list[_Link]
    facts: dict[str, Fact]
    version: int


class _Before(msgspec.Struct):
    survivor: _Side
    loser: _Side


_before = msgspec.json.Decoder(_Before)


async def save_merges(tx: Tx, vault: Vault, merges: Sequence[tuple[Merge, dict[str, Any]]], *, now: datetime) -> None:
    """Write the record of merges, each with what stood before it: all that undoing it takes."""
    rows = [
        (
            merge.merge_id,
            merge.survivor.profile_id,
            merge.loser.profile_id,
            merge.origin.event_id,
            merge.origin.source_id,
            merge.origin.trust,
            merge.reason,
            merge.rule_version,
            forms.seal_named(
                vault,
                merge.merge_id,
                [(each.kind.name, each.namespace, each.value, each.verified) for each in merge.claims],
            ),
            forms.seal_before(vault, merge.merge_id, msgspec.json.encode(before).decode()),
            merge.author.actor,
            merge.author.note,
        )
        for merge, before in merges
    ]
    await execute(tx, _SAVE, rows, now)


async def list_merges(
    tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID], *, before: bool, after: UUID | None, limit: int
) -> list[MergeRecord]:
    """Merges into any of the ids, newest first, at most `limit` that come after the merge `after`."""
    query = _READ.format(before="before" if before else "'' AS before") + _LIST
    return [_merge(vault, row) for row in await (await driver(tx)).fetch(query, profile_ids, after or LAST_ID, limit)]


async def get_merge(tx: ReadTx, vault: Vault, merge_id: UUID) -> MergeRecord:
    """Read a merge with how both sides stood before it. Raises `MergeNotFound`."""
    row = await (await driver(tx)).fetchrow(_READ.format(before="before") + "merge_id = $1", merge_id)
    if row is None:
        raise MergeNotFound(merge_id)
    return _merge(vault, row)


async def list_undone(tx: ReadTx, vault: Vault, merge_id: UUID) -> list[MergeRecord]:
    """A merge and those that were undone with it, in the order of their undoing."""
    rows = await (await driver(tx)).fetch(_READ.format(before="'' AS before") + _UNDONE, merge_id)
    return [_merge(vault, row) for row in rows]


def _merge(vault: Vault, row: Any) -> MergeRecord:
    reading, merge_id = MergeRecord(*row), row["merge_id"]
    named, before = forms.named(vault, merge_id, row["identifiers"]), forms.before(vault, merge_id, row["before"])
    return reading._replace(identifiers=named, before=before)


async def lock_merge(tx: Tx, vault: Vault, merge_id: UUID) -> PastMerge | None:
    """Hold a merge until the transaction ends; None if it was undone. Raises `MergeNotFound`."""
    row = await (await driver(tx)).fetchrow(_LOCK, merge_id)
    if row is None:
        raise MergeNotFound(merge_id)
    return _past(vault, row) if row["undo_time"] is None else None


async def merges_since(tx: Tx, vault: Vault, merge_id: UUID) -> list[PastMerge]:
    """Merges that stand and befell, after a merge, whom it had made; in their order."""
    return [_past(vault, row) for row in await (await driver(tx)).fetch(_LATER, merge_id)]


def _past(vault: Vault, row: Any) -> PastMerge:
    """The merge, with what stands for its identifiers in place of their keys: as events have it."""
    sides = _before.decode(forms.before(vault, row["merge_id"], row["before"]))
    named = forms.named(vault, row["merge_id"], row["identifiers"])
    return PastMerge(
        row["merge_id"],
        row["sequence"],
        row["survivor_id"],
        row["loser_id"],
        row["event_id"],
        tuple(vault.index(key_of(*each[:3])) for each in named),
        _side(vault, sides.survivor),
        _side(vault, sides.loser),
        row["merge_time"],
    )


def _side(vault: Vault, side: _Side) -> Side:
    keys = frozenset(vault.index(key_of(link.type, link.namespace, link.value)) for link in side.links)
    return Side(keys, side.create_time, side.facts, side.version)


async def below(tx: Tx, profile_id: UUID) -> list[UUID]:
    """A profile and all that were merged into it, directly and not, before it was merged itself."""
    return [row["profile_id"] for row in await (await driver(tx)).fetch(_BELOW, profile_id)]


async def mark_undone(tx: Tx, merge_id: UUID, author: Author, *, requested: UUID, now: datetime) -> None:
    """Note that a merge does not stand any more. `requested` is the merge whose undoing was asked for."""
    undone_with = None if requested == merge_id else requested
    await (await driver(tx)).execute(_MARK_UNDONE, merge_id, now, author.actor, author.note, undone_with)
