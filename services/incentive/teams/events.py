"""What others are told about teams."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.teams import convert
from services.incentive.teams.domain import Crew


async def team_completed(tx: Tx, crew: Crew, *, now: datetime) -> None:
    """A team is complete."""
    rewards = convert.rewards_to_proto(crew)
    await append(tx, [Fact(events_pb2.TeamCompleted(**_about(crew), rewards=rewards, complete_time=stamp(now)), now)])


async def teams_expired(tx: Tx, crews: Sequence[Crew], *, now: datetime) -> None:
    """Teams did not come together in time."""
    await append(tx, [Fact(events_pb2.TeamExpired(**_about(crew), expire_time=stamp(now)), now) for crew in crews])


def _about(crew: Crew) -> dict[str, Any]:
    return {
        "team_id": str(crew.team.team_id),
        "team_campaign_id": str(crew.campaign.team_campaign_id),
        "kind": convert.kind_to_proto(crew.campaign.kind),
        "captain_profile_id": crew.person(crew.team.captain_id),
        "members": convert.members_to_proto(crew),
    }
