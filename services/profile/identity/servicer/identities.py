"""The gRPC face of corrections: translates, decides nothing, catches nothing."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from bowen.profile.v1 import identity_service_pb2 as pb
from bowen.profile.v1 import profile_pb2
from bowen.profile.v1.identity_service_pb2_grpc import IdentityServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from chassis.ids import new_id
from services.profile.identity import convert, operations, store
from services.profile.identity.domain import Author, MergeRecord, MoveRecord, claim
from services.profile.identity.operations import Parted, RuleBook
from services.profile.identity.servicer.ruling import numbers_from_proto, rules_from_proto, ruling_to_proto
from services.profile.identity.servicer.showing import masking, shown
from services.profile.identity.servicer.simulating import LIMIT_DEFAULT, simulation_to_proto, wanted_rules
from services.profile.timeline import store as timeline_store
from services.profile.vault.domain import Vault


class Follow(Protocol):
    """What else is parted where a merge is undone, by who knows more of people than who they are."""

    def __call__(self, tx: Tx, vault: Vault, parted: Parted, *, now: datetime) -> Awaitable[None]: ...


class IdentityServicer(IdentityServiceServicer):
    """Answers `bowen.profile.v1.IdentityService`. Who is who is the brand's: no store and no shopper corrects it."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, book: RuleBook, follow: Follow) -> None:
        self._db, self._clock, self._vault, self._book, self._follow = db, clock, vault, book, follow

    async def GetMerge(self, request: pb.GetMergeRequest, context: object) -> pb.GetMergeResponse:
        _check_brand()
        async with self._db.read() as tx:
            merge = await store.get_merge(tx, self._vault, UUID(request.merge_id))
            return pb.GetMergeResponse(merge=await _shown(tx, merge))

    async def UndoMerge(self, request: pb.UndoMergeRequest, context: object) -> pb.UndoMergeResponse:
        author, now, merge_id = _author(request.note), self._clock.now(), UUID(request.merge_id)

        async def work(tx: Tx) -> pb.UndoMergeResponse:
            for parted in await operations.undo_merge(
                tx, self._vault, merge_id, author, cascade=request.cascade, now=now
            ):
                await self._follow(tx, self._vault, parted, now=now)
            undone = await store.list_undone(tx, self._vault, merge_id)
            return pb.UndoMergeResponse(merges=[await _shown(tx, each) for each in undone])

        return await once(self._db, request, work, pb.UndoMergeResponse)

    async def MergeProfiles(self, request: pb.MergeProfilesRequest, context: object) -> pb.MergeProfilesResponse:
        author, now = _author(request.note), self._clock.now()
        pair = UUID(request.profile_id), UUID(request.other_profile_id)

        async def work(tx: Tx) -> pb.MergeProfilesResponse:
            merge_id = await operations.merge_profiles(tx, self._vault, *pair, author, now=now)
            return pb.MergeProfilesResponse(merge=await _shown(tx, await store.get_merge(tx, self._vault, merge_id)))

        return await once(self._db, request, work, pb.MergeProfilesResponse)

    async def ListSeparations(self, request: pb.ListSeparationsRequest, context: object) -> pb.ListSeparationsResponse:
        _check_brand()
        async with self._db.read() as tx:
            root = await store.root_of(tx, UUID(request.profile_id))
            own = await store.everyone_of(tx, root)
            found = await store.list_separations(tx, own)
        return pb.ListSeparationsResponse(separations=[convert.separation_to_proto(each, set(own)) for each in found])

    async def CreateSeparation(
        self, request: pb.CreateSeparationRequest, context: object
    ) -> pb.CreateSeparationResponse:
        author, now = _author(request.note), self._clock.now()
        pair = UUID(request.profile_id), UUID(request.other_profile_id)

        async def work(tx: Tx) -> pb.CreateSeparationResponse:
            said = await operations.create_separation(tx, *pair, author, now=now)
            return pb.CreateSeparationResponse(separation=convert.separation_to_proto(said, {pair[0]}))

        return await once(self._db, request, work, pb.CreateSeparationResponse)

    async def DeleteSeparation(
        self, request: pb.DeleteSeparationRequest, context: object
    ) -> pb.DeleteSeparationResponse:
        _check_brand()
        pair = UUID(request.profile_id), UUID(request.other_profile_id)

        async def work(tx: Tx) -> pb.DeleteSeparationResponse:
            await operations.delete_separation(tx, *pair)
            return pb.DeleteSeparationResponse()

        return await once(self._db, request, work, pb.DeleteSeparationResponse)

    async def RemoveIdentifier(
        self, request: pb.RemoveIdentifierRequest, context: object
    ) -> pb.RemoveIdentifierResponse:
        author, now, held = _author(request.note), self._clock.now(), _held(request)

        async def work(tx: Tx) -> pb.RemoveIdentifierResponse:
            move = await operations.remove_identifier(tx, self._vault, held, author, now=now, rules=self._book.rules)
            return pb.RemoveIdentifierResponse(move=_shown_move(move))

        return await once(self._db, request, work, pb.RemoveIdentifierResponse)

    async def ReassignIdentifier(
        self, request: pb.ReassignIdentifierRequest, context: object
    ) -> pb.ReassignIdentifierResponse:
        author, now, held = _author(request.note), self._clock.now(), _held(request, verified=request.verified)

        async def work(tx: Tx) -> pb.ReassignIdentifierResponse:
            to_id, rules = UUID(request.to_profile_id), self._book.rules
            move = await operations.reassign_identifier(tx, self._vault, held, to_id, author, now=now, rules=rules)
            return pb.ReassignIdentifierResponse(move=_shown_move(move))

        return await once(self._db, request, work, pb.ReassignIdentifierResponse)

    async def ListIdentifierMoves(
        self, request: pb.ListIdentifierMovesRequest, context: object
    ) -> pb.ListIdentifierMovesResponse:
        _check_brand()
        size, after = pagination.page_size(request.page_size), pagination.after(request, pagination.parse_id)
        async with self._db.read() as tx:
            everyone = await store.everyone_of(tx, await store.root_of(tx, UUID(request.profile_id)))
            found = await store.list_moves(tx, self._vault, everyone, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda move: [str(move.move_id)])
        return pb.ListIdentifierMovesResponse(moves=map(_shown_move, page), next_page_token=token)

    async def ListQuarantinedIdentifiers(
        self, request: pb.ListQuarantinedIdentifiersRequest, context: object
    ) -> pb.ListQuarantinedIdentifiersResponse:
        _check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, convert.place_from_key) or convert.FIRST_PLACE
        async with self._db.read() as tx:
            found = await store.list_quarantined(tx, self._vault, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, convert.place_to_key)
        listed = [shown(convert.quarantined_to_proto(each), convert.masked_quarantined) for _, each in page]
        return pb.ListQuarantinedIdentifiersResponse(identifiers=listed, next_page_token=token)

    async def ReleaseIdentifier(
        self, request: pb.ReleaseIdentifierRequest, context: object
    ) -> pb.ReleaseIdentifierResponse:
        _check_brand()
        key = claim(request.type, request.namespace, request.value).key

        async def work(tx: Tx) -> pb.ReleaseIdentifierResponse:
            return pb.ReleaseIdentifierResponse(was_quarantined=await store.release(tx, self._vault, key))

        return await once(self._db, request, work, pb.ReleaseIdentifierResponse)

    async def CreateBlockedValue(
        self, request: pb.CreateBlockedValueRequest, context: object
    ) -> pb.CreateBlockedValueResponse:
        author, now = _author(request.note), self._clock.now()
        blocked = convert.blocked_from_proto(request, author, blocked_value_id=new_id(), now=now)

        async def work(tx: Tx) -> pb.CreateBlockedValueResponse:
            kept = await operations.block_value(tx, self._vault, blocked)
            return pb.CreateBlockedValueResponse(blocked_value=convert.blocked_to_proto(kept))

        response = await once(self._db, request, work, pb.CreateBlockedValueResponse)
        await self._book.refresh(self._db, self._vault)
        return response

    async def ListBlockedValues(
        self, request: pb.ListBlockedValuesRequest, context: object
    ) -> pb.ListBlockedValuesResponse:
        _check_brand()
        async with self._db.read() as tx:
            listed = store.open_blocked(self._vault, await store.list_blocked(tx))
        return pb.ListBlockedValuesResponse(blocked_values=map(convert.blocked_to_proto, listed))

    async def DeleteBlockedValue(
        self, request: pb.DeleteBlockedValueRequest, context: object
    ) -> pb.DeleteBlockedValueResponse:
        _check_brand()

        async def work(tx: Tx) -> pb.DeleteBlockedValueResponse:
            await operations.unblock_value(tx, UUID(request.blocked_value_id))
            return pb.DeleteBlockedValueResponse()

        response = await once(self._db, request, work, pb.DeleteBlockedValueResponse)
        await self._book.refresh(self._db, self._vault)
        return response

    async def PutIdentityRules(
        self, request: pb.PutIdentityRulesRequest, context: object
    ) -> pb.PutIdentityRulesResponse:
        author, now, numbers = _author(request.note), self._clock.now(), numbers_from_proto(request.numbers)
        identifiers = rules_from_proto(request.identifiers)

        async def work(tx: Tx) -> pb.PutIdentityRulesResponse:
            ruling = await operations.put_rules(tx, numbers, identifiers, author, now=now)
            return pb.PutIdentityRulesResponse(rules=ruling_to_proto(ruling))

        response = await once(self._db, request, work, pb.PutIdentityRulesResponse)
        await self._book.refresh(self._db, self._vault)
        return response

    async def ListIdentityRules(
        self, request: pb.ListIdentityRulesRequest, context: object
    ) -> pb.ListIdentityRulesResponse:
        _check_brand()
        async with self._db.read() as tx:
            found = await store.list_rulings(tx)
        return pb.ListIdentityRulesResponse(rules=map(ruling_to_proto, found))

    async def SimulateIdentityRules(
        self, request: pb.SimulateIdentityRulesRequest, context: object
    ) -> pb.SimulateIdentityRulesResponse:
        _check_brand()
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            rules, limit = await wanted_rules(tx, self._vault, request), request.limit or LIMIT_DEFAULT
            found = await operations.simulate(tx, self._vault, rules, after=after, limit=limit)
            counts = await timeline_store.counts(tx)
        token = pagination.encode_token(request, [str(found.after)]) if found.after else ""
        return simulation_to_proto(found, profile_count=counts.get("profiles", 0), token=token)


def _held(
    request: pb.RemoveIdentifierRequest | pb.ReassignIdentifierRequest, *, verified: bool = True
) -> operations.Held:
    named = claim(request.type, request.namespace, request.value, verified)
    return operations.Held(UUID(request.profile_id), named)


async def _shown(tx: ReadTx, merge: MergeRecord) -> profile_pb2.Merge:
    return shown(convert.merge_to_proto(merge), await masking(tx, convert.masked_merge))


def _shown_move(move: MoveRecord) -> profile_pb2.IdentifierMove:
    return shown(convert.move_to_proto(move), convert.masked_move)


def _author(note: str) -> Author:
    _check_brand()
    return Author(current().caller.principal, note)


def _check_brand() -> None:
    """Raises `PermissionDenied` for a caller that is bound to a store or is a shopper."""
    caller = current().caller
    if caller.store_id or caller.profile_id:
        raise PermissionDenied("who is who is not a store's or a shopper's to read or to correct")
