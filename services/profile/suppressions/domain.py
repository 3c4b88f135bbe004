"""What is suppressed, and why."""

from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from chassis.ids import id_of
from services.profile.vault.domain import Vault

HASH_BYTES = 16


class Reason(IntEnum):
    """Why. The numbers are those of the contract."""

    REQUESTED = 1
    ERASED = 2


class Suppression(NamedTuple):
    """An identifier that is not taken in. The fields are the columns of the table."""

    hash: UUID
    type: str
    reason: int
    actor: str
    note: str
    create_time: datetime


def hash_of(vault: Vault, key: bytes) -> UUID:
    """What stands for an identifier, given by its key: nobody can tell by trying what is on the list."""
    return id_of(vault.hash("suppression", key, size=HASH_BYTES))
