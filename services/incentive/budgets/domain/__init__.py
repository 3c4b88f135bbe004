"""What may still be given. Pure: the same wants on the same budgets are paid alike."""

from services.incentive.budgets.domain.leases import TTL, Lease, Need, Nodes, chunk, folded
from services.incentive.budgets.domain.nodes import Budget, Kind, Stage, Status, below
from services.incentive.budgets.domain.periods import TIME_ZONE_DEFAULT, Bucket, Period, bucket_of, is_zone
from services.incentive.budgets.domain.purse import Move, Nest, Outcome, Purse, Scope, Tally, Want, merged

__all__ = [
    "TIME_ZONE_DEFAULT",
    "TTL",
    "Bucket",
    "Budget",
    "Kind",
    "Lease",
    "Move",
    "Need",
    "Nest",
    "Nodes",
    "Outcome",
    "Period",
    "Purse",
    "Scope",
    "Stage",
    "Status",
    "Tally",
    "Want",
    "below",
    "bucket_of",
    "chunk",
    "folded",
    "is_zone",
    "merged",
]
