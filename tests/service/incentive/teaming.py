"""Teams over gRPC, beside the service whose clock and ledger they have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bowen.incentive.v1 import team_pb2
from bowen.incentive.v1 import team_service_pb2 as pb
from bowen.incentive.v1.team_service_pb2_grpc import TeamServiceStub, add_TeamServiceServicer_to_server

from chassis.stamps import stamp
from services.incentive.teams.servicer import TeamServicer
from tests.service.incentive.rewarding import NOON, Incentive, new
from tests.serving import serving

GROUP_BUY, HELP = team_pb2.TeamCampaign.KIND_GROUP_BUY, team_pb2.TeamCampaign.KIND_HELP
DAY = 24 * 3600


@dataclass
class Teams:
    """Talks to teams."""

    stub: TeamServiceStub
    servicer: TeamServicer
    incentive: Incentive

    async def campaign(self, **fields: Any) -> str:
        """A group of three, with a day, of whom the captain gets ten points and the others five, for 10 teams."""
        given = {
            "request_id": new(),
            "name": "three for one",
            "kind": GROUP_BUY,
            "size": 3,
            "ttl_seconds": DAY,
            "asset": "points",
            "captain_amount": 10,
            "member_amount": 5,
            "budget": 200,
            "start_time": stamp(NOON),
            "end_time": stamp(NOON + timedelta(days=7)),
        }
        response = await self.stub.CreateTeamCampaign(pb.CreateTeamCampaignRequest(**given | fields))  # type: ignore[misc]
        return str(response.team_campaign.team_campaign_id)

    async def help_campaign(self, **fields: Any) -> str:
        """A captain who gets ten points when three helped."""
        return await self.campaign(**{"kind": HELP, "member_amount": 0, "budget": 100} | fields)

    async def read(self, campaign_id: str) -> team_pb2.TeamCampaign:
        request = pb.GetTeamCampaignRequest(team_campaign_id=campaign_id)
        return (await self.stub.GetTeamCampaign(request)).team_campaign  # type: ignore[misc,no-any-return]

    async def open(self, campaign_id: str, profile_id: str, **fields: str) -> team_pb2.Team:
        request = pb.OpenTeamRequest(
            **{"request_id": new()} | fields, team_campaign_id=campaign_id, profile_id=profile_id
        )
        return (await self.stub.OpenTeam(request)).team  # type: ignore[misc,no-any-return]

    async def join(self, team_id: str, profile_id: str, **fields: str) -> team_pb2.Team:
        request = pb.JoinTeamRequest(**{"request_id": new()} | fields, team_id=team_id, profile_id=profile_id)
        return (await self.stub.JoinTeam(request)).team  # type: ignore[misc,no-any-return]

    async def leave(self, team_id: str, profile_id: str) -> team_pb2.Team:
        request = pb.LeaveTeamRequest(request_id=new(), team_id=team_id, profile_id=profile_id)
        return (await self.stub.LeaveTeam(request)).team  # type: ignore[misc,no-any-return]

    async def get(self, team_id: str) -> team_pb2.Team:
        return (await self.stub.GetTeam(pb.GetTeamRequest(team_id=team_id))).team  # type: ignore[misc,no-any-return]

    async def points(self, *profile_ids: str) -> list[int]:
        return [await self.incentive.ledger.balance(f"member/{each}/available") for each in profile_ids]


@asynccontextmanager
async def a_teams(incentive: Incentive) -> AsyncIterator[Teams]:
    servicer = TeamServicer(incentive.db, incentive.clock)
    async with serving("incentive", incentive.clock, (add_TeamServiceServicer_to_server, servicer)) as client:
        yield Teams(TeamServiceStub(client), servicer, incentive)
