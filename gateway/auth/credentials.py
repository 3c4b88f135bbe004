"""From the credentials of a request to a caller, or to a source of events."""

import hmac
from typing import Protocol

from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import Unauthenticated
from gateway.auth.cache import Cache
from gateway.keys import store
from gateway.keys.domain import API_KEY, WRITE_KEY, ApiKey, WriteKey, hash_of

REVOKED_WITHIN_S = 1.0
"""How long a key may still be accepted after its revocation: how long a look-up is remembered."""
KEYS_MAX = 20_000
SECRET_LENGTH_MAX = 200
ROOT = "root"


class ShopperTokens(Protocol):
    """What knows shoppers by their tokens."""

    async def caller(self, token: str) -> Caller:
        """The shopper. Raises `Unauthenticated`."""


class Credentials:
    """Knows callers by key or token. Unknown keys are remembered as briefly as known ones."""

    def __init__(
        self, db: Database, scopes: frozenset[str], *, root_key: str = "", tokens: ShopperTokens | None = None
    ) -> None:
        self._db, self._tokens = db, tokens
        self._root_hash = hash_of(root_key) if root_key else None
        self._root = Caller(ROOT, scopes)
        self._api_keys: Cache[bytes, Caller | None] = Cache(KEYS_MAX)
        self._write_keys: Cache[bytes, WriteKey | None] = Cache(KEYS_MAX)

    async def caller(self, authorization: str) -> Caller:
        """The caller behind an `Authorization` header. Raises `Unauthenticated`."""
        if not authorization:
            raise Unauthenticated("send an API key or a shopper's token as `Authorization: Bearer …`")
        kind, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if kind.lower() != "bearer" or not secret:
            raise Unauthenticated("the header Authorization must be `Bearer` and a key or token")
        if secret.count(".") == 2 and self._tokens is not None and not secret.startswith(API_KEY):
            return await self._tokens.caller(secret)
        return await self._by_key(secret)

    async def _by_key(self, secret: str) -> Caller:
        key_hash = hash_of(secret)
        if self._root_hash is not None and hmac.compare_digest(key_hash, self._root_hash):
            return self._root
        caller = None
        if secret.startswith(API_KEY) and len(secret) <= SECRET_LENGTH_MAX:
            caller = await self._api_keys.load(key_hash, lambda: self._find_caller(key_hash), REVOKED_WITHIN_S)
        if caller is None:
            raise Unauthenticated("the key is not known, or has been revoked")
        return caller

    async def _find_caller(self, key_hash: bytes) -> Caller | None:
        async with self._db.read() as tx:
            key = await store.find_api_key(tx, key_hash)
        return None if key is None else _caller(key)

    async def source(self, write_key: str) -> WriteKey:
        """The source behind a write key. Raises `Unauthenticated`."""
        source = None
        if write_key.startswith(WRITE_KEY) and len(write_key) <= SECRET_LENGTH_MAX:
            key_hash = hash_of(write_key)
            source = await self._write_keys.load(key_hash, lambda: self._find_source(key_hash), REVOKED_WITHIN_S)
        if source is None:
            raise Unauthenticated("the write key is not known, or has been revoked")
        return source

    async def _find_source(self, key_hash: bytes) -> WriteKey | None:
        async with self._db.read() as tx:
            return await store.find_write_key(tx, key_hash)


def _caller(key: ApiKey) -> Caller:
    return Caller(f"key:{key.key_id}", frozenset(key.scopes), str(key.store_id or ""))
