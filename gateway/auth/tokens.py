"""Shoppers' tokens: JWTs that the mall's own login signs, checked by its published keys."""

import asyncio
import hashlib
import json
import re
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import KeySet

from chassis.caller import Caller
from chassis.errors import Unauthenticated, Unavailable
from gateway.auth.cache import Cache

ALGORITHMS = ["RS256", "ES256", "EdDSA", "Ed25519"]
TOKEN_BYTES_MAX = 8192
TOKENS_MAX = 50_000
REMEMBER_SECONDS_MAX = 60.0
LEEWAY_SECONDS = 30
KEYS_SECONDS_MAX = 300.0
KEYS_SECONDS_MIN = 10.0

_IS_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


class KeysInvalid(Exception):
    """The key set is none."""


class Keys(Protocol):
    """Where the issuer's public keys come from."""

    async def current(self, *, newer: bool = False) -> KeySet:
        """The keys; `newer` asks for ones fetched just now, if that is not too often."""


class FixedKeys:
    """Keys out of the settings."""

    def __init__(self, text: str) -> None:
        self._keys = key_set(text)

    async def current(self, *, newer: bool = False) -> KeySet:
        """The keys."""
        return self._keys


class FetchedKeys:
    """Keys that the issuer publishes at an address. Kept while a new fetch fails."""

    def __init__(self, url: str, client: httpx.AsyncClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url, self._client, self._monotonic = url, client, monotonic
        self._keys: KeySet | None = None
        self._fetching = asyncio.Lock()
        self._fetched = self._tried = float("-inf")

    async def current(self, *, newer: bool = False) -> KeySet:
        """The keys. Raises `Unavailable` if there never were any."""
        now = self._monotonic()
        is_needed = newer or self._keys is None
        if is_needed or (now - self._fetched > KEYS_SECONDS_MAX and not self._fetching.locked()):
            async with self._fetching:  # who needs what is being fetched waits for it
                if now - self._tried > KEYS_SECONDS_MIN:
                    self._tried = self._monotonic()
                    await self._fetch(now)
        if self._keys is None:
            raise Unavailable("the issuer's keys cannot be had", retry_after=KEYS_SECONDS_MIN)
        return self._keys

    async def _fetch(self, now: float) -> None:
        try:
            response = await self._client.get(self._url)
            response.raise_for_status()
            self._keys, self._fetched = key_set(response.text), now
        except (httpx.HTTPError, httpx.InvalidURL, KeysInvalid):
            return  # what was fetched before still holds


def key_set(text: str) -> KeySet:
    """A key set out of its JSON. Raises `KeysInvalid`."""
    try:
        return KeySet.import_key_set(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
        raise KeysInvalid(f"the key set is not valid: {error}") from None


class Tokens:
    """Turns a shopper's token into a caller. A token that held is not checked again for up to a minute."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str, claim: str) -> None:
        self._keys, self._claim = keys, claim
        self._registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        self._known: Cache[bytes, Caller] = Cache(TOKENS_MAX)

    async def caller(self, token: str) -> Caller:
        """The shopper. Raises `Unauthenticated`."""
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None:
            return known
        claims = await self._verified(token)
        profile_id = claims.get(self._claim)
        if not isinstance(profile_id, str) or not _IS_UUID(profile_id):
            raise Unauthenticated(f"the token's claim {self._claim} is no profile id")
        caller = Caller(f"shopper:{profile_id}", profile_id=profile_id)
        seconds = min(float(claims["exp"]) - time.time(), REMEMBER_SECONDS_MAX)
        if seconds > 0:
            self._known.put(key, caller, seconds)
        return caller

    async def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > TOKEN_BYTES_MAX:
            raise Unauthenticated("the token is too long")
        try:
            try:
                decoded = _decode(token, await self._keys.current())
            except InvalidKeyIdError:  # signed with a key that the issuer may have published since
                decoded = _decode(token, await self._keys.current(newer=True))
            self._registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unauthenticated("the token does not hold", why=type(error).__name__) from None
        return decoded.claims


def _decode(token: str, keys: KeySet) -> jwt.Token:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # EdDSA by its old name is what issuers still send
        return jwt.decode(token, keys, algorithms=ALGORITHMS)


Verify = Callable[[str], Awaitable[Caller]]
