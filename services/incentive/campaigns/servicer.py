"""The gRPC face of campaigns."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import grpc
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb
from bowen.incentive.v1.campaign_service_pb2_grpc import CampaignServiceServicer
from google.protobuf.message import Message

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.errors import InvalidArgument
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.audiences import store as audiences
from services.incentive.budgets import store as budget_store
from services.incentive.campaigns import store
from services.incentive.campaigns.convert import campaigns as convert
from services.incentive.campaigns.convert import grants as grant_convert
from services.incentive.campaigns.convert.experiments import readout_to_proto, totals_to_proto
from services.incentive.campaigns.convert.facts import occasion_of_request
from services.incentive.campaigns.convert.shown import terms_to_proto
from services.incentive.campaigns.domain import Campaign, Grant, Refusal, RefusalKey
from services.incentive.campaigns.domain.experiments import read_out
from services.incentive.campaigns.domain.explaining import explain
from services.incentive.campaigns.errors import GrantNotFound
from services.incentive.campaigns.operations import calling, evaluating, explaining, inviting, lifecycle, returning
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]
Change = Callable[[Tx, UUID, datetime], Awaitable[Campaign]]
R = TypeVar("R", bound=Message)


class CampaignServicer(CampaignServiceServicer):
    """Campaigns are the brand's: a caller that is bound to a store may only read them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def forget_touches(self) -> None:
        """Forget visits that are too old to make an inviter."""
        while await self._db.transact(lambda tx: inviting.forget_touches(tx, self._clock.now())):
            pass

    async def call_webhooks(self) -> None:
        """Tell of all webhooks that are to be called by now, but not about people who were erased or only stored."""
        while await self._db.transact(lambda tx: calling.call_matured(tx, self._clock.now())):
            pass

    async def CreateCampaign(self, request: pb.CreateCampaignRequest, context: Context) -> pb.CreateCampaignResponse:
        subjects.check_brand(current().caller)
        now = self._clock.now()
        campaign, budget = convert.campaign_from_proto(request, campaign_id=new_id(), budget_id=new_id(), now=now)
        parent_id = UUID(request.parent_budget_id) if request.parent_budget_id else None

        async def work(tx: Tx) -> pb.CreateCampaignResponse:
            created = await lifecycle.create_campaign(tx, campaign, budget, parent_id)
            incomplete = await _incomplete(tx, [campaign])
            return pb.CreateCampaignResponse(campaign=convert.campaign_to_proto(campaign, created, now, incomplete))

        return await once(self._db, request, work, pb.CreateCampaignResponse)

    async def UpdateCampaign(self, request: pb.UpdateCampaignRequest, context: Context) -> pb.UpdateCampaignResponse:
        subjects.check_brand(current().caller)
        campaign_id = UUID(request.campaign_id)

        async def work(tx: Tx) -> pb.UpdateCampaignResponse:
            budget_id = (await store.get_campaign(tx, campaign_id)).budget_id
            terms = convert.terms_of_update(request, (await budget_store.find_budgets(tx, [budget_id]))[budget_id])
            campaign, findings = await lifecycle.update_campaign(tx, campaign_id, terms, self._clock.now())
            return pb.UpdateCampaignResponse(
                campaign=await self._shown(tx, campaign),
                findings=[convert.finding_to_proto(finding) for finding in findings],
            )

        return await once(self._db, request, work, pb.UpdateCampaignResponse)

    async def PublishCampaign(self, request: pb.PublishCampaignRequest, context: Context) -> pb.PublishCampaignResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.PublishCampaignResponse:
            campaign, findings = await lifecycle.publish_campaign(tx, UUID(request.campaign_id), self._clock.now())
            return pb.PublishCampaignResponse(
                campaign=await self._shown(tx, campaign),
                findings=[convert.finding_to_proto(finding) for finding in findings],
            )

        return await once(self._db, request, work, pb.PublishCampaignResponse)

    async def LintCampaign(self, request: pb.LintCampaignRequest, context: Context) -> pb.LintCampaignResponse:
        async with self._db.read() as tx:
            findings = await lifecycle.find_lint(tx, UUID(request.campaign_id), self._clock.now())
        return pb.LintCampaignResponse(findings=[convert.finding_to_proto(finding) for finding in findings])

    async def StartCampaign(self, request: pb.StartCampaignRequest, context: Context) -> pb.StartCampaignResponse:
        return await self._switch(request, pb.StartCampaignResponse, lifecycle.start_campaign)

    async def PauseCampaign(self, request: pb.PauseCampaignRequest, context: Context) -> pb.PauseCampaignResponse:
        return await self._switch(request, pb.PauseCampaignResponse, lifecycle.pause_campaign)

    async def EndCampaign(self, request: pb.EndCampaignRequest, context: Context) -> pb.EndCampaignResponse:
        return await self._switch(request, pb.EndCampaignResponse, lifecycle.end_campaign)

    async def ArchiveCampaign(self, request: pb.ArchiveCampaignRequest, context: Context) -> pb.ArchiveCampaignResponse:
        return await self._switch(request, pb.ArchiveCampaignResponse, lifecycle.archive_campaign)

    async def _switch(self, request: Any, response: type[R], change: Change) -> R:
        async def work(tx: Tx) -> R:
            campaign = await change(tx, UUID(request.campaign_id), self._clock.now())
            return response(campaign=await self._shown(tx, campaign))

        subjects.check_brand(current().caller)
        return await once(self._db, request, work, response)

    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Context) -> pb.GetCampaignResponse:
        async with self._db.read() as tx:
            campaign = await store.get_campaign(tx, UUID(request.campaign_id))
            return pb.GetCampaignResponse(campaign=await self._shown(tx, campaign))

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Context) -> pb.ListCampaignsResponse:
        size, now = pagination.page_size(request.page_size), self._clock.now()
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            campaigns = await store.list_campaigns(tx, after=after, limit=size + 1)
            budgets = await budget_store.find_budgets(tx, {campaign.budget_id for campaign in campaigns})
            incomplete = await _incomplete(tx, campaigns)
        page, token = pagination.cut(request, campaigns, size, lambda campaign: [str(campaign.campaign_id)])
        return pb.ListCampaignsResponse(
            campaigns=[
                convert.campaign_to_proto(campaign, budgets[campaign.budget_id], now, incomplete) for campaign in page
            ],
            next_page_token=token,
        )

    async def ListCampaignVersions(
        self, request: pb.ListCampaignVersionsRequest, context: Context
    ) -> pb.ListCampaignVersionsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, lambda key: int(key[0])) or 0
        async with self._db.read() as tx:
            campaign = await store.get_campaign(tx, UUID(request.campaign_id))
            versions = await store.list_versions(tx, campaign.campaign_id, after=after, limit=size + 1)
        page, token = pagination.cut(request, versions, size, lambda version: [version.number])
        return pb.ListCampaignVersionsResponse(
            versions=[convert.version_to_proto(version) for version in page], next_page_token=token
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
            grants=[grant_convert.grant_to_proto(grant, profile_id) for grant in page], next_page_token=token
        )

    async def ListRefusals(self, request: pb.ListRefusalsRequest, context: Context) -> pb.ListRefusalsResponse:
        subjects.check_brand(current().caller)
        if not request.profile_id and not request.campaign_id:
            raise InvalidArgument("profile_id", "or campaign_id must be set")
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, _refusal_key)
        campaign_id = UUID(request.campaign_id) if request.campaign_id else None
        async with self._db.read() as tx:
            ids = None
            if request.profile_id:
                ids = await subjects.list_ids(tx, await subjects.resolve(tx, request.profile_id))
            found = await store.list_refusals(tx, ids, campaign_id, request.reason, before=before, limit=size + 1)
            page, token = pagination.cut(request, found, size, _key_of_refusal)
            told = await explaining.say_why_not(tx, page)
        refusals = [grant_convert.refusal_to_proto(*item) for item in zip(page, told, strict=True)]
        return pb.ListRefusalsResponse(refusals=refusals, next_page_token=token)

    async def ExplainGrant(self, request: pb.ExplainGrantRequest, context: Context) -> pb.ExplainGrantResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            grant = await store.get_grant(tx, UUID(request.grant_id))
            profile_id = await self._own(tx, grant)
            campaign = await store.get_campaign(tx, grant.campaign_id)
            terms = (await store.find_version(tx, campaign, grant.campaign_version)).terms
            told = await explaining.say(tx, campaign, terms, grant, self._clock.now())
        return pb.ExplainGrantResponse(
            grant=grant_convert.grant_to_proto(grant, profile_id),
            terms=terms_to_proto(terms),
            snapshot=grant_convert.snapshot_text(grant),
            checks=[grant_convert.check_to_proto(check) for check in explain(terms, grant)],
            sentence=told,
        )

    async def _own(self, tx: ReadTx, grant: Grant) -> str:
        """Whose grant it is. To a shopper another person's is not there."""
        profile_id, caller = await subjects.resolve(tx, grant.profile_id), current().caller
        if caller.profile_id and await subjects.resolve(tx, caller.profile_id) != profile_id:
            raise GrantNotFound(grant.grant_id)
        return profile_id

    async def VoidGrant(self, request: pb.VoidGrantRequest, context: Context) -> pb.VoidGrantResponse:
        async def work(tx: Tx) -> pb.VoidGrantResponse:
            grant_id = UUID(request.grant_id)
            fallen = await returning.void_grant(tx, grant_id, new_id(), request.reason, self._clock.now())
            survivors = await subjects.find_survivors(tx, {grant.profile_id for grant in fallen})
            return pb.VoidGrantResponse(
                grants=[
                    grant_convert.grant_to_proto(grant, survivors.get(grant.profile_id, grant.profile_id))
                    for grant in fallen
                ]
            )

        subjects.check_brand(current().caller)
        return await once(self._db, request, work, pb.VoidGrantResponse)

    async def EvaluateCampaigns(
        self, request: pb.EvaluateCampaignsRequest, context: Context
    ) -> pb.EvaluateCampaignsResponse:
        subjects.check_brand(current().caller)
        occasion = occasion_of_request(request, cause=new_id(), now=self._clock.now())
        async with self._db.read() as tx:
            ids = [UUID(each) for each in dict.fromkeys(request.campaign_ids)]
            docket = await evaluating.evaluate(tx, occasion, ids)
        return pb.EvaluateCampaignsResponse(
            effects=[grant_convert.grant_to_proto(grant, grant.profile_id) for grant in docket.grants],
            skipped=[grant_convert.denial_to_proto(denial) for denial in docket.denials],
        )

    async def GetExperiment(self, request: pb.GetExperimentRequest, context: Context) -> pb.GetExperimentResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            campaign = await store.get_campaign(tx, UUID(request.campaign_id))
            experiment = campaign.terms.experiment
            if experiment is None:
                return pb.GetExperimentResponse()
            held, arms = read_out(await store.total(tx, campaign.campaign_id, experiment.outcome_days))
        return pb.GetExperimentResponse(arms=[readout_to_proto(arm) for arm in arms], holdout=totals_to_proto(held))

    async def _shown(self, tx: ReadTx, campaign: Campaign) -> campaign_pb2.Campaign:
        budgets = await budget_store.find_budgets(tx, [campaign.budget_id])
        incomplete = await _incomplete(tx, [campaign])
        return convert.campaign_to_proto(campaign, budgets[campaign.budget_id], self._clock.now(), incomplete)


async def _incomplete(tx: ReadTx, campaigns: Sequence[Campaign]) -> set[UUID]:
    """The segments of audiences that are not known in full."""
    asked = {audience.segment_id for campaign in campaigns if (audience := campaign.terms.audience)}
    return await audiences.find_incomplete(tx, asked)


def _key_of_refusal(item: Refusal) -> list[str | int]:
    return [item.refuse_time.isoformat(), str(item.cause), str(item.campaign_id), item.effect]


def _refusal_key(key: list[str | int]) -> RefusalKey:
    time, cause, campaign_id, effect = key
    return datetime.fromisoformat(str(time)), UUID(str(cause)), UUID(str(campaign_id)), int(effect)
