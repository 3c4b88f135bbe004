"""Keys as values. Only their hashes are ever stored.

A key holds 190 random bits, so its SHA-256 is as good as the key is secret: there is nothing to guess, and
nothing for a slow password hash to slow down. It would only make every request slow.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 32
API_KEY = "bk_"
WRITE_KEY = "wk_"
PREFIX_LENGTH = 9


class Trust(IntEnum):
    """What a source of events may claim about identity; the numbers are the contract's."""

    PUBLIC = 1
    SERVER = 2


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key to the API, without the key."""

    key_id: UUID
    name: str
    scopes: tuple[str, ...]
    store_id: UUID | None
    prefix: str
    create_time: datetime
    revoke_time: datetime | None


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A source of events, without its key."""

    source_id: UUID
    name: str
    trust: Trust
    prefix: str
    create_time: datetime
    revoke_time: datetime | None


def new_secret(kind: str) -> str:
    """A new key: `bk_` or `wk_` and 32 random characters, 190 bits."""
    return kind + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_of(secret: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(secret.encode()).digest()


def refused_scopes(wanted: list[str], known: frozenset[str], held: frozenset[str]) -> list[tuple[str, str]]:
    """Scopes that a key cannot be given: no route asks for them, or its maker does not hold them itself."""
    refused: list[tuple[str, str]] = []
    for index, scope in enumerate(wanted):
        if scope not in known:
            refused.append((f"scopes[{index}]", "is asked for by no route"))
        elif scope not in held:
            refused.append((f"scopes[{index}]", "is not held by the calling key itself"))
    return refused
