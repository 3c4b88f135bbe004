"""What may still be given. Pure: the same wants on the same budgets are paid alike."""

from services.incentive.budgets.domain.nodes import Budget, Kind, Status, below
from services.incentive.budgets.domain.periods import TIME_ZONE_DEFAULT, Bucket, Period, bucket_of, is_zone
from services.incentive.budgets.domain.purse import Move, Outcome, Purse, Scope, Want

__all__ = [
    "TIME_ZONE_DEFAULT",
    "Bucket",
    "Budget",
    "Kind",
    "Move",
    "Outcome",
    "Period",
    "Purse",
    "Scope",
    "Status",
    "Want",
    "below",
    "bucket_of",
    "is_zone",
]
