"""Records of what was decided and corrected about people and their identifiers."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class LinkReading(NamedTuple):
    """An identifier of a person, and whose word attached it."""

    type: str
    namespace: str
    value: str
    verified: bool
    first_seen_time: datetime
    last_seen_time: datetime
    last_verified_time: datetime | None
    suspect_time: datetime | None
    source_id: str
    event_id: UUID | None
    trust: int

    @property
    def proof(self) -> tuple[str, bool, datetime | None]:
        """Its type, whether it was proven, and when."""
        return self.type, self.verified, self.last_verified_time


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


class StoredIdentifier(NamedTuple):
    """An identifier, and what stands for it in every table."""

    type: str
    namespace: str
    value: str
    verified: bool
    key: UUID


class MoveRecord(NamedTuple):
    """An identifier left a person. `to_profile_id`: whom it names since; None where nobody."""

    move_id: UUID
    type: str
    namespace: str
    value: str
    verified: bool
    from_profile_id: UUID
    to_profile_id: UUID | None
    reason: int
    source_id: str
    event_id: UUID | None
    actor: str
    note: str
    move_time: datetime


class Quarantined(NamedTuple):
    """An identifier that was seen with too many people: with how many, and since when it names nobody."""

    type: str
    namespace: str
    value: str
    verified: bool
    profile_id: UUID
    seen_count: int
    suspect_time: datetime


class BlockedValue(NamedTuple):
    """A value, or a pattern of values, that names nobody: of one type, or of all where `type` is empty."""

    blocked_value_id: UUID
    type: str
    value: str
    is_pattern: bool
    actor: str
    note: str
    create_time: datetime
