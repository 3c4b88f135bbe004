"""What changes the ledger."""

from services.incentive.ledger.domain.settling import Unpostable
from services.incentive.ledger.operations.asking import Poster, post_asked
from services.incentive.ledger.operations.earning import ReverseOrder, earn, reverse_earning, take_back
from services.incentive.ledger.operations.merging import merge_accounts, merge_people, unmerge_accounts
from services.incentive.ledger.operations.posting import (
    SETTLED_AT_ONCE_MAX,
    check_solvent,
    post,
    repay,
    settle,
    settle_due,
)
from services.incentive.ledger.operations.rules import create_programme, update_programme

__all__ = [
    "SETTLED_AT_ONCE_MAX",
    "Poster",
    "ReverseOrder",
    "Unpostable",
    "check_solvent",
    "create_programme",
    "earn",
    "merge_accounts",
    "merge_people",
    "post",
    "post_asked",
    "repay",
    "reverse_earning",
    "settle",
    "settle_due",
    "take_back",
    "unmerge_accounts",
    "update_programme",
]
