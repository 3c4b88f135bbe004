"""Messages about teams, from and to what they mean."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderRefunded
from bowen.distribution.v1.order_pb2 import Order
from bowen.incentive.v1 import campaign_pb2, team_pb2, team_service_pb2

from chassis.errors import Violation
from chassis.stamps import moment, stamp
from services.incentive.budgets.domain import Budget
from services.incentive.teams.domain import Channel, Crew, Kind, OrderRefund, Team, TeamCampaign
from services.incentive.teams.errors import TeamCampaignInvalid

TEAMS_PER_PROFILE_DEFAULT = 1

Request = team_service_pb2.CreateTeamCampaignRequest


def campaign_from_proto(
    request: Request, *, team_campaign_id: UUID, budget_id: UUID, now: datetime
) -> tuple[TeamCampaign, Budget | None]:
    """The campaign that is asked for, with its budget if it gives anything.

    Raises `TeamCampaignInvalid` with all that does not fit.
    """
    campaign = TeamCampaign(
        team_campaign_id=team_campaign_id,
        name=request.name,
        kind=Kind(_suffix(team_pb2.TeamCampaign.Kind.Name(request.kind), "KIND_")),
        size=request.size,
        ttl=timedelta(seconds=request.ttl_seconds),
        asset=request.asset,
        captain_amount=request.captain_amount,
        member_amount=request.member_amount,
        budget_id=budget_id if request.budget else None,
        teams_per_profile_max=request.teams_per_profile_max or TEAMS_PER_PROFILE_DEFAULT,
        channel=Channel(_suffix(campaign_pb2.Channel.Name(request.channel), "CHANNEL_")),
        start_time=moment(request.start_time),
        end_time=moment(request.end_time),
        create_time=now,
    )
    if violations := [*_violations(campaign), *_reward_violations(campaign, request.budget)]:
        raise TeamCampaignInvalid(violations)
    if campaign.budget_id is None:
        return campaign, None
    return campaign, Budget(campaign.budget_id, request.budget, name=campaign.name, asset=campaign.asset)


def _suffix(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _violations(campaign: TeamCampaign) -> Iterator[Violation]:
    if campaign.end_time <= campaign.start_time:
        yield "end_time", "must be after start_time"
    if campaign.kind == Kind.GROUP_BUY and campaign.size < 2:
        yield "size", "must be at least 2 for a group"
    if campaign.kind == Kind.HELP and campaign.channel == Channel.WECHAT_H5:
        yield "channel", "must not reward help: WeChat's rules forbid it on pages that are opened from a chat"


def _reward_violations(campaign: TeamCampaign, budget: int) -> Iterator[Violation]:
    if bool(campaign.team_cost) != bool(campaign.asset):
        yield "asset", "must be given together with an amount"
    if budget < campaign.team_cost:
        yield "budget", f"must pay for at least one team: {campaign.team_cost}"
    if budget and not campaign.team_cost:
        yield "budget", "must be absent when nothing is given"


def refund_of(event: OrderRefunded) -> OrderRefund | None:
    """The order of a refund; None while something of it remains."""
    order = event.order
    if order.state != Order.STATE_REFUNDED and not order.refunded_minor >= order.net_minor > 0:
        return None
    return OrderRefund(event.order_id, order.order_number, event.profile_id)


def kind_to_proto(kind: Kind) -> "team_pb2.TeamCampaign.Kind.ValueType":
    """What a team is for."""
    return team_pb2.TeamCampaign.Kind.Value(f"KIND_{kind.upper()}")


def campaign_to_proto(campaign: TeamCampaign, budget: Budget | None) -> team_pb2.TeamCampaign:
    """A campaign with what it spent."""
    return team_pb2.TeamCampaign(
        team_campaign_id=str(campaign.team_campaign_id),
        name=campaign.name,
        kind=kind_to_proto(campaign.kind),
        size=campaign.size,
        ttl_seconds=int(campaign.ttl.total_seconds()),
        asset=campaign.asset,
        captain_amount=campaign.captain_amount,
        member_amount=campaign.member_amount,
        budget_id=str(campaign.budget_id or ""),
        budget=budget.cap if budget else 0,
        spent=budget.committed if budget else 0,
        teams_per_profile_max=campaign.teams_per_profile_max,
        channel=campaign_pb2.Channel.Value(f"CHANNEL_{campaign.channel.upper()}"),
        stopped=campaign.stopped,
        start_time=stamp(campaign.start_time),
        end_time=stamp(campaign.end_time),
        create_time=stamp(campaign.create_time),
    )


def members_to_proto(crew: Crew, only: str = "") -> list[team_pb2.TeamMember]:
    """Who is in a team; `only` one person when one is named."""
    return [
        team_pb2.TeamMember(
            profile_id=person,
            order_reference=member.order_reference,
            join_time=stamp(member.join_time),
            refund_time=stamp(member.refund_time) if member.refund_time else None,
        )
        for member in crew.present
        if (person := crew.person(member.profile_id)) and only in ("", person)
    ]


def rewards_to_proto(crew: Crew, only: str = "") -> list[team_pb2.TeamReward]:
    """What a complete team got people; `only` one person when one is named."""
    return [
        team_pb2.TeamReward(asset=crew.campaign.asset, **reward._asdict())
        for reward in crew.rewards
        if only in ("", reward.profile_id)
    ]


def team_to_proto(team: Team, captain_id: str) -> team_pb2.Team:
    """How a team stands, without its members."""
    return team_pb2.Team(
        team_id=str(team.team_id),
        team_campaign_id=str(team.team_campaign_id),
        captain_profile_id=captain_id,
        state=team_pb2.Team.State.Value(f"STATE_{team.state.upper()}"),
        seats=team.seats,
        taken=team.taken,
        expire_time=stamp(team.expire_time),
        create_time=stamp(team.create_time),
        close_time=stamp(team.close_time) if team.close_time else None,
    )


def crew_to_proto(crew: Crew, only: str = "") -> team_pb2.Team:
    """A team with its members and what it got them; of these `only` one's when one is named."""
    message = team_to_proto(crew.team, crew.person(crew.team.captain_id))
    message.members.extend(members_to_proto(crew, only))
    message.rewards.extend(rewards_to_proto(crew, only))
    return message
