"""Why teams are refused."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, Violation


class TeamCampaignNotFound(NotFound):
    """No team campaign has this id."""

    reason = "TEAM_CAMPAIGN_NOT_FOUND"

    def __init__(self, team_campaign_id: UUID) -> None:
        super().__init__("no such team campaign", team_campaign_id=str(team_campaign_id))


class TeamCampaignInvalid(InvalidArgument):
    """The campaign's fields do not fit together, or its channel forbids it."""

    reason = "TEAM_CAMPAIGN_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class TeamCampaignNotRunning(FailedPrecondition):
    """The campaign has not begun, is over, or was stopped."""

    reason = "TEAM_CAMPAIGN_NOT_RUNNING"

    def __init__(self, team_campaign_id: UUID) -> None:
        super().__init__("no teams are opened at this time", team_campaign_id=str(team_campaign_id))


class TeamLimit(FailedPrecondition):
    """The person has opened as many teams of the campaign as one may."""

    reason = "TEAM_LIMIT"

    def __init__(self, limit: int) -> None:
        super().__init__(f"one may open {limit}", limit=str(limit))


class TeamUnfunded(FailedPrecondition):
    """The campaign's budget does not cover another team."""

    reason = "TEAM_UNFUNDED"

    def __init__(self, team_campaign_id: UUID) -> None:
        super().__init__("the budget does not cover another team", team_campaign_id=str(team_campaign_id))


class TeamNotFound(NotFound):
    """No team has this id."""

    reason = "TEAM_NOT_FOUND"

    def __init__(self, team_id: UUID) -> None:
        super().__init__("no such team", team_id=str(team_id))


class TeamFull(FailedPrecondition):
    """All seats are taken."""

    reason = "TEAM_FULL"

    def __init__(self, team_id: UUID, seats: int) -> None:
        super().__init__("all seats are taken", team_id=str(team_id), seats=str(seats))


class TeamOver(FailedPrecondition):
    """The team's time is over, or it is complete."""

    reason = "TEAM_OVER"

    def __init__(self, team_id: UUID) -> None:
        super().__init__("the team is not open any more", team_id=str(team_id))


class TeamSelfHelp(FailedPrecondition):
    """Nobody helps themselves, under whatever profile."""

    reason = "TEAM_SELF_HELP"

    def __init__(self, team_id: UUID) -> None:
        super().__init__("nobody helps themselves", team_id=str(team_id))


class TeamHelped(FailedPrecondition):
    """The person has helped another team of the campaign."""

    reason = "TEAM_HELPED"

    def __init__(self, team_id: UUID) -> None:
        super().__init__("one helps once in a campaign", team_id=str(team_id))


class TeamCaptain(FailedPrecondition):
    """The captain does not leave the team."""

    reason = "TEAM_CAPTAIN"

    def __init__(self, team_id: UUID) -> None:
        super().__init__("the captain does not leave", team_id=str(team_id))
