"""A campaign, its versions, and how it goes from draft to archive."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.campaigns.domain.terms import Terms
from services.incentive.campaigns.errors import CampaignNotOver, CampaignNotRunning, CampaignOver

LATENESS_MAX = timedelta(hours=72)
"""How long after it happened a fact may become known and still be judged (spec value §2.3)."""


class State(StrEnum):
    """Where a campaign stands. `SCHEDULED` is told by the clock, and so is `ENDED` unless it was ended by hand."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    ARCHIVED = "archived"


class Version(NamedTuple):
    """A version of a campaign, frozen from `publish_time` on; None while it is edited."""

    number: int
    terms: Terms
    publish_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """When this happens, give that, within this budget.

    `version` is the published one, the first while there is none; `draft_version` a later one that is being edited,
    0 for none. `stop_time` is when it was ended by hand.
    """

    campaign_id: UUID
    name: str
    state: State
    terms: Terms
    budget_id: UUID
    create_time: datetime
    version: int = 1
    draft_version: int = 0
    stop_time: datetime | None = None

    def covers(self, time: datetime) -> bool:
        """Whether a fact of this instant is answered to. Windows are half-open."""
        if self.stop_time is not None and time >= self.stop_time:
            return False
        return self.terms.start_time <= time < self.terms.end_time

    def standing(self, now: datetime) -> State:
        """Where it stands at an instant."""
        if self.state in (State.DRAFT, State.ENDED, State.ARCHIVED):
            return self.state
        if now >= self.terms.end_time:
            return State.ENDED
        return State.SCHEDULED if self.state == State.RUNNING and now < self.terms.start_time else self.state

    @property
    def is_draft(self) -> bool:
        """Whether nothing of it was ever published."""
        return self.state == State.DRAFT

    @property
    def edited(self) -> int:
        """The version that is edited, or would be frozen by publishing; 0 for none."""
        return self.version if self.is_draft else self.draft_version


def edited(campaign: Campaign) -> Campaign:
    """Begin the next version, or go on with the one that is begun. Raises `CampaignOver`."""
    _check_open(campaign)
    if campaign.edited:
        return campaign
    return replace(campaign, draft_version=campaign.version + 1)


def published(campaign: Campaign, terms: Terms) -> Campaign:
    """Have new facts judged by the edited version. A draft runs. Raises `CampaignOver`."""
    _check_open(campaign)
    state = State.RUNNING if campaign.is_draft else campaign.state
    return replace(campaign, state=state, terms=terms, version=campaign.edited, draft_version=0)


def started(campaign: Campaign) -> Campaign:
    """Let a published campaign give. Raises `CampaignOver`."""
    _check_open(campaign)
    return replace(campaign, state=State.RUNNING)


def paused(campaign: Campaign) -> Campaign:
    """Let a campaign give no more. Raises `CampaignNotRunning` for one that was not published or is over."""
    if campaign.state not in (State.RUNNING, State.PAUSED):
        raise CampaignNotRunning(campaign.campaign_id, campaign.state.upper())
    return replace(campaign, state=State.PAUSED)


def ended(campaign: Campaign, now: datetime) -> Campaign:
    """Let a campaign answer to nothing that happens from now on. Raises `CampaignNotRunning` for a draft."""
    if campaign.is_draft:
        raise CampaignNotRunning(campaign.campaign_id, campaign.state.upper())
    if campaign.state in (State.ENDED, State.ARCHIVED):
        return campaign
    return replace(campaign, state=State.ENDED, stop_time=now)


def archived(campaign: Campaign, now: datetime) -> Campaign:
    """Put a draft or an ended campaign away. Raises `CampaignNotOver`."""
    standing = campaign.standing(now)
    if standing not in (State.DRAFT, State.ENDED, State.ARCHIVED):
        raise CampaignNotOver(campaign.campaign_id, standing.upper())
    return replace(campaign, state=State.ARCHIVED)


def _check_open(campaign: Campaign) -> None:
    if campaign.state in (State.ENDED, State.ARCHIVED):
        raise CampaignOver(campaign.campaign_id, campaign.state.upper())
