"""What stands in the tables for what names a person: keyed hashes to find it by, sealed text to show it by."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.profile.identity.domain import BlockedValue, MoveRecord
from services.profile.vault.domain import Vault

Named = Sequence[tuple[str, str, str, bool]]
"""Type, namespace, value, verified."""

_named = msgspec.json.Decoder(list[tuple[str, str, str, bool]])


def seal_value(vault: Vault, stored: UUID, value: str) -> str:
    """The value of an identifier that is found by `stored`."""
    return vault.seal(value, b"i" + stored.bytes)


def value(vault: Vault, stored: UUID, sealed: str) -> str:
    """The value that was sealed."""
    return vault.unseal(sealed, b"i" + stored.bytes)


def seal_refused(vault: Vault, profile_id: UUID, stored: UUID, rule: str, value: str) -> str:
    """The value of a claim that was not believed."""
    return vault.seal(value, refused_about(profile_id, stored, rule))


def refused(vault: Vault, profile_id: UUID, stored: UUID, rule: str, sealed: str) -> str:
    """The value of a claim that was not believed, as it was."""
    return vault.unseal(sealed, refused_about(profile_id, stored, rule))


def refused_about(profile_id: UUID, stored: UUID, rule: str) -> bytes:
    """What the value of a claim that was not believed is bound to."""
    return b"f" + profile_id.bytes + stored.bytes + rule.encode()


def seal_move(vault: Vault, move: MoveRecord) -> MoveRecord:
    """A move as its row holds it."""
    return move._replace(value=vault.seal(move.value, b"v" + move.move_id.bytes))


def move(vault: Vault, row: Any) -> MoveRecord:
    """A move as it was."""
    record = MoveRecord(*row)
    return record._replace(value=vault.unseal(record.value, b"v" + record.move_id.bytes))


def seal_named(vault: Vault, merge_id: UUID, named: Named) -> str:
    """The identifiers that made a merge."""
    return vault.seal(msgspec.json.encode(named).decode(), b"n" + merge_id.bytes)


def named(vault: Vault, merge_id: UUID, sealed: str) -> list[tuple[str, str, str, bool]]:
    """The identifiers that made a merge, as they were."""
    return _named.decode(vault.unseal(sealed, b"n" + merge_id.bytes))


def seal_before(vault: Vault, merge_id: UUID, before: str) -> str:
    """How both sides of a merge stood before it."""
    return vault.seal(before, b"b" + merge_id.bytes)


def before(vault: Vault, merge_id: UUID, sealed: str) -> str:
    """How both sides of a merge stood before it, as it was."""
    return vault.unseal(sealed, b"b" + merge_id.bytes)


def blocked_key(vault: Vault, blocked: BlockedValue) -> UUID:
    """What stands for a value or pattern that was blocked, so that it is blocked once."""
    kind = b"pattern" if blocked.is_pattern else b"value"
    return UUID(bytes=vault.hash("blocked-value", blocked.type.encode(), blocked.value.encode(), kind, size=16))


def seal_blocked(vault: Vault, blocked: BlockedValue) -> BlockedValue:
    """A blocked value as its row holds it."""
    return blocked._replace(value=vault.seal(blocked.value, b"k" + blocked.blocked_value_id.bytes))


def blocked(vault: Vault, sealed: BlockedValue) -> BlockedValue:
    """A blocked value as it was."""
    return sealed._replace(value=vault.unseal(sealed.value, b"k" + sealed.blocked_value_id.bytes))
