"""The gRPC face of flags."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import flag_pb2
from bowen.incentive.v1 import flag_service_pb2 as pb
from bowen.incentive.v1.flag_service_pb2_grpc import FlagServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.campaigns import store as campaigns
from services.incentive.flags import convert, operations, store
from services.incentive.flags.domain import Flag
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]


class FlagServicer(FlagServiceServicer):
    """Flags are the brand's: a caller that is bound to a store has no part in them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def ListRewardFlags(self, request: pb.ListRewardFlagsRequest, context: Context) -> pb.ListRewardFlagsResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            ids = None
            if request.profile_id:
                ids = await subjects.list_ids(tx, await subjects.resolve(tx, request.profile_id))
            found = await store.list_flags(
                tx,
                state=convert.state_text(request.state),
                kind=convert.kind_text(request.kind),
                campaign_id=UUID(request.campaign_id) if request.campaign_id else None,
                profile_ids=ids,
                after=after,
                limit=size + 1,
            )
            page, token = pagination.cut(request, found, size, lambda flag: [str(flag.flag_id)])
            return pb.ListRewardFlagsResponse(flags=await _shown(tx, page), next_page_token=token)

    async def ResolveRewardFlag(
        self, request: pb.ResolveRewardFlagRequest, context: Context
    ) -> pb.ResolveRewardFlagResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)

        async def work(tx: Tx) -> pb.ResolveRewardFlagResponse:
            flag = await operations.resolve_flag(
                tx,
                UUID(request.flag_id),
                reverse=request.decision == pb.ResolveRewardFlagRequest.DECISION_REVERSE,
                resolver=caller.principal,
                reason=request.reason,
                void_id=new_id(),
                now=now,
            )
            (shown,) = await _shown(tx, [flag])
            return pb.ResolveRewardFlagResponse(flag=shown)

        return await once(self._db, request, work, pb.ResolveRewardFlagResponse)


async def _shown(tx: ReadTx, flags: Sequence[Flag]) -> list[flag_pb2.RewardFlag]:
    ids = {each for flag in flags for each in (flag.item_id, flag.first_id) if each is not None}
    grants = {grant.grant_id: grant for grant in await campaigns.find_grants(tx, ids)}
    named = {flag.profile_id for flag in flags} | {grant.profile_id for grant in grants.values()}
    survivors = await subjects.find_survivors(tx, named)
    return [convert.flag_to_proto(flag, grants, survivors) for flag in flags]
