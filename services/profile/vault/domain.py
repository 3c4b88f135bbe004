"""Keyed hashes and sealed text, and the keys for both, which are themselves sealed with a key from outside.

The key from outside (`Wrapping`) opens the keys in the database; those do the work. So the one outside can be changed
without touching what was sealed, and a copy of the database alone says nothing.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.entropy import random_bytes
from services.profile.vault.errors import KeyWrong

KEY_BYTES = 32
NONCE_BYTES = 12
HASH_BYTES = 32
INDEX_BYTES = 16
INDEXED_MAX = 65_536
INDEX, DATA = "index", "data"
"""What a key is for: hashes, of which there is one key for ever; text, whose keys follow each other by version."""

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
HEAD_START = timedelta(minutes=10)
"""How long a new key is known before text is sealed with it, and used before text is sealed anew: replicas learn of it
every minute."""

SEALED = "bowen-sealed:"
"""What sealed text begins with, which plain JSON never does."""


class Wrapped(NamedTuple):
    """A key as the database keeps it."""

    name: str
    version: int
    wrapping_id: str
    content: bytes
    active_time: datetime = ALWAYS


class Wrapping(NamedTuple):
    """A key from outside, which opens those in the database."""

    wrapping_id: str
    key: bytes

    def wrap(self, name: str, version: int, key: bytes, active_time: datetime = ALWAYS) -> Wrapped:
        """Seal a key."""
        nonce = os.urandom(NONCE_BYTES)
        content = nonce + AESGCM(self.key).encrypt(nonce, key, f"{name}/{version}".encode())
        return Wrapped(name, version, self.wrapping_id, content, active_time)

    def unwrap(self, wrapped: Wrapped) -> bytes:
        """Open a key. Raises `KeyWrong`."""
        nonce, content = wrapped.content[:NONCE_BYTES], wrapped.content[NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, content, f"{wrapped.name}/{wrapped.version}".encode())
        except InvalidTag:
            raise KeyWrong(f"the key {wrapped.name}/{wrapped.version} does not open") from None


def wrapping(text: str) -> Wrapping:
    """The key that a setting holds: base64 of 32 random bytes. Raises `ValueError`."""
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("must be 32 random bytes in base64")
    return Wrapping(hashlib.sha256(b"bowen-wrapping\0" + key).hexdigest()[:16], key)


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def version_at(active_times: Mapping[int, datetime], now: datetime) -> int:
    """The version of the key that text is sealed with at a time."""
    return max(version for version, active in active_times.items() if active <= now)


def missing(versions: Iterable[int], wanted: int, now: datetime) -> dict[int, datetime]:
    """The versions to make so that one is there, with when they become active: the first of all at once."""
    known = max(versions, default=0)
    return {version: now + HEAD_START if version > 1 else ALWAYS for version in range(known + 1, max(wanted, 1) + 1)}


def _hasher(key: bytes, purpose: str, size: int) -> "hashlib.blake2b":
    """The hash of nothing, from which all of a purpose begin: copying it spares mixing in the key."""
    return hashlib.blake2b(key=key, person=purpose.encode(), digest_size=size)


class Vault:
    """The keys of a service, open. Made once and shared: it holds no state but keys.

    `version` is that of the key that text is sealed with: the newest unless told otherwise.
    """

    def __init__(self, index_key: bytes, data_keys: Mapping[int, bytes], version: int = 0) -> None:
        self._hashers = cache(partial(_hasher, index_key))
        self.learn(data_keys, version or max(data_keys))
        self._indexed = lru_cache(maxsize=INDEXED_MAX)(partial(self.hash, "identifier", size=INDEX_BYTES))

    def learn(self, data_keys: Mapping[int, bytes], version: int) -> None:
        """Open what these keys seal, and seal with that of the version, from now on."""
        self._ciphers = {each: AESGCM(key) for each, key in data_keys.items()}
        self.version, self._mark = version, f"{SEALED}{version}:"

    def hash(self, purpose: str, *parts: bytes, size: int = HASH_BYTES) -> bytes:
        """A keyed hash (BLAKE2b, RFC 7693, section 2.9): who lacks the key cannot tell what was hashed by trying."""
        hashed = self._hashers(purpose, size).copy()
        hashed.update(b"".join([len(part).to_bytes(4, "big") + part for part in parts]))
        return hashed.digest()

    def index(self, key: bytes) -> bytes:
        """What stands for an identifier, given by its key, in every table: a phone's cannot be found by trying."""
        return self._indexed(key)

    @property
    def mark(self) -> str:
        """What text begins with that was sealed with the newest key."""
        return self._mark

    def is_current(self, text: str) -> bool:
        """Whether text was sealed with the newest key."""
        return text.startswith(self.mark)

    def seal(self, text: str, about: bytes) -> str:
        """The text, sealed with the newest key and bound to what it is about: moved elsewhere it does not open."""
        nonce = random_bytes(NONCE_BYTES)
        content = nonce + self._ciphers[self.version].encrypt(nonce, text.encode(), about)
        return self._mark + binascii.b2a_base64(content, newline=False).decode()

    def unseal(self, text: str, about: bytes) -> str:
        """The text that was sealed; text that never was, as it is. Raises `KeyWrong`."""
        if not text.startswith(SEALED):
            return text
        version, _, encoded = text[len(SEALED) :].partition(":")
        try:
            content = base64.b64decode(encoded, validate=True)
            cipher = self._ciphers[int(version)]
            return cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], about).decode()
        except (InvalidTag, KeyError, ValueError):
            raise KeyWrong("sealed text does not open") from None
