"""Every statement on the ledger. A batch costs one statement per table, whatever its size."""

from services.incentive.ledger.store.accounts import end_openings, lock_accounts, lock_opened
from services.incentive.ledger.store.reads import get_account, get_trial_balance, list_entries, list_owned
from services.incentive.ledger.store.transfers import (
    DECIDED_ELSEWHERE,
    find_decided,
    lock_originals,
    save_postings,
    save_refusals,
)

__all__ = [
    "DECIDED_ELSEWHERE",
    "end_openings",
    "find_decided",
    "get_account",
    "get_trial_balance",
    "list_entries",
    "list_owned",
    "lock_accounts",
    "lock_opened",
    "lock_originals",
    "save_postings",
    "save_refusals",
]
