"""Why tiers are refused."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import InvalidArgument, NotFound, Violation


class TierProgrammeNotFound(NotFound):
    """No tier programme has this id."""

    reason = "TIER_PROGRAMME_NOT_FOUND"

    def __init__(self, programme_id: UUID) -> None:
        super().__init__("no such tier programme", programme_id=str(programme_id))


class TierProgrammeInvalid(InvalidArgument):
    """The programme's fields do not fit together."""

    reason = "TIER_PROGRAMME_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class TierPlacementInvalid(InvalidArgument):
    """Nobody can be placed there like that."""

    reason = "TIER_PLACEMENT_INVALID"
