"""Records of who was made one, and who must not be."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class MergeRecord(NamedTuple):
    """The record of a merge. The identifiers are type, namespace, value and whether it was verified."""

    merge_id: UUID
    survivor_id: UUID
    loser_id: UUID
    event_id: UUID | None
    source_id: str
    trust: int
    reason: str
    rule_version: int
    identifiers: list[tuple[str, str, str, bool]]
    before: str
    actor: str
    note: str
    merge_time: datetime
    undo_time: datetime | None
    undo_actor: str
    undo_note: str
    undone_with: UUID | None


class Separation(NamedTuple):
    """Two profiles told apart: by whom, why, by the undoing of which merge."""

    low_id: UUID
    high_id: UUID
    merge_id: UUID | None
    actor: str
    note: str
    create_time: datetime
