"""The chain of hashes over a profile's entries, which shows whether one was changed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.profile.consent.domain.entries import NO_HASH, Entry, Statement
from services.profile.vault.domain import Vault

ADDRESS_BYTES = 16

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Chain(NamedTuple):
    """Where a profile's ledger ends."""

    length: int
    hash: bytes


START = Chain(0, b"")


def address_hash(vault: Vault, kind: str, value: str) -> bytes:
    """What stands for an address. `kind` is the type of identifier that it is, or else its channel."""
    return vault.hash("address", kind.encode(), value.encode(), size=ADDRESS_BYTES)


def written(vault: Vault, chain: Chain, said: Statement, consent_id: UUID, now: datetime) -> tuple[Entry, Chain]:
    """The entry that follows in a chain, and where the chain ends then."""
    ip_hash = vault.hash("consent-ip", consent_id.bytes, said.ip.encode()) if said.ip else NO_HASH
    draft = Entry(
        consent_id,
        said.profile_id,
        chain.length + 1,
        *said.scope,
        said.state,
        said.legal_basis,
        said.notice_version,
        said.text_hash,
        said.source,
        said.ip,
        ip_hash,
        said.actor,
        said.consent_time,
        now,
        NO_HASH,
    )
    entry = draft._replace(hash=_hash(vault, chain.hash, draft))
    return entry, Chain(entry.sequence, entry.hash)


def _hash(vault: Vault, previous: bytes, entry: Entry) -> bytes:
    """A keyed hash over the entry and the one before. The network address counts by its own hash: it may be erased."""
    return vault.hash("consent", previous, *(_bytes(value) for value in entry._replace(ip="", hash=NO_HASH)))


def _bytes(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case UUID():
            return value.bytes
        case datetime():
            return str((value - _EPOCH) // _MICROSECOND).encode()
        case IntEnum():
            return str(int(value)).encode()
        case _:
            return str(value).encode()


def broken_at(vault: Vault, chain: Chain, entries: Sequence[Entry]) -> int:
    """The place of the first of a profile's entries, in order, that is not what was written; 0 when all are."""
    previous = b""
    for place, entry in enumerate(entries, start=1):
        is_ip_true = not entry.ip or entry.ip_hash == vault.hash(
            "consent-ip", entry.consent_id.bytes, entry.ip.encode()
        )
        if entry.sequence != place or not is_ip_true or entry.hash != _hash(vault, previous, entry):
            return place
        previous = entry.hash
    return 0 if (len(entries), previous) == (chain.length, chain.hash) else len(entries) + 1
