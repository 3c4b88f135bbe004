"""The gRPC face of what is suppressed."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import grpc
from bowen.profile.v1 import profile_pb2, suppression_pb2
from bowen.profile.v1 import suppression_service_pb2 as pb
from bowen.profile.v1.suppression_service_pb2_grpc import SuppressionServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from chassis.stamps import stamp
from services.profile.identity.convert import claim_from_proto
from services.profile.suppressions import store
from services.profile.suppressions.domain import Reason, Suppression, hash_of
from services.profile.vault.domain import Vault

Context = grpc.aio.ServicerContext[Any, Any]


class SuppressionServicer(SuppressionServiceServicer):
    """Answers `bowen.profile.v1.SuppressionService`. The list is the brand's: a store's key may not."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db, self._clock, self._vault = db, clock, vault

    async def Suppress(self, request: pb.SuppressRequest, context: Context) -> pb.SuppressResponse:
        _check_brand()
        now, actor = self._clock.now(), current().caller.principal
        wanted = [
            Suppression(hashed, type_name, Reason.REQUESTED, actor, request.note, now)
            for hashed, type_name in self._hashes(request.identifiers).items()
        ]

        async def work(tx: Tx) -> pb.SuppressResponse:
            return pb.SuppressResponse(suppressed_count=await store.add(tx, wanted))

        return await once(self._db, request, work, pb.SuppressResponse)

    async def Unsuppress(self, request: pb.UnsuppressRequest, context: Context) -> pb.UnsuppressResponse:
        _check_brand()
        hashes = self._hashes(request.identifiers)

        async def work(tx: Tx) -> pb.UnsuppressResponse:
            return pb.UnsuppressResponse(unsuppressed_count=await store.remove(tx, hashes))

        return await once(self._db, request, work, pb.UnsuppressResponse)

    async def ListSuppressions(
        self, request: pb.ListSuppressionsRequest, context: Context
    ) -> pb.ListSuppressionsResponse:
        _check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            found = await store.page(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda each: [str(each.hash)])
        return pb.ListSuppressionsResponse(suppressions=[_to_proto(each) for each in page], next_page_token=token)

    def _hashes(self, identifiers: Iterable[profile_pb2.Identifier]) -> dict[UUID, str]:
        """Hashes of identifiers, with their types. Raises `IdentifierInvalid`."""
        claims = [claim_from_proto(each) for each in identifiers]
        return {hash_of(self._vault, claim.key): claim.kind.name for claim in claims}


def _check_brand() -> None:
    if current().caller.store_id:
        raise PermissionDenied("the suppression list is not a store's")


def _to_proto(suppression: Suppression) -> suppression_pb2.Suppression:
    return suppression_pb2.Suppression(
        suppression_id=str(suppression.hash),
        type=suppression.type,
        reason=suppression_pb2.Suppression.Reason.ValueType(suppression.reason),
        actor=suppression.actor,
        note=suppression.note,
        create_time=stamp(suppression.create_time),
    )
