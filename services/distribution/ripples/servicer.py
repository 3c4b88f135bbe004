"""The gRPC face of ripples."""

import secrets
from typing import Any
from uuid import UUID

from bowen.distribution.v1 import ripple_service_pb2 as pb
from bowen.distribution.v1 import ripple_service_pb2_grpc

from chassis import idempotency
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.ids import new_id
from chassis.pagination import page_size
from services.distribution.partners import store as partners
from services.distribution.partners.domain import require
from services.distribution.partners.errors import NotYours
from services.distribution.ripples import convert, domain, operations, store
from services.distribution.ripples.domain import Share
from services.distribution.ripples.errors import ShareLinkNotFound
from services.distribution.ripples.operations import Recorded
from services.distribution.subjects import store as subjects

_RESULTS = {
    Recorded.COUNTED: pb.RecordTouchOutcome.RESULT_COUNTED,
    Recorded.REPEAT: pb.RecordTouchOutcome.RESULT_REPEAT,
    Recorded.LINK_UNKNOWN: pb.RecordTouchOutcome.RESULT_REJECTED,
}


class RippleServicer(ripple_service_pb2_grpc.RippleServiceServicer):
    """Answers `bowen.distribution.v1.RippleService`. `public_url`: where the gateway is reached from outside."""

    def __init__(self, db: Database, clock: Clock, public_url: str) -> None:
        self._db, self._clock, self._public_url = db, clock, public_url

    async def CreateShareLink(self, request: pb.CreateShareLinkRequest, context: Any) -> pb.CreateShareLinkResponse:
        share, now = convert.share_from_proto(request), self._clock.now()
        token, chain_id = domain.token_of(secrets.randbits(domain.TOKEN_BITS)), new_id()

        async def work(tx: Tx) -> pb.CreateShareLinkResponse:
            await _may_share(tx, share)
            link = await operations.create_share_link(tx, share, token=token, chain_id=chain_id, now=now)
            return pb.CreateShareLinkResponse(share_link=convert.link_to_proto(link, self._public_url))

        return await idempotency.once(self._db, request, work, pb.CreateShareLinkResponse)

    async def GetShareLink(self, request: pb.GetShareLinkRequest, context: Any) -> pb.GetShareLinkResponse:
        async with self._db.read() as tx:
            visible = await partners.visible_to(tx, current().caller.store_id)
            link = (await store.get_links(tx, [request.token])).get(request.token)
        require(visible, link.sharer_partner_id if link else None)
        if link is None:
            raise ShareLinkNotFound
        return pb.GetShareLinkResponse(share_link=convert.link_to_proto(link, self._public_url))

    async def RecordTouches(self, request: pb.RecordTouchesRequest, context: Any) -> pb.RecordTouchesResponse:
        touches = convert.touches_from_proto(request)
        recorded = await self._db.transact(lambda tx: operations.record_touches(tx, touches))
        return pb.RecordTouchesResponse(
            outcomes=(_outcome(touch.touch_id, result) for touch, result in zip(request.touches, recorded, strict=True))
        )

    async def GetRipple(self, request: pb.GetRippleRequest, context: Any) -> pb.GetRippleResponse:
        async with self._db.read() as tx:
            visible = await partners.visible_to(tx, current().caller.store_id)
            ripple = await store.get_ripple(tx, UUID(request.chain_id))
        require(visible, ripple.root_partner_id)
        return pb.GetRippleResponse(ripple=convert.ripple_to_proto(ripple))

    async def ListRipples(self, request: pb.ListRipplesRequest, context: Any) -> pb.ListRipplesResponse:
        async with self._db.read() as tx:
            visible = await partners.visible_to(tx, current().caller.store_id)
            ripples = await store.list_ripples(tx, visible=visible, limit=page_size(request.page_size))
        return pb.ListRipplesResponse(ripples=map(convert.ripple_to_proto, ripples))


async def _may_share(tx: ReadTx, share: Share) -> None:
    """A shopper shares as itself only; a store's key for its own partners, and for consumers."""
    caller = current().caller
    if caller.profile_id:
        if share.sharer_profile_id is None:
            raise NotYours
        ids = {share.sharer_profile_id, UUID(caller.profile_id)}
        if len(set((await subjects.survivors(tx, ids)).values())) > 1:
            raise NotYours
    if share.sharer_partner_id is not None:
        require(await partners.visible_to(tx, caller.store_id), share.sharer_partner_id)


def _outcome(touch_id: str, recorded: Recorded) -> pb.RecordTouchOutcome:
    reason = ShareLinkNotFound.reason if recorded is Recorded.LINK_UNKNOWN else ""
    return pb.RecordTouchOutcome(touch_id=touch_id, result=_RESULTS[recorded], reason=reason)
