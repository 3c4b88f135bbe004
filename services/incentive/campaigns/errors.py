"""Why campaigns are refused."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, Violation


class CampaignNotFound(NotFound):
    """No campaign has this id."""

    reason = "CAMPAIGN_NOT_FOUND"

    def __init__(self, campaign_id: UUID) -> None:
        super().__init__("no such campaign", campaign_id=str(campaign_id))


class CampaignInvalid(InvalidArgument):
    """The campaign's fields do not fit together."""

    reason = "CAMPAIGN_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class CampaignNotRunning(FailedPrecondition):
    """A draft cannot be paused."""

    reason = "CAMPAIGN_NOT_RUNNING"

    def __init__(self, campaign_id: UUID, state: str) -> None:
        super().__init__("the campaign does not run", campaign_id=str(campaign_id), state=state)


class JudgedMeanwhile(Exception):
    """Another transaction judged the same claim at the same time, and was the first to commit.

    The transaction is repeated from its start, as after a serialization failure, whose SQLSTATE this carries.
    """

    sqlstate = "40001"


class CouponUsedMeanwhile(Exception):
    """A coupon was used or set aside between finding and holding it. The transaction is repeated from its start."""

    sqlstate = "40001"


class CampaignNotPublishable(InvalidArgument):
    """The version breaks a law or a channel's policy."""

    reason = "CAMPAIGN_NOT_PUBLISHABLE"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class CampaignOver(FailedPrecondition):
    """The campaign was ended for good."""

    reason = "CAMPAIGN_OVER"

    def __init__(self, campaign_id: UUID, state: str) -> None:
        super().__init__("the campaign is over", campaign_id=str(campaign_id), state=state)


class CampaignNotOver(FailedPrecondition):
    """The campaign could still give."""

    reason = "CAMPAIGN_NOT_OVER"

    def __init__(self, campaign_id: UUID, state: str) -> None:
        super().__init__("the campaign is not over", campaign_id=str(campaign_id), state=state)


class GrantNotFound(NotFound):
    """No grant has this id."""

    reason = "GRANT_NOT_FOUND"

    def __init__(self, grant_id: UUID) -> None:
        super().__init__("no such grant", grant_id=str(grant_id))
