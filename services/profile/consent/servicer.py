"""The gRPC face of consent."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc
from bowen.profile.v1 import consent_service_pb2 as pb
from bowen.profile.v1.consent_service_pb2_grpc import ConsentServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.stamps import moment
from services.profile.attributes import store as attributes
from services.profile.consent import convert, domain, operations, store
from services.profile.consent.domain import Kind, Purpose, State, Statement
from services.profile.identity import store as identity
from services.profile.identity.errors import ProfileNotFound
from services.profile.looks import operations as looks
from services.profile.suppressions import operations as suppressions
from services.profile.vault.domain import Vault

Context = grpc.aio.ServicerContext[Any, Any]


class ConsentServicer(ConsentServiceServicer):
    """Answers `bowen.profile.v1.ConsentService`. A shopper speaks for themselves alone."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db, self._clock, self._vault = db, clock, vault

    async def RecordConsents(self, request: pb.RecordConsentsRequest, context: Context) -> pb.RecordConsentsResponse:
        now, actor, profile_id = self._clock.now(), current().caller.principal, UUID(request.profile_id)
        statements = [
            convert.statement_from_proto(
                said, vault=self._vault, profile_id=profile_id, actor=actor, field=f"statements[{index}].", now=now
            )
            for index, said in enumerate(request.statements)
        ]

        async def work(tx: Tx) -> pb.RecordConsentsResponse:
            await _held(tx, profile_id)
            entries = await operations.record(tx, self._vault, statements, now=now)
            return pb.RecordConsentsResponse(consents=[convert.entry_to_proto(entry) for entry in entries])

        return await once(self._db, request, work, pb.RecordConsentsResponse)

    async def WithdrawConsents(
        self, request: pb.WithdrawConsentsRequest, context: Context
    ) -> pb.WithdrawConsentsResponse:
        now, actor, profile_id = self._clock.now(), current().caller.principal, UUID(request.profile_id)
        scope = convert.scope(self._vault, request.purpose, request.channel, request.address)
        ip = convert.ip_from_text(request.ip)
        wanted = Statement(profile_id, scope, State.WITHDRAWN, 1, "", "", request.source, ip, actor, now)

        async def work(tx: Tx) -> pb.WithdrawConsentsResponse:
            person = await _held(tx, profile_id)
            entries = await operations.withdraw(tx, self._vault, wanted, person, now=now)
            return pb.WithdrawConsentsResponse(consents=[convert.entry_to_proto(entry) for entry in entries])

        return await once(self._db, request, work, pb.WithdrawConsentsResponse)

    async def ListConsents(self, request: pb.ListConsentsRequest, context: Context) -> pb.ListConsentsResponse:
        as_of = moment(request.as_of) if request.HasField("as_of") else None
        async with self._db.read() as tx:
            await self._check_scope(tx, request.profile_id)
            person = await identity.own(tx, current().caller, UUID(request.profile_id))
            entries = await store.list_entries(tx, person, as_of=as_of)
        return pb.ListConsentsResponse(
            consents=[convert.effective_to_proto(*held) for held in domain.effective(entries)]
        )

    async def ListConsentEntries(
        self, request: pb.ListConsentEntriesRequest, context: Context
    ) -> pb.ListConsentEntriesResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id)
        async with self._db.read() as tx:
            await self._check_scope(tx, request.profile_id)
            person = await _spoken_for(tx, UUID(request.profile_id))
            found = await store.page(tx, person, after=after or pagination.LAST_ID, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda entry: [str(entry.consent_id)])
        return pb.ListConsentEntriesResponse(
            consents=[convert.entry_to_proto(entry) for entry in page], next_page_token=token
        )

    async def VerifyConsents(self, request: pb.VerifyConsentsRequest, context: Context) -> pb.VerifyConsentsResponse:
        async with self._db.read() as tx:
            person = await _spoken_for(tx, UUID(request.profile_id))
            entries, chains = await store.list_entries(tx, person), await store.chains_of(tx, person)
        verified = []
        for profile_id, chain in chains.items():
            own = [entry for entry in entries if entry.profile_id == profile_id]
            if own or chain.length:
                broken_at = domain.broken_at(self._vault, chain, own)
                verified.append(
                    pb.ConsentChain(
                        profile_id=str(profile_id), length=chain.length, broken_at=broken_at, hash=chain.hash.hex()
                    )
                )
        return pb.VerifyConsentsResponse(is_intact=not any(each.broken_at for each in verified), chains=verified)

    async def CheckConsent(self, request: pb.CheckConsentRequest, context: Context) -> pb.CheckConsentResponse:
        asked = convert.scope(self._vault, request.purpose, request.channel, request.address)
        async with self._db.read() as tx:
            await self._check_scope(tx, request.profile_id)
            person = await identity.own(tx, current().caller, UUID(request.profile_id))
            entries = await store.list_entries(tx, person)
            kind = await store.kind_of(tx, request.purpose)
            key = convert.identifier_key(request.channel, request.address)
            is_suppressed = bool(key and await suppressions.listed(tx, self._vault, [key]))
            left_time = await identity.left_time(tx, self._vault, key, person) if key else None
            is_child = await attributes.is_child(tx, self._vault, person[0], now=self._clock.now())
        is_allowed, reason, entry = domain.check(
            entries,
            asked,
            kind=kind,
            is_personalized=request.is_personalized,
            is_suppressed=is_suppressed,
            is_child=is_child,
            left_time=left_time,
        )
        return pb.CheckConsentResponse(
            is_allowed=is_allowed,
            reason=pb.CheckConsentResponse.Reason.ValueType(reason),
            decided_by=convert.entry_to_proto(entry) if entry else None,
        )

    async def _check_scope(self, tx: ReadTx, profile_id: str) -> None:
        """What people said is read by their stores; taken down by any, so that they can withdraw wherever they are."""
        root = await identity.root_of(tx, UUID(profile_id))
        await looks.check_scope(tx, current().caller, root, now=self._clock.now())

    async def PutPurpose(self, request: pb.PutPurposeRequest, context: Context) -> pb.PutPurposeResponse:
        purpose = Purpose(
            request.purpose,
            request.kind or Kind.OPTIONAL,
            request.description,
            request.assessment,
            self._clock.now(),
        )

        async def work(tx: Tx) -> pb.PutPurposeResponse:
            return pb.PutPurposeResponse(purpose=convert.purpose_to_proto(await operations.put_purpose(tx, purpose)))

        return await once(self._db, request, work, pb.PutPurposeResponse)

    async def ListPurposes(self, request: pb.ListPurposesRequest, context: Context) -> pb.ListPurposesResponse:
        async with self._db.read() as tx:
            purposes = await store.list_purposes(tx)
        return pb.ListPurposesResponse(purposes=[convert.purpose_to_proto(purpose) for purpose in purposes])


async def _held(tx: Tx, profile_id: UUID) -> Sequence[UUID]:
    """All ids of the person, who cannot be erased meanwhile. Raises `ProfileNotFound` and `PermissionDenied`."""
    person = await identity.own(tx, current().caller, profile_id)
    await identity.hold(tx, person)
    return person


async def _spoken_for(tx: ReadTx, asked: UUID) -> Sequence[UUID]:
    """All ids of the person; of one who was erased, the id itself: what was said stays proven. Raises as `own`."""
    try:
        return await identity.own(tx, current().caller, asked)
    except ProfileNotFound:
        if current().caller.profile_id or (await store.chains_of(tx, [asked]))[asked] == domain.START:
            raise
        return [asked]
