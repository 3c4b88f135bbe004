"""The gRPC face of requests, bundles, and looks at people as they are."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc
from bowen.profile.v1 import privacy_pb2
from bowen.profile.v1 import privacy_service_pb2 as pb

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from chassis.stamps import stamp
from services.profile.attributes import store as attributes
from services.profile.attributes.domain import NOTHING
from services.profile.identity import convert as identity_convert
from services.profile.identity import store as identity
from services.profile.identity.errors import ProfileNotFound
from services.profile.looks import domain as looks
from services.profile.looks import operations as look_operations
from services.profile.looks import store as look_store
from services.profile.privacy import convert, domain, operations, store
from services.profile.privacy.domain import Request, Retention
from services.profile.privacy.servicer.linking import BundleLinks
from services.profile.privacy.servicer.readiness import check_brand, ready
from services.profile.vault.domain import Vault

Context = grpc.aio.ServicerContext[Any, Any]


class PrivacyServicer(BundleLinks):
    """Answers `bowen.profile.v1.PrivacyService`."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db, self._clock, self._vault = db, clock, vault

    async def CreatePrivacyRequest(
        self, request: pb.CreatePrivacyRequestRequest, context: Context
    ) -> pb.CreatePrivacyRequestResponse:
        check_brand()
        order = convert.order_from_proto(request, current().caller.principal)
        now = self._clock.now()

        async def work(tx: Tx) -> pb.CreatePrivacyRequestResponse:
            await identity.take_turn(tx, alone=order.type in domain.ERASURES)
            person = await _person(tx, self._vault, request)
            made = await operations.create(tx, self._vault, order, person, now=now)
            return pb.CreatePrivacyRequestResponse(privacy_request=(await _told(tx, [made]))[0])

        return await once(self._db, request, work, pb.CreatePrivacyRequestResponse)

    async def GetPrivacyRequest(
        self, request: pb.GetPrivacyRequestRequest, context: Context
    ) -> pb.GetPrivacyRequestResponse:
        check_brand()
        async with self._db.read() as tx:
            found = await store.get_request(tx, UUID(request.privacy_request_id))
            return pb.GetPrivacyRequestResponse(privacy_request=(await _told(tx, [found]))[0])

    async def ListPrivacyRequests(
        self, request: pb.ListPrivacyRequestsRequest, context: Context
    ) -> pb.ListPrivacyRequestsResponse:
        check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            found = await store.page(tx, after=after, open_only=request.open_only, limit=size + 1)
            page, token = pagination.cut(request, found, size, lambda each: [str(each.privacy_request_id)])
            return pb.ListPrivacyRequestsResponse(privacy_requests=await _told(tx, page), next_page_token=token)

    async def GetPrivacyBundle(
        self, request: pb.GetPrivacyBundleRequest, context: Context
    ) -> pb.GetPrivacyBundleResponse:
        check_brand()
        async with self._db.read() as tx:
            found = await ready(tx, UUID(request.privacy_request_id))
            parts = await store.list_parts(tx, found.privacy_request_id)
        return pb.GetPrivacyBundleResponse(
            parts=[convert.part_to_proto(part) for part in parts],
            expire_time=stamp(found.create_time + domain.BUNDLE_KEPT),
        )

    async def GetPrivacyBundlePart(
        self, request: pb.GetPrivacyBundlePartRequest, context: Context
    ) -> pb.GetPrivacyBundlePartResponse:
        check_brand()
        request_id = UUID(request.privacy_request_id)

        async def work(tx: Tx) -> pb.GetPrivacyBundlePartResponse:
            found = await ready(tx, request_id)
            part = await store.get_part(tx, request_id, request.service, request.number)
            await operations.look(tx, self._look(looks.BUNDLE, found.profile_id, str(request_id)))
            lines = self._vault.unseal(part.lines, domain.about(request_id, part.service, part.number))
            return pb.GetPrivacyBundlePartResponse(part=convert.part_to_proto(part), lines=lines)

        return await self._db.transact(work)

    async def RevealProfile(self, request: pb.RevealProfileRequest, context: Context) -> pb.RevealProfileResponse:
        asked = UUID(request.profile_id)

        async def work(tx: Tx) -> pb.RevealProfileResponse:
            root = await identity.root_of(tx, asked)
            await look_operations.check_scope(tx, current().caller, root, now=self._clock.now())
            reading = await identity.get_profile(tx, self._vault, root)
            known = (await attributes.known_of(tx, self._vault, [root])).get(root, NOTHING)
            await operations.look(tx, self._look(looks.REVEAL, root, request.reason))
            shown = identity_convert.profile_to_proto(*reading, known, asked, now=self._clock.now())
            return pb.RevealProfileResponse(profile=shown)

        return await self._db.transact(work)

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            ids = await _ids(tx, UUID(request.profile_id)) if request.profile_id else None
            found = await look_store.list_looks(tx, ids, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda look: [str(look.audit_id)])
        return pb.ListAuditEntriesResponse(
            entries=[convert.look_to_proto(look) for look in page], next_page_token=token
        )

    async def PutRetention(self, request: pb.PutRetentionRequest, context: Context) -> pb.PutRetentionResponse:
        check_brand()
        name: str = getattr(request, "class")  # a word of Python's
        retention = Retention(name, request.days, current().caller.principal, self._clock.now())

        async def work(tx: Tx) -> pb.PutRetentionResponse:
            await store.put_retention(tx, retention)
            return pb.PutRetentionResponse(retention=convert.retention_to_proto(retention))

        return await once(self._db, request, work, pb.PutRetentionResponse)

    async def ListRetentions(self, request: pb.ListRetentionsRequest, context: Context) -> pb.ListRetentionsResponse:
        check_brand()
        async with self._db.read() as tx:
            found = await store.list_retentions(tx)
        return pb.ListRetentionsResponse(retentions=[convert.retention_to_proto(each) for each in found])

    async def retain(self) -> None:
        """Let go what was kept for long enough."""
        await operations.retain(self._db, self._vault, self._clock.now())

    async def expire(self) -> None:
        """Drop bundles whose time is over."""
        await self._db.transact(lambda tx: operations.expire_bundles(tx, self._clock.now()))

    def _look(self, action: str, profile_id: UUID, reason: str) -> looks.Look:
        caller = current().caller
        return looks.Look(new_id(), action, profile_id, caller.principal, caller.store_id, reason, self._clock.now())


async def _person(tx: Tx, vault: Vault, request: pb.CreatePrivacyRequestRequest) -> Sequence[UUID]:
    """All ids of whom a request is about. Raises `ProfileNotFound` and `IdentifierInvalid`."""
    if request.profile_id:
        return await identity.own(tx, current().caller, UUID(request.profile_id))
    claim = identity_convert.claim_from_proto(request.identifier)
    owner = (await identity.owners(tx, vault, [claim.key])).get(claim.key)
    if owner is None:
        raise ProfileNotFound(type=claim.kind.name)
    return await identity.everyone_of(tx, owner)


async def _ids(tx: ReadTx, asked: UUID) -> Sequence[UUID]:
    """All ids of a person; of one who was erased, the id that is asked for."""
    root = await identity.root_of(tx, asked)
    try:
        return await identity.everyone_of(tx, root)
    except ProfileNotFound:
        return [asked]


async def _told(tx: ReadTx, requests: Sequence[Request]) -> list[privacy_pb2.PrivacyRequest]:
    steps = await store.steps_of(tx, [each.privacy_request_id for each in requests])
    return [convert.request_to_proto(each, steps[each.privacy_request_id]) for each in requests]
