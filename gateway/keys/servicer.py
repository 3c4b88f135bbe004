"""The contract's face of keys, served by the gateway itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from bowen.gateway.v1 import key_service_pb2 as pb
from google.protobuf.message import Message

from chassis import pagination
from chassis.caller import Caller, current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from chassis.ids import new_id
from gateway.errors import ScopeUnknown
from gateway.keys import store
from gateway.keys.convert import api_key_to_proto, write_key_to_proto
from gateway.keys.domain import (
    API_KEY,
    PREFIX_LENGTH,
    WRITE_KEY,
    ApiKey,
    Trust,
    WriteKey,
    hash_of,
    new_secret,
    refused_scopes,
)


class KeyServicer:
    """Makes, lists and revokes keys. The answer that shows a key is the only place where it is ever shown."""

    def __init__(self, db: Database, clock: Clock, scopes: frozenset[str]) -> None:
        self._db, self._clock, self._scopes = db, clock, scopes

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, _context: Any = None) -> pb.CreateApiKeyResponse:
        """Make a key that may do no more than its maker."""
        call = current()
        store_id = _store_for(call.caller, request.store_id)
        refused = refused_scopes(list(request.scopes), self._scopes, call.caller.scopes)
        if refused:
            raise ScopeUnknown.of_scopes(refused)
        secret = new_secret(API_KEY)

        async def work(tx: Tx) -> pb.CreateApiKeyResponse:
            scopes = tuple(sorted(set(request.scopes)))
            key = ApiKey(new_id(), request.name, scopes, store_id, secret[:PREFIX_LENGTH], self._now(), None)
            await store.add_api_key(tx, key, hash_of(secret))
            return pb.CreateApiKeyResponse(api_key=api_key_to_proto(key))

        response = await once(self._db, request, work, pb.CreateApiKeyResponse)
        if not call.replayed:
            response.key = secret  # after the answer was noted: the note must not hold the key
        return response

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, _context: Any = None) -> pb.ListApiKeysResponse:
        """List keys, oldest first."""
        size, after = _page(request)
        own_store = current().caller.store_id
        async with self._db.read() as tx:
            keys = await store.list_api_keys(tx, UUID(own_store) if own_store else None, after, size + 1)
        following = _following(request, [key.key_id for key in keys], size)
        return pb.ListApiKeysResponse(
            api_keys=[api_key_to_proto(key) for key in keys[:size]], next_page_token=following
        )

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, _context: Any = None) -> pb.RevokeApiKeyResponse:
        """Revoke a key."""
        own_store = current().caller.store_id

        async def work(tx: Tx) -> pb.RevokeApiKeyResponse:
            bound = UUID(own_store) if own_store else None
            key = await store.revoke_api_key(tx, UUID(request.key_id), bound, self._now())
            return pb.RevokeApiKeyResponse(api_key=api_key_to_proto(key))

        return await once(self._db, request, work, pb.RevokeApiKeyResponse)

    async def CreateWriteKey(
        self, request: pb.CreateWriteKeyRequest, _context: Any = None
    ) -> pb.CreateWriteKeyResponse:
        """Make a source of events."""
        _not_a_store(current().caller)
        secret = new_secret(WRITE_KEY)

        async def work(tx: Tx) -> pb.CreateWriteKeyResponse:
            key = WriteKey(new_id(), request.name, Trust(request.trust), secret[:PREFIX_LENGTH], self._now(), None)
            await store.add_write_key(tx, key, hash_of(secret))
            return pb.CreateWriteKeyResponse(write_key=write_key_to_proto(key))

        response = await once(self._db, request, work, pb.CreateWriteKeyResponse)
        if not current().replayed:
            response.write_key.write_key = secret
        return response

    async def ListWriteKeys(self, request: pb.ListWriteKeysRequest, _context: Any = None) -> pb.ListWriteKeysResponse:
        """List sources, oldest first."""
        _not_a_store(current().caller)
        size, after = _page(request)
        async with self._db.read() as tx:
            keys = await store.list_write_keys(tx, after, size + 1)
        following = _following(request, [key.source_id for key in keys], size)
        return pb.ListWriteKeysResponse(
            write_keys=[write_key_to_proto(key) for key in keys[:size]], next_page_token=following
        )

    async def RevokeWriteKey(
        self, request: pb.RevokeWriteKeyRequest, _context: Any = None
    ) -> pb.RevokeWriteKeyResponse:
        """Revoke a write key."""
        _not_a_store(current().caller)

        async def work(tx: Tx) -> pb.RevokeWriteKeyResponse:
            key = await store.revoke_write_key(tx, UUID(request.source_id), self._now())
            return pb.RevokeWriteKeyResponse(write_key=write_key_to_proto(key))

        return await once(self._db, request, work, pb.RevokeWriteKeyResponse)

    def _now(self) -> datetime:
        return self._clock.now()


def _store_for(caller: Caller, wanted: str) -> UUID | None:
    """The store a new key is bound to: a key of a store makes keys of that store only."""
    if caller.store_id and wanted != caller.store_id:
        raise PermissionDenied(
            "a key that is bound to a store makes keys for that store only", store_id=caller.store_id
        )
    return UUID(wanted) if wanted else None


def _not_a_store(caller: Caller) -> None:
    if caller.store_id:
        raise PermissionDenied("sources of events are not a store's own", store_id=caller.store_id)


def _page(request: Any) -> tuple[int, UUID | None]:
    return pagination.page_size(request.page_size), pagination.after(request, pagination.parse_id)


def _following(request: Message, ids: list[UUID], size: int) -> str:
    return pagination.encode_token(request, [str(ids[size - 1])]) if len(ids) > size else ""
