"""The gRPC face of campaigns."""

from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb
from bowen.incentive.v1.campaign_service_pb2_grpc import CampaignServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.budgets import store as budget_store
from services.incentive.campaigns import convert, operations, store
from services.incentive.campaigns.domain import Campaign
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]


class CampaignServicer(CampaignServiceServicer):
    """Campaigns are the brand's: a caller that is bound to a store may only read them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def CreateCampaign(self, request: pb.CreateCampaignRequest, context: Context) -> pb.CreateCampaignResponse:
        subjects.check_brand(current().caller)
        campaign, budget = convert.campaign_from_proto(
            request, campaign_id=new_id(), budget_id=new_id(), now=self._clock.now()
        )

        async def work(tx: Tx) -> pb.CreateCampaignResponse:
            await operations.create_campaign(tx, campaign, budget)
            return pb.CreateCampaignResponse(campaign=convert.campaign_to_proto(campaign, budget))

        return await once(self._db, request, work, pb.CreateCampaignResponse)

    async def StartCampaign(self, request: pb.StartCampaignRequest, context: Context) -> pb.StartCampaignResponse:
        async def work(tx: Tx) -> pb.StartCampaignResponse:
            campaign = await operations.start_campaign(tx, UUID(request.campaign_id))
            return pb.StartCampaignResponse(campaign=await _with_budget(tx, campaign))

        subjects.check_brand(current().caller)
        return await once(self._db, request, work, pb.StartCampaignResponse)

    async def PauseCampaign(self, request: pb.PauseCampaignRequest, context: Context) -> pb.PauseCampaignResponse:
        async def work(tx: Tx) -> pb.PauseCampaignResponse:
            campaign = await operations.pause_campaign(tx, UUID(request.campaign_id))
            return pb.PauseCampaignResponse(campaign=await _with_budget(tx, campaign))

        subjects.check_brand(current().caller)
        return await once(self._db, request, work, pb.PauseCampaignResponse)

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Context) -> pb.GetCampaignResponse:
        async with self._db.read() as tx:
            campaign = await store.get_campaign(tx, UUID(request.campaign_id))
            return pb.GetCampaignResponse(campaign=await _with_budget(tx, campaign))

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Context) -> pb.ListCampaignsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            campaigns = await store.list_campaigns(tx, after=after, limit=size + 1)
            budgets = await budget_store.find_budgets(tx, {campaign.budget_id for campaign in campaigns})
        page, token = pagination.cut(request, campaigns, size, lambda campaign: [str(campaign.campaign_id)])
        return pb.ListCampaignsResponse(
            campaigns=[convert.campaign_to_proto(campaign, budgets[campaign.budget_id]) for campaign in page],
            next_page_token=token,
        )

    async def ListProfileGrants(
        self, request: pb.ListProfileGrantsRequest, context: Context
    ) -> pb.ListProfileGrantsResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, current().caller, profile_id)
            ids = await subjects.list_ids(tx, profile_id)
            grants = await store.list_profile_grants(tx, ids, before=before, limit=size + 1)
        page, token = pagination.cut(request, grants, size, lambda grant: [str(grant.grant_id)])
        return pb.ListProfileGrantsResponse(
            grants=[convert.grant_to_proto(grant, profile_id) for grant in page], next_page_token=token
        )


async def _with_budget(tx: ReadTx, campaign: Campaign) -> campaign_pb2.Campaign:
    budgets = await budget_store.find_budgets(tx, [campaign.budget_id])
    return convert.campaign_to_proto(campaign, budgets[campaign.budget_id])
