"""What people said of consent, and what it can be about (spec people §1H)."""

from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

PROCESSING, PERSONALIZATION = "processing", "personalization"
OWN = frozenset({PROCESSING, PERSONALIZATION})
"""Purposes that Bowen itself heeds: being processed at all, and by automated decisions."""

SENSITIVE, GUARDIAN = "sensitive", "guardian"
GATES = (SENSITIVE, GUARDIAN)
"""Purposes without which attributes are not kept: sensitive ones, and all of a child. Banners may deny them alone."""

UNMERGE = "unmerge"
"""The source of what is written down because a merge was undone."""

KINDS_OF_ADDRESS = {"sms": "phone", "phone": "phone", "call": "phone", "email": "email"}
"""The type of identifier that a channel's addresses are."""


NO_HASH = b""


class State(IntEnum):
    """What was said. The numbers are those of the contract."""

    GRANTED = 1
    DENIED = 2
    WITHDRAWN = 3


class Kind(IntEnum):
    """Whether the service can do without a purpose. The numbers are those of the contract."""

    OPTIONAL = 1
    NECESSARY = 2


class Reason(IntEnum):
    """Why something may be done, or not. The numbers are those of the contract."""

    CONSENT_GRANTED = 1
    NECESSARY = 2
    CONSENT_MISSING = 3
    CONSENT_DENIED = 4
    CONSENT_WITHDRAWN = 5
    RESTRICTED = 6
    PERSONALIZATION_OFF = 7
    SUPPRESSED = 8
    GUARDIAN_MISSING = 9
    ADDRESS_LEFT = 10


class Scope(NamedTuple):
    """What a word is about. An empty channel is every channel, an empty address every address of it."""

    purpose: str
    channel: str = ""
    address_hash: bytes = NO_HASH

    def covers(self, other: "Scope") -> bool:
        """Whether what is said of this holds for the other too."""
        return (
            self.purpose == other.purpose
            and self.channel in ("", other.channel)
            and self.address_hash in (NO_HASH, other.address_hash)
        )


class Statement(NamedTuple):
    """What a person said, not written down yet."""

    profile_id: UUID
    scope: Scope
    state: State
    legal_basis: int
    notice_version: str
    text_hash: str
    source: str
    ip: str
    actor: str
    consent_time: datetime


class Entry(NamedTuple):
    """What a person said, as it is written down. The fields are the columns of the table."""

    consent_id: UUID
    profile_id: UUID
    sequence: int
    purpose: str
    channel: str
    address_hash: bytes
    state: int
    legal_basis: int
    notice_version: str
    text_hash: str
    source: str
    ip: str
    ip_hash: bytes
    actor: str
    consent_time: datetime
    record_time: datetime
    hash: bytes

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return Scope(self.purpose, self.channel, self.address_hash)

    @property
    def is_grant(self) -> bool:
        """Whether it says yes."""
        return self.state == State.GRANTED


class Purpose(NamedTuple):
    """What data is used for."""

    purpose: str
    kind: int
    description: str
    assessment: str
    update_time: datetime


class Flags(NamedTuple):
    """How somebody may be processed."""

    is_restricted: bool = False
    is_personalization_off: bool = False
