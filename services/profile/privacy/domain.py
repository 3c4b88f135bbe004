"""Requests of people about their data, and what they are made of."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

OWN = "profile"
OTHERS = ("distribution", "incentive", "tagging")
"""The services that hold something about people."""

RESIDUE = timedelta(days=7)
"""How long streams keep facts."""

BUNDLE_KEPT = timedelta(days=30)


class Type(IntEnum):
    """What is asked for. The numbers are those of the contract."""

    ACCESS = 1
    EXPORT = 2
    ERASE = 3
    ANONYMIZE = 4
    RESTRICT = 5
    RECTIFY = 6
    OBJECT = 7


BUNDLES = frozenset({Type.ACCESS, Type.EXPORT})
ERASURES = frozenset({Type.ERASE, Type.ANONYMIZE})


class State(IntEnum):
    """Where a request stands. The numbers are those of the contract."""

    IN_PROGRESS = 1
    COMPLETED = 2
    CANCELLED = 3


class Request(NamedTuple):
    """What a person asked for. The fields are the columns of the table."""

    privacy_request_id: UUID
    type: int
    state: int
    profile_id: UUID
    token: UUID | None
    actor: str
    note: str
    create_time: datetime
    complete_time: datetime | None


class Step(NamedTuple):
    """A service's part in it."""

    privacy_request_id: UUID
    service: str
    counts: Mapping[str, int]
    proof_hash: str
    done_time: datetime | None


class Part(NamedTuple):
    """A part of a bundle; `lines` is sealed. The fields are the columns of the table."""

    privacy_request_id: UUID
    service: str
    number: int
    total: int
    line_count: int
    sha256: str
    lines: str


LINK_ATTEMPTS_MAX = 5
"""How many downloads may begin: connections break, and whoever has the link may not try for ever."""


class Link(NamedTuple):
    """A one-time link to a bundle. The fields are the columns of the table."""

    token_hash: bytes
    privacy_request_id: UUID
    actor: str
    attempt: int
    create_time: datetime
    expire_time: datetime
    end_time: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Whether it is neither used nor expired."""
        return self.end_time is None and now < self.expire_time


def hash_of_token(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


EVENT, ATTRIBUTE, PROFILE, REJECTION = "event", "attribute", "profile", "rejection"
"""What is kept for a while."""


class Retention(NamedTuple):
    """How long a class of things is kept. The fields are the columns of the table."""

    name: str
    days: int
    actor: str
    update_time: datetime

    def split(self) -> tuple[str, str]:
        """The kind of things, and which of them."""
        kind, _, name = self.name.partition(":")
        return kind, name


class Order(NamedTuple):
    """A request to make. `attributes` is the text of a JSON object; `is_suppressing`: an erased person's identifiers
    are not taken in again."""

    type: Type
    is_whole_person: bool
    attributes: str
    purposes: tuple[str, ...]
    actor: str
    note: str
    is_suppressing: bool = True


def about(request_id: UUID, service: str, number: int) -> bytes:
    """What the lines of a part of a bundle are bound to."""
    return f"bundle/{request_id}/{service}/{number}".encode()


def hash_of(lines: str) -> str:
    """SHA-256 of a part."""
    return hashlib.sha256(lines.encode()).hexdigest()
