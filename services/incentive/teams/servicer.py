"""The gRPC face of teams."""

from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import team_pb2
from bowen.incentive.v1 import team_service_pb2 as pb
from bowen.incentive.v1.team_service_pb2_grpc import TeamServiceServicer

from chassis import pagination
from chassis.caller import Caller, current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.budgets import store as budget_store
from services.incentive.subjects import store as subjects
from services.incentive.teams import convert, operations, store
from services.incentive.teams.domain import Crew, TeamCampaign

Context = grpc.aio.ServicerContext[Any, Any]


class TeamServicer(TeamServiceServicer):
    """Campaigns are the brand's: a caller that is bound to a store has no part in them; a shopper acts for themselves
    and sees of a team no other member."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def expire(self) -> None:
        """Close all teams whose time is over."""
        now = self._clock.now()
        while await self._db.transact(lambda tx: operations.expire_teams(tx, now)) == operations.EXPIRED_AT_ONCE_MAX:
            pass

    async def CreateTeamCampaign(
        self, request: pb.CreateTeamCampaignRequest, context: Context
    ) -> pb.CreateTeamCampaignResponse:
        subjects.check_brand(current().caller)
        campaign, budget = convert.campaign_from_proto(
            request, team_campaign_id=new_id(), budget_id=new_id(), now=self._clock.now()
        )

        async def work(tx: Tx) -> pb.CreateTeamCampaignResponse:
            await operations.create_campaign(tx, campaign, budget)
            return pb.CreateTeamCampaignResponse(team_campaign=convert.campaign_to_proto(campaign, budget))

        return await once(self._db, request, work, pb.CreateTeamCampaignResponse)

    async def StopTeamCampaign(
        self, request: pb.StopTeamCampaignRequest, context: Context
    ) -> pb.StopTeamCampaignResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.StopTeamCampaignResponse:
            campaign = await operations.stop_campaign(tx, UUID(request.team_campaign_id))
            return pb.StopTeamCampaignResponse(team_campaign=await _with_budget(tx, campaign))

        return await once(self._db, request, work, pb.StopTeamCampaignResponse)

    async def GetTeamCampaign(self, request: pb.GetTeamCampaignRequest, context: Context) -> pb.GetTeamCampaignResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            campaign = await store.get_campaign(tx, UUID(request.team_campaign_id))
            return pb.GetTeamCampaignResponse(team_campaign=await _with_budget(tx, campaign))

    async def OpenTeam(self, request: pb.OpenTeamRequest, context: Context) -> pb.OpenTeamResponse:
        caller, now = current().caller, self._clock.now()

        async def work(tx: Tx) -> pb.OpenTeamResponse:
            profile_id = await _own(tx, caller, request.profile_id)
            campaign_id, reference = UUID(request.team_campaign_id), request.order_reference
            crew = await operations.open_team(tx, campaign_id, profile_id, reference, team_id=new_id(), now=now)
            return pb.OpenTeamResponse(team=await _shown(tx, caller, crew))

        return await once(self._db, request, work, pb.OpenTeamResponse, keep=None)

    async def JoinTeam(self, request: pb.JoinTeamRequest, context: Context) -> pb.JoinTeamResponse:
        caller, now = current().caller, self._clock.now()

        async def work(tx: Tx) -> pb.JoinTeamResponse:
            profile_id = await _own(tx, caller, request.profile_id)
            crew = await operations.join_team(tx, UUID(request.team_id), profile_id, request.order_reference, now)
            return pb.JoinTeamResponse(team=await _shown(tx, caller, crew))

        return await once(self._db, request, work, pb.JoinTeamResponse, keep=None)

    async def LeaveTeam(self, request: pb.LeaveTeamRequest, context: Context) -> pb.LeaveTeamResponse:
        caller, now = current().caller, self._clock.now()

        async def work(tx: Tx) -> pb.LeaveTeamResponse:
            profile_id = await _own(tx, caller, request.profile_id)
            crew = await operations.leave_team(tx, UUID(request.team_id), profile_id, now)
            return pb.LeaveTeamResponse(team=await _shown(tx, caller, crew))

        return await once(self._db, request, work, pb.LeaveTeamResponse, keep=None)

    async def GetTeam(self, request: pb.GetTeamRequest, context: Context) -> pb.GetTeamResponse:
        caller = current().caller
        subjects.check_brand(caller)
        async with self._db.read() as tx:
            (crew,) = await operations.crews_of(tx, [await store.get_team(tx, UUID(request.team_id))])
            return pb.GetTeamResponse(team=await _shown(tx, caller, crew))

    async def ListProfileTeams(
        self, request: pb.ListProfileTeamsRequest, context: Context
    ) -> pb.ListProfileTeamsResponse:
        caller = current().caller
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            profile_id = await _own(tx, caller, request.profile_id)
            ids = await subjects.list_ids(tx, profile_id)
            teams = await store.list_teams(tx, ids, before=before, limit=size + 1)
            people = await subjects.find_people(tx, {team.captain_id for team in teams})
        page, token = pagination.cut(request, teams, size, lambda team: [str(team.team_id)])
        return pb.ListProfileTeamsResponse(
            teams=[convert.team_to_proto(team, people[team.captain_id].profile_id) for team in page],
            next_page_token=token,
        )


async def _own(tx: ReadTx, caller: Caller, profile_id: str) -> str:
    """The person whom a caller may act for. Raises `PermissionDenied`."""
    subjects.check_brand(caller)
    profile_id = await subjects.resolve(tx, profile_id)
    await subjects.check_own(tx, caller, profile_id)
    return profile_id


async def _shown(tx: ReadTx, caller: Caller, crew: Crew) -> team_pb2.Team:
    only = await subjects.resolve(tx, caller.profile_id) if caller.profile_id else ""
    return convert.crew_to_proto(crew, only)


async def _with_budget(tx: ReadTx, campaign: TeamCampaign) -> team_pb2.TeamCampaign:
    if campaign.budget_id is None:
        return convert.campaign_to_proto(campaign, None)
    budgets = await budget_store.find_budgets(tx, [campaign.budget_id])
    return convert.campaign_to_proto(campaign, budgets[campaign.budget_id])
