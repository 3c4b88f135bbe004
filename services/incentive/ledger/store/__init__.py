"""Every statement on the ledger. A batch costs one statement per table, whatever its size."""

from services.incentive.ledger.store.accounts import end_openings, lock_accounts, lock_opened
from services.incentive.ledger.store.lots import (
    find_due,
    find_earned,
    get_lot,
    list_lots,
    open_shelf,
    save_shelf,
)
from services.incentive.ledger.store.plans import post_at_once
from services.incentive.ledger.store.programmes import (
    find_programmes,
    get_programme,
    insert_programme,
    list_programmes,
    lock_latest,
)
from services.incentive.ledger.store.reads import get_account, get_trial_balance, list_earned, list_entries, list_owned
from services.incentive.ledger.store.settled import get_settled, list_expiring, list_settled
from services.incentive.ledger.store.transfers import (
    DECIDED_ELSEWHERE,
    check_decided_once,
    find_decided,
    lock_originals,
    save_postings,
    save_refusals,
)
from services.incentive.ledger.store.unmerges import add_carried, find_brought, insert_unmerge, save_shortfalls

__all__ = [
    "DECIDED_ELSEWHERE",
    "add_carried",
    "check_decided_once",
    "end_openings",
    "find_decided",
    "find_brought",
    "find_due",
    "find_earned",
    "find_programmes",
    "get_account",
    "get_lot",
    "get_programme",
    "get_settled",
    "get_trial_balance",
    "insert_programme",
    "insert_unmerge",
    "list_earned",
    "list_entries",
    "list_expiring",
    "list_lots",
    "list_owned",
    "list_programmes",
    "list_settled",
    "lock_accounts",
    "lock_latest",
    "lock_opened",
    "lock_originals",
    "open_shelf",
    "post_at_once",
    "save_postings",
    "save_refusals",
    "save_shelf",
    "save_shortfalls",
]
