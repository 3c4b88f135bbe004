"""An event of a person's timeline."""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

KEY_BYTES = 16


class EventType(IntEnum):
    """The kinds of the Segment vocabulary. The numbers are those of the contract."""

    TRACK = 1
    IDENTIFY = 2
    PAGE = 3
    SCREEN = 4
    GROUP = 5
    ALIAS = 6


OWN = "profile"
HAPPENING = 7
"""The kind of what another service told of a person."""


class Happening(NamedTuple):
    """What another service told of a person. The fields are the columns of its table; `properties` is sealed there."""

    event_id: UUID
    profile_id: UUID
    service: str
    name: str
    properties: str
    timestamp: datetime
    receive_time: datetime


class Event(NamedTuple):
    """One event as it is stored. The fields are the columns of its table; `identifiers` are what
    stands for them, 16 bytes each: see `Vault.index`. The ids of people are sealed. `proven` tells by bit which
    identifiers were; None of events that an earlier release stored."""

    event_id: UUID
    profile_id: UUID
    message_id: str
    type: int
    name: str
    source_id: str
    trust: int
    user_id: str
    anonymous_id: str
    previous_id: str
    group_id: str
    identifiers: bytes
    ignored: str
    properties: str
    context: str
    timestamp: datetime
    original_time: datetime
    sent_time: datetime | None
    receive_time: datetime
    proven: int | None


class Recalled(NamedTuple):
    """An event as far as undoing a merge looks at it. `profile_id` is whose it is now, `identifiers` as in `Event`.

    `said` is the JSON text that holds what it states of its person: traits of identify; the context of the others, if
    there are traits in it.
    """

    event_id: UUID
    profile_id: UUID
    identifiers: bytes
    type: int
    source_id: str
    timestamp: datetime
    said: str

    def keys(self) -> tuple[bytes, ...]:
        """What stands for the identifiers it names, the highest-ranked first."""
        return keys_in(self.identifiers)


class Named(NamedTuple):
    """Whom an event named: `was_id` is whose it was when it came, `is_id` whose now, the rest as in `Event`."""

    event_id: UUID
    was_id: UUID
    is_id: UUID
    type: int
    previous_id: str
    source_id: str
    trust: int
    timestamp: datetime
    identifiers: bytes
    proven: int | None


def keys_in(identifiers: bytes) -> tuple[bytes, ...]:
    """What stands side by side in an event's `identifiers`."""
    return tuple(identifiers[at : at + KEY_BYTES] for at in range(0, len(identifiers), KEY_BYTES))


class Position(NamedTuple):
    """A place in a timeline: that of an event."""

    timestamp: datetime
    event_id: UUID


class Filter(NamedTuple):
    """Which events of a timeline are wanted. The window is half open."""

    name: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    service: str = ""
    types: Sequence[int] = ()
    source_id: str = ""
