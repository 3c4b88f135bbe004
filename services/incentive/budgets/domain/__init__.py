"""What may still be given. Pure: the same wants on the same budgets are paid alike."""

from services.incentive.budgets.domain.leases import TTL, Lease, Need, Nodes, chunk, folded
from services.incentive.budgets.domain.nodes import Budget, Kind, Stage, Status, below
from services.incentive.budgets.domain.periods import Bucket, Period, bucket_of
from services.incentive.budgets.domain.purse import Move, Nest, Outcome, Purse, Scope, Tally, Want, merged

__all__ = [
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
    "merged",
]
